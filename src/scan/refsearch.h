/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Finds all references to a set of host clusters by walking everything again with a
 * filter. Serves "who points here" and the naming of owners after a scan. */
#ifndef QCHECK_SCAN_REFSEARCH_H
#define QCHECK_SCAN_REFSEARCH_H

#include <stdatomic.h>

#include "scan/referrers.h"

struct ref_target { uint64_t first, n; };       /* host clusters */

struct ref_search {
    const struct image *img;
    const struct l2_table *l2;          /* all distinct L2 tables, sorted by off; NULL: */
    size_t n_l2;                        /* they are found window by window */
    size_t window;                      /* ... of at most so many; 0: no limit */
    bool metadata_only;                 /* L2 tables need not be read */
    const struct ref_target *target;    /* sorted by `first`, not overlapping */
    size_t n_targets;
    unsigned threads;
    _Atomic bool *cancel;               /* may be NULL */
    _Atomic uint64_t *tables_done;      /* L2 tables searched so far; may be NULL */
    /* Called once per reference and target it touches; never by two threads at once, in no
     * fixed order. */
    void (*hit)(void *ctx, size_t target, const struct referrer *r);
    void *ctx;
};

/* False when memory runs out or when cancelled. */
bool ref_search_run(const struct ref_search *s, struct error *err);

/* An order of referrers: by owner, layer, index. < 0, 0, > 0. */
int referrer_compare(const struct referrer *a, const struct referrer *b);

#endif
