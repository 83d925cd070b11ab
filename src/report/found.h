/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which problems were found at an entry or a cluster: the records of a scan sorted by
 * place, for listings that walk a table and say inline what is wrong. */
#ifndef QCHECK_REPORT_FOUND_H
#define QCHECK_REPORT_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "report/jw.h"
#include "scan/scan.h"

struct found;

#define FOUND_MAX 12        /* kinds told of one place */

struct found_kinds {
    enum problem_kind kind[FOUND_MAX];
    size_t n;
};

/* Indexes the records kept; the scan must outlive it. */
bool found_new(const struct scan_result *scan, struct found **out, struct error *err);
void found_free(struct found *f);       /* accepts NULL */

/* Adds the kinds found at the table entry that lies at this file offset. */
void found_at_entry(const struct found *f, uint64_t file_off, struct found_kinds *out);

/* Adds the kinds found at a host cluster (refcounts, overlaps). */
void found_at_cluster(const struct found *f, uint64_t cluster, struct found_kinds *out);

/* First cluster after `cluster` where a record begins or ends; UINT64_MAX: none. */
uint64_t found_next_cluster(const struct found *f, uint64_t cluster);

/* "  refcount-zero l2-table-copied-flag", nothing when there is none. */
void found_text(const struct found_kinds *k, struct out *out);
/* The member `problems`, an array of ids; left out when there is none. */
void found_json(const struct found_kinds *k, struct jw *j);

#endif
