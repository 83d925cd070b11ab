/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of pass_l2: items, workers, and the decoding of one table. */
#ifndef QCHECK_SCAN_L2PASS_H
#define QCHECK_SCAN_L2PASS_H

#include "scan/engine.h"

enum item_kind { ITEM_DATA, ITEM_ZERO, ITEM_COMPRESSED, N_ITEM_KINDS };

/* An item is a run of host clusters that one table refers to: bits 0-11 length - 1
 * (clusters), 12 COPIED, 13-14 kind, 15-63 first cluster. It never crosses a chunk. */
static inline uint64_t item_make(uint64_t cl, uint64_t len, enum item_kind kind,
                                 uint64_t copied)
{
    return cl << 15 | (uint64_t)kind << 13 | copied << 12 | (len - 1);
}

static inline uint64_t item_cluster(uint64_t item)
{
    return item >> 15;
}

static inline unsigned item_len(uint64_t item)
{
    return (item & 0xfff) + 1;
}

struct segment { uint32_t table; uint32_t end; };   /* items of one table, end exclusive */

struct item_list {
    uint64_t *item;
    struct segment *segment;
    size_t n, cap, n_segments, cap_segments;
};

#define STEP_CACHE 24

struct cached_step { uint32_t owners; uint64_t weight; struct step step; };

struct l2_worker {
    struct reader reader;
    uint64_t *off;                      /* of the tables of a batch */
    struct item_list *list[2];          /* per partition */
    uint64_t **tail;                    /* per partition: where the next item goes */
    struct cached_step cache[STEP_CACHE];
    unsigned n_cached, next_cached;
    struct layer_stats active;
    uint64_t frag, breaks, steps, beyond, entries, largest;
    bool grown;
};

/* Decodes table k of the worker's batch, number `index` of all, into its lists `buffer`;
 * marks it as a suspect where it is odd. False when memory runs out. */
bool l2_decode_table(struct engine *e, struct l2_worker *w, unsigned buffer, size_t index,
                     size_t k);

#endif
