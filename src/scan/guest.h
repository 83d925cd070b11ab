/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The guest disk seen from its own side: where each guest offset lives. */
#ifndef QCHECK_SCAN_GUEST_H
#define QCHECK_SCAN_GUEST_H

#include <stdatomic.h>

#include "scan/scan.h"

enum guest_class {
    GUEST_UNALLOCATED,      /* reads as zeros: no backing file */
    GUEST_BACKING,          /* unallocated: read from the backing file */
    GUEST_ZERO,
    GUEST_DATA,
    GUEST_COMPRESSED,
    GUEST_SHARED,           /* data that a snapshot holds as well; of a snapshot: that the
                               active layer does */
    GUEST_DAMAGED,          /* cannot be read, or cannot be trusted */
    N_GUEST_CLASSES
};

struct guest_class_info { const char *id, *name; char letter; const char *meaning; };
const struct guest_class_info *guest_class_info(enum guest_class c);

/* One guest offset followed through the tables of a layer. */
struct guest_hit {
    uint64_t l1_index, l2_index;
    uint64_t l1_off;            /* host byte of the L1 entry */
    uint64_t l1_entry;          /* raw */
    uint64_t l2_off;            /* host byte of the L2 entry; NO_ADDRESS: no table */
    struct l2_entry entry;      /* decoded; type L2_UNALLOCATED when there is no table */
    uint64_t host_off;          /* host byte of the very offset; NO_ADDRESS: none, or compressed */
};

/* table: LAYER_ACTIVE or snapshot number + 1. False when the offset lies beyond the L1
 * table of that layer, or on an I/O error. */
bool guest_lookup(const struct image *img, uint32_t layer, uint64_t guest_off,
                  struct guest_hit *out, struct error *err);

struct guest_hist {
    uint64_t n[N_GUEST_CLASSES];    /* guest clusters */
    uint64_t breaks;                /* steps to a host cluster that is no neighbour */
    uint64_t steps;
};

static inline uint64_t guest_hist_sum(const struct guest_hist *h)
{
    uint64_t sum = 0;

    for (int c = 0; c < N_GUEST_CLASSES; c++)
        sum += h->n[c];
    return sum;
}

/* A survey of a layer in equal parts (bins), made once after the scan by walking
 * L1 order; finer detail is read from the tables on demand. */
struct guest_map;

bool guest_map_build(const struct scan_result *scan, uint32_t layer, _Atomic bool *cancel,
                     struct guest_map **out, struct error *err);
void guest_map_free(struct guest_map *g);

/* Histograms of n_cells neighbouring cells of `per_cell` guest clusters each, starting at
 * guest cluster `first`. Reads tables when cells are finer than the survey, and at their
 * edges (bounded by the clusters on the screen). */
bool guest_map_cells(const struct guest_map *g, uint64_t first, uint64_t per_cell,
                     size_t n_cells, struct guest_hist *out, struct error *err);
/* The same for drawing: where cells are coarser than the parts of the survey each begins
 * and ends at the edge of one, at most a part before its own, so that no table is read. */
bool guest_map_tiles(const struct guest_map *g, uint64_t first, uint64_t per_tile,
                     size_t n_tiles, struct guest_hist *out, struct error *err);

/* An extent of equal mapping, as `qemu-img map` lists them. */
struct guest_extent {
    uint64_t start, length;     /* guest bytes */
    enum l2_type type;
    bool mapped;                /* an entry says so in this file (else: unallocated) */
    bool zero, data, compressed;
    uint64_t host_off;          /* NO_ADDRESS: none */
    bool damaged;               /* entry that QEMU would refuse to read */
};

/* The extent of layer `table` that starts at guest byte `from` (merging equal neighbours
 * with contiguous offsets; subclusters respected). False at the end of the disk. */
struct guest_walk;      /* keeps the current table; for lists from start to end */
bool guest_walk_open(const struct image *img, uint32_t layer, uint64_t from, uint64_t to,
                     struct guest_walk **out, struct error *err);
bool guest_walk_next(struct guest_walk *w, struct guest_extent *out, struct error *err);
void guest_walk_free(struct guest_walk *w);

#endif
