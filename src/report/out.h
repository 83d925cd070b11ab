/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where a report goes. Remembers the first failure, after which nothing more is written:
 * callers of long listings ask out_ok() now and then, everybody asks out_end() once. */
#ifndef QCHECK_REPORT_OUT_H
#define QCHECK_REPORT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct out {
    FILE *f;                /* borrowed; used by one thread at a time */
    int sys;                /* errno of the first failure, 0: none */
};

void out_puts(struct out *o, const char *text);
void out_write(struct out *o, const void *bytes, size_t len);
/* The two numbers that long listings are made of, without the cost of a format. */
void out_dec(struct out *o, uint64_t v);
void out_hex(struct out *o, uint64_t v, unsigned digits);   /* at least so many digits */
void out_printf(struct out *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes of unknown origin, made visible (text_visible). */
void out_visible(struct out *o, const void *bytes, size_t len);

bool out_ok(const struct out *o);

/* Flushes. False when something was not written; *err says why. A reader that went away
 * (EPIPE) is told apart by err->sys, so that it can be passed over in silence. */
bool out_end(struct out *o, struct error *err);

#endif
