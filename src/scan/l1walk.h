/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Walks the words of all L1 tables, each word once, however many tables claim it. */
#ifndef QCHECK_SCAN_L1WALK_H
#define QCHECK_SCAN_L1WALK_H

#include <stdatomic.h>

#include "scan/scan.h"
#include "scan/sweep.h"

/* One word that is not zero.
 *   first       the table of the lowest number that holds it
 *   at          host byte of the word
 *   n_active, n_snapshot    how many active and snapshot L1 tables hold it */
struct l1_word {
    struct place place;         /* in `first`, guest offset included */
    uint64_t at, value;
    uint32_t n_active, n_snapshot;
};

struct l1_walk {
    const struct image *img;
    _Atomic bool *cancel;       /* may be NULL */
    void *ctx;
    /* Return false to end the walk. */
    bool (*word)(void *ctx, const struct l1_word *w);
    /* These bytes could not be read; place: of the first word of them. May be NULL. */
    void (*unreadable)(void *ctx, const struct place *place, struct source_span bad);
    /* n words are done; may be NULL. */
    void (*done)(void *ctx, uint64_t n);
};

/* Words that the tables have inside the file, an upper bound for progress. */
uint64_t l1_walk_total(const struct image *img);

/* False when memory ran out, when `word` said so, or when cancelled. */
bool l1_walk_run(const struct l1_walk *walk);

#endif
