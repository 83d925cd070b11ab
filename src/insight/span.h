/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Ranges of bytes, of the guest disk mostly, added in any order and merged. Past SPANS_MAX of them
 * neighbours are joined with the gap between, and `exact` is false. */
#ifndef QCHECK_INSIGHT_SPAN_H
#define QCHECK_INSIGHT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPANS_MAX 65536

struct guest_span { uint64_t start, end; };       /* guest bytes, half open */

struct guest_spans {
    struct guest_span *list;          /* owned; sorted and merged after spans_settle */
    size_t n, cap;
    bool inexact;               /* memory ran out or there were too many */
};

/* Adds [start, start+len), clipped to a disk of `disk` bytes. */
void spans_add(struct guest_spans *s, uint64_t start, uint64_t len, uint64_t disk);
void spans_add_all(struct guest_spans *s, const struct guest_spans *from);
/* Sorts and merges; to be called before the list is read. */
void spans_settle(struct guest_spans *s);
/* Takes away what is in `less` (both settled). */
void spans_subtract(struct guest_spans *s, const struct guest_spans *less);
/* What is in neither of two (settled) on a disk of `disk` bytes; `s` is empty at first. */
void spans_rest(struct guest_spans *s, const struct guest_spans *a, const struct guest_spans *b,
                uint64_t disk);
uint64_t spans_bytes(const struct guest_spans *s);        /* settled */
bool spans_has(const struct guest_spans *s, uint64_t at);  /* settled: is this byte in one? */
void spans_free(struct guest_spans *s);

#endif
