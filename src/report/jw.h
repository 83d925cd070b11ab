/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes JSON as a stream: memory does not grow with the output. The layout is that of
 * qemu-img (four spaces), or one line per value in compact mode. Numbers are exact; text
 * is encoded by jansson as ASCII, so that the result is valid UTF-8 and cannot act on a
 * terminal whatever an image holds.
 *
 * Inside objects each call gives a key, inside arrays key is NULL. */
#ifndef QCHECK_REPORT_JW_H
#define QCHECK_REPORT_JW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/out.h"

#define JW_DEPTH_MAX 32

struct jw {
    struct out *out;        /* borrowed */
    bool array[JW_DEPTH_MAX];
    bool some[JW_DEPTH_MAX];    /* the open value has members already */
    bool flat[JW_DEPTH_MAX];    /* ... and stands on one line */
    unsigned depth;
};

#define JW_INIT(o) { .out = (o) }

void jw_object(struct jw *j, const char *key);
void jw_array(struct jw *j, const char *key);
/* The same, all on one line with everything in it. */
void jw_object_flat(struct jw *j, const char *key);
void jw_array_flat(struct jw *j, const char *key);
/* Closes the innermost one; a newline follows the outermost. */
void jw_close(struct jw *j);

void jw_u64(struct jw *j, const char *key, uint64_t v);
void jw_real(struct jw *j, const char *key, double v);
void jw_bool(struct jw *j, const char *key, bool v);
void jw_null(struct jw *j, const char *key);
/* "0x8000000000050000": words of bits, which are no quantities. */
void jw_hex(struct jw *j, const char *key, uint64_t v);
void jw_text(struct jw *j, const char *key, const char *text);
/* Bytes of unknown origin: what is no UTF-8 becomes U+FFFD, byte by byte. */
void jw_bytes(struct jw *j, const char *key, const void *bytes, size_t len);

/* Number v unless it is NO_ADDRESS (UINT64_MAX): then the member is left out. */
void jw_address(struct jw *j, const char *key, uint64_t v);

#endif
