/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Who points here: all references to a range of host clusters, found by walking again with
 * a filter. No index is kept; the walk is that fast. */
#ifndef QCHECK_SCAN_REFERRERS_H
#define QCHECK_SCAN_REFERRERS_H

#include <stdatomic.h>

#include "scan/scan.h"

struct referrer {
    enum owner owner;           /* one OWNER_* kind */
    struct place place;         /* the entry or field that holds the reference */
    uint64_t value;             /* the raw entry */
    uint64_t host_off, host_len;    /* bytes it claims */
    uint64_t walks;             /* times it counts: an entry of a shared table once per owner */
    uint32_t owners;            /* all its bits in the book (scan/class.h) */
    bool counted;               /* the scan counts it: it does not lie too far after the end */
};

struct referrers {
    struct referrer *list;      /* owned; order: header, L1, snapshots, ..., L2 by table */
    size_t n;
    uint64_t total;             /* found; more than n when over `max` */
};

struct referrers_query {
    const struct image *img;
    const struct scan_result *scan;     /* makes it fast (its list of L2 tables); or NULL */
    uint64_t first, n;                  /* host clusters [first, first + n) */
    size_t max;                         /* references kept; all are counted */
    unsigned threads;                   /* 0: one per core */
};

/* Finds references to clusters. May be NULL: cancel; tables_done, the number of L2 tables
 * looked at so far. */
bool referrers_find(const struct referrers_query *q, _Atomic bool *cancel,
                    _Atomic uint64_t *tables_done, struct referrers *out,
                    struct error *err);
void referrers_free(struct referrers *r);

#endif
