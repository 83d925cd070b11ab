/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Reads tables of one size in batches: each worker has a reader of its own. How much goes
 * into a batch is what the source likes best (a cache-sized piece for files, many requests
 * in flight for a network). */
#ifndef QCHECK_SCAN_READER_H
#define QCHECK_SCAN_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcow2/image.h"

#define READER_BEHIND  512      /* bytes behind the tables that may be read, and say nothing */
#define READER_EXTENTS 8        /* per table; a table with more holes is read with some */

/* Bytes [start, end) of a table that may hold something. */
struct reader_extent { uint32_t start, end; };

struct reader {
    const struct image *img;
    size_t table_bytes;
    size_t max;                 /* tables in one batch */
    bool leave_holes;           /* the caller looks at extents only: see reader_fetch */
    bool has_holes;             /* the source knows them */
    bool look_for_holes;        /* tables are long enough to make it worth while for each */
    unsigned patience, in_vain; /* short ones: tables until the next question; answers so far
                                   that told of no hole, doubled each time */
    uint8_t *bytes;             /* owned: max * table_bytes, and READER_BEHIND */
    struct source_req *req;     /* owned */
    struct reader_extent *extent;   /* owned: READER_EXTENTS per table */
    unsigned *n_extents;        /* owned: per table */
    struct data_memo memo;      /* the last answer about holes */
    struct source_span *bad;    /* owned: per table, the bytes of an I/O error */
};

/* team: readers there are at the same time. */
bool reader_init(struct reader *r, const struct image *img, size_t table_bytes,
                 unsigned team);
void reader_free(struct reader *r);

/* Reads n (<= max) tables at these host offsets. Table k is then at reader_table(r, k),
 * zeros past the end of the file; bad[k] is what could not be read (zeros). Holes of the
 * file are not read: extent[k * READER_EXTENTS + 0 ... n_extents[k]-1] says what is there,
 * ascending. The rest of the table is zeros, or with leave_holes undefined. */
void reader_fetch(struct reader *r, const uint64_t *off, size_t n);

static inline const uint8_t *reader_table(const struct reader *r, size_t k)
{
    return r->bytes + k * r->table_bytes;
}

static inline const struct reader_extent *reader_extents(const struct reader *r, size_t k)
{
    return r->extent + k * READER_EXTENTS;
}

/* Tables of this size that make a batch for this source. */
size_t reader_batch(const struct image *img, size_t table_bytes, unsigned team);

#endif
