/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The full scan: follows every reference, counts, compares, judges. A plain function; the
 * inspector runs it as a task (base/task.h). */
#ifndef QCHECK_SCAN_SCAN_H
#define QCHECK_SCAN_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "qcow2/image.h"
#include "scan/map.h"
#include "scan/problem.h"

enum scan_phase {
    PHASE_START, PHASE_REFBLOCKS, PHASE_L1, PHASE_L2, PHASE_EXPLAIN, PHASE_COMPARE,
    PHASE_DONE, N_PHASES
};

const char *scan_phase_name(enum scan_phase p);     /* "reading L2 tables" */

#define PREVIEW_BINS 8192

/* Shared with a running scan. The owner zeroes it, sets `want_preview`, and may read all
 * of it at any time and set `cancel`. */
struct scan_progress {
    _Atomic int phase;              /* enum scan_phase */
    _Atomic uint64_t done, total;   /* units of the current phase (tables, blocks) */
    _Atomic uint64_t overall;       /* 0 to 1000: permille of the whole scan */
    _Atomic bool cancel;
    bool want_preview;
    /* Class of some cluster last seen in each bin of 2^scan_preview_shift() neighbouring
     * host clusters; 0: nothing seen yet, else enum cluster_class + 1. */
    _Atomic uint8_t preview[PREVIEW_BINS];
};

struct scan_options {
    unsigned threads;               /* 0: as many as there are cores */
    size_t problems_kept;           /* 0: PROBLEMS_KEPT_DEFAULT */
    const struct problem_sink *sink;    /* gets all records; NULL: none. With one, damaged
                                           tables and refcounts are judged by one thread */
    uint64_t memory_limit;          /* bytes for the whole program; 0: a byte and a
                                       quarter per cluster and MEMORY_BASE */
    bool tightest;                  /* for tests: as little memory as possible */
};

/* log2 of the clusters of one preview bin of this image. */
unsigned scan_preview_shift(const struct image *img);

/* What QEMU's check would print. Never mixed with our own findings. */
struct qemu_counts {
    bool refused;                   /* QEMU opens or checks nothing (img->refused or found
                                       during the scan; reason in scan_result.refused) */
    uint64_t corruptions, leaks, check_errors;
    uint64_t image_end_offset;      /* bytes */
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
};

/* Facts about the active layer and each snapshot (entries, not distinct clusters). */
struct layer_stats {
    uint64_t l1_entries, l1_used, l1_unaligned, l1_invalid;
    uint64_t l2_tables;             /* distinct */
    uint64_t unallocated, zero_plain, zero_alloc, normal, compressed;   /* L2 entries */
    uint64_t unaligned, invalid;    /* L2 entries with such a fault */
};

struct scan_stats {
    struct layer_stats active;
    uint64_t class_clusters[N_CLASSES];     /* of the whole file */
    uint64_t beyond_references;     /* references past the end of the file */
    uint64_t twice_active;          /* clusters referenced twice from the active layer */
    uint64_t data_steps, data_breaks;       /* neighbouring guest clusters that have host
                                       clusters; of them not neighbours in the file */
    uint64_t largest_extent;        /* clusters: longest run contiguous in guest and file */
    uint64_t highest_used;          /* host cluster, refcounted or referenced */
    uint64_t l2_tables;             /* distinct tables read */
    uint64_t refblocks;             /* blocks read */
    /* --stats */
    double seconds[N_PHASES];
    uint64_t entries, requests, bytes_read, peak_memory;
    unsigned threads;
};

/* A distinct L2 table that the scan read. */
struct l2_table {
    uint64_t off;               /* host byte */
    uint32_t l1_index;          /* of its first reference: active layer first, */
    uint32_t layer;             /* then snapshots in order (LAYER_ACTIVE or number + 1) */
    uint32_t n_active;          /* active L1 entries that refer to it */
    uint32_t n_snapshot;        /* L1 entries of snapshots that do; at most 2^32 - 1 */
};

struct scan_result {
    const struct image *img;    /* borrowed */
    bool partial;               /* cancelled: refcounts were not all compared */
    struct refusal refused;     /* why QEMU would not check it; id NULL: it does */
    struct qemu_counts qemu;
    struct scan_stats stats;
    uint64_t memory_limit;      /* bytes */
    bool memory_short;          /* records of problems were lost to it, or the number of
                                   references of some clusters; never a judgement */
    struct problems problems;   /* sorted by place in the file within each kind */
    struct map *map;            /* owned */
    struct l2_table *l2;        /* owned, sorted by off; NULL when there are none, or when
                                   there was no room for all of them */
    size_t n_l2;
};

/* False only when memory runs out or the limit is too narrow for the book of the clusters
 * that are referred to; I/O errors are problems. A narrow limit costs time and records of
 * problems; counts stay exact. */
bool scan_run(const struct image *img, const struct scan_options *opt,
              struct scan_progress *progress, struct scan_result **out, struct error *err);
void scan_free(struct scan_result *r);      /* accepts NULL */

/* That of qemu-img check: 0 clean, 1 it does not open the image or the check was not
 * completed, 2 corruptions, 3 leaks only. */
int scan_exit_status(const struct scan_result *r);
/* The same, and 2 for every corruption that qemu-img does not look for, or does not come to
 * because it refuses the image. */
int scan_strict_status(const struct scan_result *r);

/* Bytes of guest disk (active layer) that problems of severity corruption concern; exact
 * as far as records were kept. */
uint64_t scan_guest_bytes_damaged(const struct scan_result *r);

#endif
