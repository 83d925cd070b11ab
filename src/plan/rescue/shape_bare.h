/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The size of clusters of an image of which no table is left at all, by what the guest's data
 * says: blocks that bear their own address lie in the file as far apart as on the disk, as long
 * as they are in one cluster or in neighbours. Where they are not, the difference is a multiple
 * of the size of a cluster. A refcount block that is left tells by the number of its entries. */
#ifndef QCHECK_PLAN_RESCUE_SHAPE_BARE_H
#define QCHECK_PLAN_RESCUE_SHAPE_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block of the volume `key` that says that it lies at byte `addr` of it. */
struct sighting { uint64_t key, off, addr; };

/* What may be refcounts of 16 bits: so many in a row, up to the first 0. */
struct refcount_run { uint64_t off, n; };
#define REFCOUNT_RUNS_MAX 64

struct bare {
    struct sighting *seen;          /* owned */
    size_t n_seen, seen_cap;
    struct refcount_run run[REFCOUNT_RUNS_MAX];
    size_t n_runs;
    bool has_disk;
    uint64_t disk_off;              /* of what may be the first sector of a disk */
};

/* Looks at the 512 bytes at `off` of the file, after which there are more, up to len in all.
 * False: no memory. */
bool bare_look(struct bare *b, uint64_t off, const uint8_t *bytes, size_t len);

/* The size of clusters, as a power of two. *likely: more speaks for it than that it is usual.
 * False: the file says nothing of it, or it is a raw disk. */
bool bare_cluster_bits(struct bare *b, uint64_t file_size, uint32_t *bits, bool *likely);
void bare_free(struct bare *b);

#endif
