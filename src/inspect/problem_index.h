/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The problems of a scan by place: what was found at some bytes of the file, or about some
 * host clusters. Built once per scan; views mark the rows they show with it, listings say
 * inline what is wrong. */
#ifndef QCHECK_INSPECT_PROBLEM_INDEX_H
#define QCHECK_INSPECT_PROBLEM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/scan.h"

struct problem_index;

/* Indexes the records that were kept; the scan is borrowed and must outlive the index. */
bool problem_index_new(const struct scan_result *scan, struct problem_index **out,
                       struct error *err);
void problem_index_free(struct problem_index *x);       /* accepts NULL */

#define HIT_KINDS_MAX 12        /* kinds told of one place */

/* What was found. Start with { .n = 0 }; each question below adds to it. */
struct problem_hits {
    size_t n;                               /* records */
    size_t gravest;                         /* of them: index in the scan's list; the first
                                               one of those that are equally grave. Only
                                               valid where n > 0 */
    enum problem_kind kind[HIT_KINDS_MAX];  /* each once, in the order of the table */
    size_t n_kinds;
};

/* Records about table entries, fields and structures that touch the bytes
 * [start, start+len) of the file. An entry of a refcount block narrower than a byte
 * touches the whole byte. An index of NULL finds nothing (here and below). */
void problem_index_bytes(const struct problem_index *x, uint64_t start, uint64_t len,
                         struct problem_hits *io);

/* Records about host clusters (refcounts, overlaps) among [first, first+n). */
void problem_index_clusters(const struct problem_index *x, uint64_t first, uint64_t n,
                            struct problem_hits *io);

/* First cluster after this one where a record about clusters begins or ends; UINT64_MAX:
 * none does. */
uint64_t problem_index_next_cluster(const struct problem_index *x, uint64_t cluster);

#endif
