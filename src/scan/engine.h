/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the scan: what its passes share. Nobody but scan/ includes this.
 *
 * Order of the passes (scan_run):
 *   refblocks   every refcount block: which clusters have a stored refcount of exactly 1
 *   l1          header, tables, regions; all L1 words; the list of distinct L2 tables
 *   l2          every L2 table: references, statistics, COPIED; suspects are marked
 *   explain     suspects once more, entry by entry: the problem records
 *   compare     refcount blocks count as references; stored against counted; the map
 *   attribute   owners and guest ranges of the records about clusters
 */
#ifndef QCHECK_SCAN_ENGINE_H
#define QCHECK_SCAN_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "scan/refcache.h"
#include "scan/cells.h"
#include "scan/faults.h"
#include "scan/l2list.h"
#include "scan/reader.h"
#include "scan/scan.h"
#include "scan/team.h"

/* What is known of the refcount block behind one refcount table entry. */
enum block_state {
    BLOCK_NONE,             /* no block: refcounts 0 */
    BLOCK_SIMPLE,           /* holds nothing but 0 and 1: the flag of a cell says it all */
    BLOCK_MIXED,            /* holds other values: read it again to compare */
    BLOCK_BAD,              /* pointer not aligned or past all that can be read */
    BLOCK_UNREADABLE,       /* I/O error */
};

/* What looked odd in a table while counting; once it is explained: not 0 where it has
 * problems. Below stand the faults of its entries (judge.h). */
enum suspect {
    SUSPECT_COPIED = 1 << 14,       /* COPIED flags of entries that are counted nowhere */
    SUSPECT_MUST = 1 << 15,         /* only explaining tells: not in the totals */
};

struct map {
    struct cells cells;
    const struct image *img;        /* borrowed */
    uint64_t n_clusters;            /* of the file */
    bool partial;                   /* flags still mean "stored refcount is 1" */
    uint64_t n_chunks;              /* flat book: all; sparse book: those in use */
    uint64_t *chunk;                /* sparse book: their numbers, ascending; else NULL */
    uint16_t (*hist)[N_CLASSES + 1];    /* clusters per class; [N_CLASSES]: with problems */
};

struct engine {
    const struct image *img;
    const struct geometry *geo;
    unsigned threads;
    struct scan_progress *progress;     /* may be NULL */
    struct scan_result *res;
    struct map *map;                /* = res->map */
    struct cells *cells;            /* = &map->cells */

    struct l2_list l2;              /* distinct tables of the current window, by off */
    _Atomic uint16_t *suspect;      /* one per table of the window */
    struct fault_totals faults;     /* of these tables, but for those that must be explained */

    uint8_t *block;                 /* enum block_state, one per refcount table entry */
    uint64_t n_blocks;              /* entries that matter: cover clusters of the file */
    bool flags_known;               /* all blocks could be read: flags of cells tell the truth */

    struct refcache *refcache;
    uint64_t recount_bytes;         /* memory for the states of lost clusters */
    bool shared_counting;           /* threads count in the same cells (cells.h) */
    bool miscounted;                /* ... and one was in another's way: begin again */
    bool grown;                     /* a reference touched the cluster after the last one */
    uint64_t preview_shift;         /* cluster >> shift = preview bin */
    double started;                 /* of the current phase, seconds */
    enum scan_phase phase;
};

/* --- memory (memory.c) --- */

/* Threads to use: those asked for, else one per core but no more than keep all that are
 * read at the same time in bounds. */
unsigned scan_threads(const struct image *img, unsigned wanted);

/* Shares the memory limit out to all who grow by what an image says: the book and its side
 * tables, the list of L2 tables, the records of problems. */
void memory_share_out(struct engine *e, const struct scan_options *opt);

/* The scan failed: when it was for the limit, says that and what to do. */
void memory_explain(const struct engine *e, struct error *err);

