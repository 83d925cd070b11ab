/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The tables of an image as lists of rows. A table is never loaded as a whole; rows are
 * read as they are shown. */
#ifndef QCHECK_INSPECT_TABLE_H
#define QCHECK_INSPECT_TABLE_H

#include "base/task.h"
#include "inspect/problem_index.h"
#include "inspect/site.h"
#include "scan/scan.h"

/* What is known of an image; all borrowed. */
struct known {
    const struct image *img;
    const struct scan_result *scan;         /* NULL: no scan has ended */
    const struct problem_index *index;      /* of its problems, or NULL */
};

enum table_kind {
    TABLE_L1, TABLE_L2, TABLE_REFTABLE, TABLE_REFBLOCK, TABLE_SNAPSHOTS, TABLE_BITMAPS,
    TABLE_BITMAP, N_TABLE_KINDS
};

struct table {
    enum table_kind kind;
    uint32_t layer;             /* L1, L2: LAYER_ACTIVE or snapshot number + 1 */
    uint64_t i;                 /* L2: L1 index; refcount block: refcount table index;
                                   bitmap: its number; else 0 */
    uint64_t off;               /* host byte of entry 0; NO_ADDRESS: there is no table */
    uint64_t n;                 /* entries */
    const char *why;            /* off NO_ADDRESS: why there is none */
};

#define STRIP 16 /* parts of an L2 table or refcount block in a row's strip */

struct table_row {
    uint64_t index;
    uint64_t off;               /* host byte of the entry */
    uint64_t raw;               /* word, or stored refcount */
    uint64_t bitmap;            /* extended L2 entries */
    enum l2_type type;          /* L2 rows */
    bool unreadable;
    bool coming;                /* a part of the row is on its way (source_nowait.h) */
    bool used;
    uint64_t target_off;        /* host byte it points to; NO_ADDRESS: nowhere */
    uint64_t target_len;        /* bytes */
    bool has_counts;            /* the two below mean something */
    uint64_t stored, counted;   /* refcounts of the cluster pointed to */
    bool counted_known;         /* the scan has ended */
    bool stored_known;          /* a refcount block says so, and it could be read */
    size_t problems;            /* records that concern it */
    size_t problem;             /* the gravest of them, if any */
    bool has_strip;
    uint8_t strip[STRIP];       /* share in use, 0 (nothing) to 8 (all) */
    bool strip_bad[STRIP];      /* a problem lies in this part */
};

/* Fills in a table from its kind, layer and i. Reads at most one L1 entry. */
void table_resolve(const struct image *img, struct table *t);

/* Reads the rows with these indices (rising); bounded by n. */
void table_read(const struct known *k, const struct table *t,
                const uint64_t *index, size_t n, struct table_row *out);

/* Host byte of entry number `index` (refcounts narrower than a byte: of its byte). */
uint64_t table_entry_off(const struct image *img, const struct table *t, uint64_t index);
uint64_t table_entry_size(const struct image *img, const struct table *t);

/* The entries [*first, *last] of this table that a problem concerns; false: none. Nothing
 * is read. */
bool table_problem_rows(const struct image *img, const struct table *t,
                        const struct problem *p, uint64_t *first, uint64_t *last);

/* Indices of the entries that are in use, as a new array (caller frees). False without
 * memory, on I/O errors, when the table has more than TABLE_FILTER_MAX entries, and when run
 * (NULL: nobody looks) was cancelled. */
#define TABLE_FILTER_MAX (UINT64_C(1) << 24)
bool table_used(const struct image *img, const struct table *t, struct task_run *run,
                uint32_t **out, size_t *n, struct error *err);

/* The rows of a table whose unused entries are hidden, or that is sorted by a column. */
enum table_order {
    TABLE_BY_INDEX,
    TABLE_BY_VALUE,             /* what entries point to, low first, those that point nowhere
                                   last; of refcount blocks: refcounts, high first */
    TABLE_BY_PROBLEMS,          /* entries that most problems concern first */
    TABLE_BY_RAW,               /* as numbers, low first: flags are the highest bits */
    TABLE_BY_REFCOUNT,          /* stored ones of what entries point to, high first */
    TABLE_BY_FULLNESS,          /* of the tables that entries point to, or subclusters that are
                                   allocated, high first */
    N_TABLE_ORDERS
};
const char *table_order_name(enum table_order o);
/* Have tables of this kind such a column? Nobody sorts by others. */
bool table_has_order(const struct image *img, enum table_kind kind, enum table_order o);
/* How much of a table at host byte `off`, to which an entry of a table of this kind (L1, refcount
 * table) points, is in use, by samples: 0 to TABLE_FULL. */
#define TABLE_FULL (8 * STRIP)
unsigned table_fullness(const struct image *img, const struct table *t, uint64_t off);
struct table_span { uint64_t first, last; };    /* entries, as of table_problem_rows */
struct table_wish {
    bool used_only;
    enum table_order order;
    struct table_span *spans;   /* of each problem, for TABLE_BY_PROBLEMS */
    size_t n_spans;
};
struct table_listing {
    uint32_t *row;              /* owned; entry of each row */
    size_t n;
    uint32_t *row_of;           /* owned; row of each entry, UINT32_MAX: hidden; NULL: rows
                                   are in the order of entries */
};
/* Fails as table_used; sorted, tables may have TABLE_SORT_MAX entries. */
#define TABLE_SORT_MAX (UINT64_C(1) << 22)
bool table_list_rows(const struct image *img, const struct table *t, const struct table_wish *w,
                     struct task_run *run, struct table_listing *out, struct error *err);
void table_listing_free(struct table_listing *l);

/* Calls fn with each entry (at most TABLE_FILTER_MAX): its index, and its bytes (refcount
 * blocks: bytes of the chunk, and its number in there). Ends early where the file ends, or
 * run->cancel is set. */
typedef void table_entry_fn(void *arg, const struct image *img, const struct table *t,
                            uint64_t index, const uint8_t *bytes, uint64_t in_chunk);
bool table_each_entry(const struct image *img, const struct table *t, table_entry_fn *fn,
                      void *arg, const struct task_run *run, struct error *err);
bool table_entry_used(const struct image *img, const struct table *t, const uint8_t *bytes,
                      uint64_t in_chunk);

/* Looks for the next (dir > 0) or previous entry, from entry `index` of `table` on, that points
 * to the cluster or the compressed data in which host byte `wanted` lies: in this table, and
 * then in the others of its sort (L2 tables of the layer, bitmap tables), once round. Found:
 * table and index are those of the entry. Progress in tables. */
struct table_quest {
    struct table table;
    uint64_t index, wanted;
    int dir;
    bool wrapped;               /* it went on from the other end */
};
bool table_find(const struct image *img, struct table_quest *s, struct task_run *run,
                struct error *err);

/* The place of entry number `index`, completed as far as the table itself tells. */
struct place table_place(const struct image *img, const struct table *t, uint64_t index);

/* The table and row that show a place; false when no table does. Reads one entry. */
bool table_of_place(const struct known *k, const struct place *p, struct table *t,
                    uint64_t *row);

/* "L1 table of snapshot 2", "L2 table of L1[3]" */
void table_title(const struct image *img, const struct table *t, struct buf *out);

#endif
