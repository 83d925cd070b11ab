/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The plan of a measurement image: what lies where in it.
 *
 * In host clusters:
 *     fixed part    header, refcount table, active L1, L1 of each snapshot, snapshot table
 *     refcount blocks of the first ranges (front: all of them)
 *     body          "slots": L2 tables and data in the order asked for, refcount blocks at
 *                   the start of the range they describe, compressed clusters at the end
 * Everything follows from the plan by arithmetic, so nothing of the size of the image is
 * kept in memory, except one number per run with --order runs. */
#ifndef QCHECK_BENCH_PLAN_H
#define QCHECK_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK      4096         /* granularity of sparse writing */
#define SNAP_ENTRY 88           /* one snapshot: 40 fixed, 24 extra, id of 8, name of 16 */

enum order { SEQUENTIAL, RANDOM, RUNS };

struct plan {
    /* asked for */
    uint64_t size, claim, seed;
    unsigned cluster_bits, refcount_bits, snapshots;
    enum order order;
    bool front;                     /* tables in one piece before the data */
    bool extended;                  /* L2 entries of 16 bytes, all subclusters allocated */
    double fill, compressed, damage, flip;
    uint64_t scatter, entries;      /* tables and entries per table; 0 tables: all of them */

    /* follows */
    uint64_t cluster, n_guest, entry_size, l2_entries, n_l1, block_entries;
    uint64_t *scattered;            /* L1 indexes, sorted */
    uint64_t n_tables, n_normal, n_compressed, n_packed;    /* packed: host clusters */
    uint64_t slots;                 /* of tables and normal clusters */
    uint64_t table_at, l1_at, l1_clusters, snap_at, fixed, first_slot, n_blocks, total;
    uint64_t reftable_clusters, snap_len;

    /* --order runs: where each piece (an L2 table, or a run inside one table) starts */
    uint32_t *piece;                /* its length, later its first slot */
    uint64_t n_pieces, pieces_cap;
};

/* Prints what went wrong, with errno where it is set, and exits with 1. */
_Noreturn void die(const char *what);
void *must(void *p);                    /* dies of NULL */

/* Stores a big-endian integer of `width` bytes. */
void put(uint8_t *at, uint64_t value, unsigned width);
uint64_t div_up(uint64_t a, uint64_t b);

/* Completes a plan from what was asked for: judges the options, walks the guest disk once
 * to count, and places everything. */
void plan_make(struct plan *p);
void plan_free(struct plan *p);

/* Stored refcount of a host cluster, and the host cluster of refcount block k. */
uint64_t refcount_of(const struct plan *p, uint64_t host);
uint64_t block_cluster(const struct plan *p, uint64_t k);

/* Walks the guest disk again and writes every L2 and L1 table. */
typedef void (*plan_writer)(const uint8_t *bytes, size_t len, uint64_t off);
void plan_write_tables(struct plan *p, plan_writer write);

#endif
