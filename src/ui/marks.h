/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which problems concern a table entry or a host cluster: an index over the problems of a
 * scan, so that a view can mark the rows it shows. */
#ifndef QCHECK_UI_MARKS_H
#define QCHECK_UI_MARKS_H

#include "scan/scan.h"

struct mark_span { uint64_t start, end; size_t problem; };

struct mark_index { struct mark_span *list; size_t n; uint64_t longest; };

struct marks {
    struct mark_index bytes;        /* entries and fields, by file offset */
    struct mark_index clusters;     /* problems of host clusters */
};

/* Without memory the index stays empty. */
void marks_build(struct marks *m, const struct scan_result *scan);
void marks_free(struct marks *m);

/* Problem records that touch [start, start+len); *first is the index in the list of
 * problems of the gravest one (untouched when there is none). */
size_t marks_of_bytes(const struct marks *m, const struct problems *p, uint64_t start,
                      uint64_t len, size_t *first);
size_t marks_of_clusters(const struct marks *m, const struct problems *p, uint64_t start,
                         uint64_t n, size_t *first);

/* What is wrong, and where with which numbers: "COPIED flag ...: L1[3]: entry ...". */
void marks_words(const struct problem *p, const struct image *img, struct buf *out);

#endif
