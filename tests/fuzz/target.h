/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What one input goes through, in parts. */
#ifndef QCHECK_TESTS_FUZZ_TARGET_H
#define QCHECK_TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "report/out.h"
#include "scan/scan.h"

#define NAME            "image"
#define PROBLEMS_KEPT   64              /* of one kind */

/* Parts (parts.c) that need no scan. */
void fuzz_open(const uint8_t *data, size_t size);
void fuzz_decompress(const uint8_t *data, size_t size);
void fuzz_address(const uint8_t *data, size_t size);
void fuzz_content(const uint8_t *data, size_t size);
void fuzz_disk(const uint8_t *data, size_t size);
void fuzz_plan_file(const uint8_t *data, size_t size);
void fuzz_repair(const uint8_t *data, size_t size);
void fuzz_rescue(const uint8_t *data, size_t size);

/* Where a report goes: looked at, and dropped. */
struct sink {
    char *bytes;                /* owned (sink_free), OUTPUT_MAX of them */
    size_t len;
    bool full;                  /* not all was taken */
    const char *forbidden;      /* text that must not be in any report; NULL: none */
    FILE *f;
    struct out out;
};

enum form { FORM_TEXT, FORM_COLOUR, FORM_JSON, FORM_JSON_LINES };

void sink_init(struct sink *s);
void sink_free(struct sink *s);
void sink_open(struct sink *s);
/* Fails when what was written could act on a terminal, or is no JSON. ok: the report says
 * that it is complete. */
void sink_close(struct sink *s, enum form form, bool ok);

/* backed: with a chain of backing files, of the same bytes. */
void report_info(const struct image *img, bool backed, const uint8_t *data, size_t size,
                 struct sink *s);
void report_check(const struct scan_result *scan, struct sink *s);
void report_tables(const struct scan_result *scan, bool json, struct sink *s);
void report_maps(const struct scan_result *scan, unsigned choice, struct sink *s);
void report_places(const struct scan_result *scan, unsigned choice, struct sink *s);

/* Both fail when the second scan, which may be NULL and is freed, has found something else
 * than the first: in any way, or as far as a scan short of memory can tell. */
void compare_whole(const struct scan_result *one, struct scan_result *two);
void compare_tightest(const struct scan_result *one, struct scan_result *tight);

#endif