/* --- progress and cancelling (phase.c) --- */
void engine_begin(struct engine *e, struct scan_progress *progress);
void engine_phase(struct engine *e, enum scan_phase phase, uint64_t total);
void engine_done(struct engine *e, uint64_t n);
static inline bool engine_cancelled(const struct engine *e)
{
    return e->progress && atomic_load_explicit(&e->progress->cancel, memory_order_relaxed);
}
static inline void engine_preview(struct engine *e, uint64_t cl, enum cluster_class c)
{
    if (e->progress && e->progress->want_preview)
        atomic_store_explicit(&e->progress->preview[(cl >> e->preview_shift)
                                                    & (PREVIEW_BINS - 1)],
                              (uint8_t)(c + 1), memory_order_relaxed);
}

/* --- references of anything but L2 entries (regions.c) --- */

/* Counts one reference of this kind to every cluster that [off, off+len) touches, by
 * QEMU's rules. False: refused, because it ends a cluster or more past the end of the
 * file; nothing was counted then. */
bool engine_count(struct engine *e, uint64_t off, uint64_t len, uint32_t owners,
                  uint64_t weight);

/* QEMU's check, or our own, gives up here: there are no counts to compare. The first
 * reason is kept. */
void engine_gives_up(struct engine *e, const char *id, const char *text);

/* Header, refcount table, snapshot table, L1 tables, bitmaps, LUKS area. */
bool pass_regions(struct engine *e, struct error *err);

/* --- passes --- */
bool pass_refblocks(struct engine *e, struct error *err);
bool pass_l1(struct engine *e, struct error *err);
void count_l2_tables(struct engine *e);     /* they are references too */
bool pass_l2(struct engine *e, struct error *err);
bool pass_explain(struct engine *e, struct error *err);
void count_refblocks(struct engine *e);
bool pass_compare(struct engine *e, struct error *err);
bool pass_attribute(struct engine *e, struct error *err);
void pass_rules(struct engine *e);          /* header, snapshots, bitmaps: own findings */

/* Lets a search go through the tables of the engine's list: all of them, or its windows. */
struct ref_search;
void search_tables_of(const struct engine *e, struct ref_search *search);

/* Counts the references to lost clusters (cells.h) again, of as many chunks of the map from
 * position `first` on as there is room for. *end: falls to where that ends, a whole number
 * of units after `first`. Does nothing when no cluster is lost; counts nothing when
 * cancelled. */
bool recount(struct engine *e, uint64_t first, uint64_t *end, uint64_t unit,
             struct recount *rc, struct error *err);
void recount_free(struct engine *e, struct recount *rc);

/* The stored refcount of cluster k as the COPIED rule sees it. False: cannot be read. */
bool engine_stored_is_one(const struct engine *e, uint64_t k, bool *is_one);

/* How often the COPIED rule is applied to the entries of this table: once per active L1
 * entry, unless the table's own refcount cannot be read. */
uint32_t engine_copied_walks(const struct engine *e, const struct l2_table *t);
/* Does COPIED of an entry say something else than the stored refcount, where that can be
 * read? */
bool engine_copied_wrong(const struct engine *e, uint64_t raw, uint64_t host_off);

/* --- what could not be read (unreadable.c) --- */

/* Adds a record: bytes `bad` of `what` ("L2 table"), from the entry at `place` on (its
 * file_off is where that entry begins). */
void unreadable_add(struct problems *out, const struct geometry *geo,
                    const struct place *place, struct source_span bad, const char *what);
void engine_unreadable(struct engine *e, const struct place *place, struct source_span bad,
                       const char *what);

/* Header cluster, refcount table, snapshot table, bitmap directory: image_open() read them. */
void pass_unreadable(struct engine *e);

/* Is this entry, 0 in memory, one that could not be read? */
bool reftable_entry_lost(const struct image *img, uint64_t i);

/* --- the map (map.c) --- */
struct map *map_new(const struct image *img, struct error *err);
void map_free(struct map *map);
/* To be called when all references are counted: makes room for the histograms. */
bool map_seal(struct map *map, struct error *err);
/* Histogram of chunk number `index` (position in the map, not in the file). */
void map_fold(struct map *map, uint64_t index);
/* Chunk of the file behind a position. */
static inline uint64_t map_chunk_at(const struct map *map, uint64_t index)
{
    return map->chunk ? map->chunk[index] : index;
}
/* Marks a cluster that has an owner, after the fold. */
void map_mark(struct map *map, uint64_t cl);

#endif
