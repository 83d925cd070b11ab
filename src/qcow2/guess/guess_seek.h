/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the guessing: looking for tables by what is in them. Nobody but
 * qcow2/guess*.c includes this. */
#ifndef QCHECK_QCOW2_GUESS_SEEK_H
#define QCHECK_QCOW2_GUESS_SEEK_H

#include "base/source.h"
#include "qcow2/geometry.h"

#define SEEK_PAGE 65536                 /* bytes of one table looked at, at most */

struct seek {
    struct source *src;
    uint64_t file_size;
    struct header hdr;                  /* values on trial, the sound ones among them */
    struct geometry geo;                /* that follow from them: seek_geometry */
    uint64_t reads_left;                /* of all the guessing, 4 KiB and less each */
    bool lenient;                       /* a refcount table may have a stray entry */
    bool no_refcounts;                  /* no refcount table is known: do without */
};

/* Takes over what is in `hdr`. False: cluster_bits out of range. */
bool seek_geometry(struct seek *s);

/* Reads up to `len` bytes, zeros past the end. False: I/O error, or no reads left. */
bool seek_read(struct seek *s, uint64_t off, void *dst, size_t len);

/* Stored refcount of a cluster by the table on trial. False: nothing there says it. */
bool seek_refcount(struct seek *s, uint64_t cluster, uint64_t *out);
/* Is it exactly / at least 1? Without a refcount table everything is. */
bool seek_owned(struct seek *s, uint64_t off, bool exactly);

/* Calls `visit` for each cluster but the first that is not a hole, with its first `probe`
 * bytes (at most 4096), up to `limit` clusters. Ends when it returns true. */
typedef bool seek_visit(struct seek *s, uint64_t off, const uint8_t *bytes, size_t len,
                        void *data);
void seek_sweep(struct seek *s, size_t probe, uint64_t limit, seek_visit *visit,
                void *data);

/* --- refcount table (guess_reftable.c) --- */

struct reftable_found {
    uint64_t off, clusters;
    uint64_t entries;                   /* that point to blocks */
    uint32_t cluster_bits, refcount_order;
};

/* Does a refcount table that agrees with itself start at `off`? Entries are aligned,
 * distinct and in the file, and by its blocks the first cluster, the table and the blocks
 * are used once. clusters 0: unknown; then it is found out. On success the values are in
 * hdr and geo as well. */
bool reftable_fits(struct seek *s, uint64_t off, uint64_t clusters,
                   struct reftable_found *out);

/* Is there any sign of a refcount table in the place that hdr names? */
bool reftable_makes_sense(struct seek *s);

/* The first cluster of the file where one fits. Tries `orders` (ended by 255) at each. */
bool reftable_search(struct seek *s, const uint8_t *orders, uint64_t limit,
                     struct reftable_found *out);

/* --- L1 table (guess_l1.c) --- */

struct l1_found {
    uint64_t off;
    uint64_t used;                      /* entries in use, of those looked at */
    uint64_t looked;                    /* tables that entries point to, looked into */
    uint64_t good, empty, bad;          /* ... what they are */
    uint64_t flags;                     /* ... entries whose COPIED flag is right */
};

/* What an L1 table of n entries at `off` would be. False: it cannot be one. */
bool l1_look(struct seek *s, uint64_t off, uint64_t n, struct l1_found *out);
/* Two levels of tables, and no doubt about any. */
bool l1_convinces(const struct l1_found *l);

/* Are there entries in the place that hdr names, and not one possible? */
bool l1_is_nonsense(struct seek *s);

/* The best table that convinces, in the default place or found by search, and is not of a
 * snapshot. n: entries, 0 unknown. *searched: not in the default place. */
bool l1_search(struct seek *s, uint64_t n, uint64_t limit, struct l1_found *out,
               bool *searched);

/* Entries of the table at `off`, as far as it is one, up to the last in use. */
uint64_t l1_extent(struct seek *s, uint64_t off);
/* Does the table that hdr names reach over clusters behind the `needed` entries where something
 * else stands, or past the end of the file? */
bool l1_runs_over(struct seek *s, uint64_t needed);
/* Does the table that hdr names map a guest cluster to this one? A table that cannot be
 * one maps nothing; a long one is asked in part. */
bool l1_maps(struct seek *s, uint64_t host_off);
/* Guest byte where the last mapped cluster ends; 0: nothing is mapped. */
uint64_t l1_mapped_end(struct seek *s, uint64_t off, uint64_t n);

#endif
