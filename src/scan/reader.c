/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/reader.h"

#include <stdlib.h>
#include <string.h>

#define READ_AT_ONCE        (8u << 20)      /* bytes that a team reads into memory */
/* Two system calls per table pay off from this length on. For shorter tables they do where
 * holes are common. */
#define HOLES_WORTH_BYTES   (128u << 10)
#define PATIENCE_MAX        256             /* tables read before asking again */

size_t reader_batch(const struct image *img, size_t table_bytes, unsigned team)
{
    struct source_info info = source_get_info(img->src);
    size_t n = (size_t)u64_min(info.batch_bytes, READ_AT_ONCE / team) / table_bytes;

    if (n > info.batch_reqs)
        n = info.batch_reqs;
    return n ? n : 1;
}

bool reader_init(struct reader *r, const struct image *img, size_t table_bytes,
                 unsigned team)
{
    *r = (struct reader){ .img = img, .table_bytes = table_bytes };
    r->max = reader_batch(img, table_bytes, team);
    r->has_holes = source_get_info(img->src).kind == SOURCE_FILE;
    r->look_for_holes = r->has_holes && table_bytes >= HOLES_WORTH_BYTES;
    r->bytes = calloc(1, r->max * table_bytes + READER_BEHIND);
    r->req = calloc(r->max * (r->look_for_holes ? READER_EXTENTS : 1), sizeof *r->req);
    r->extent = calloc(r->max * READER_EXTENTS, sizeof *r->extent);
    r->n_extents = calloc(r->max, sizeof *r->n_extents);
    r->bad = calloc(r->max, sizeof *r->bad);
    if (r->bytes && r->req && r->extent && r->n_extents && r->bad)
        return true;
    reader_free(r);
    return false;
}

void reader_free(struct reader *r)
{
    free(r->bytes);
    free(r->req);
    free(r->extent);
    free(r->n_extents);
    free(r->bad);
    memset(r, 0, sizeof *r);
}

/* Does a short table lie in a hole? Asks less and less often while there are none; what the
 * last answer tells costs nothing. */
static bool in_hole(struct reader *r, uint64_t off)
{
    bool known = off >= r->memo.from && off < r->memo.stop;

    if (!r->has_holes)
        return false;
    if (!known && r->patience) {
        r->patience--;
        return false;
    }
    if (source_all_hole(r->img->src, &r->memo, off, r->table_bytes)) {
        r->in_vain = 0;
        return true;
    }
    if (!known) {
        r->in_vain = r->in_vain ? (unsigned)u64_min(r->in_vain * 2, PATIENCE_MAX) : 1;
        r->patience = r->in_vain;
    }
    return false;
}

/* Extents of table k at `off`; each begins and ends at a multiple of 16 bytes, so that no
 * entry is cut. */
static void find_extents(struct reader *r, uint64_t off, size_t k)
{
    struct reader_extent *x = r->extent + k * READER_EXTENTS;
    uint64_t at = off, end = off + r->table_bytes, start, stop;
    unsigned n = 0;

    if (!r->look_for_holes) {
        *x = (struct reader_extent){ 0, (uint32_t)r->table_bytes };
        r->n_extents[k] = !in_hole(r, off);
        return;
    }
    while (at < end) {
        source_next_data_memo(r->img->src, &r->memo, at, &start, &stop);
        if (start >= end)
            break;
        start = (start - off) & ~UINT64_C(15);
        stop = u64_min(round_up(u64_min(stop, end) - off, 16), r->table_bytes);
        if (n == READER_EXTENTS || (n && start <= x[n - 1].end))
            x[n - 1].end = (uint32_t)stop;
        else
            x[n++] = (struct reader_extent){ (uint32_t)start, (uint32_t)stop };
        at = off + stop;
    }
    r->n_extents[k] = n;
}

static void clear_holes(struct reader *r, size_t k)
{
    const struct reader_extent *x = reader_extents(r, k);
    uint8_t *table = r->bytes + k * r->table_bytes;
    size_t at = 0;

    for (unsigned i = 0; i < r->n_extents[k]; i++) {
        memset(table + at, 0, x[i].start - at);
        at = x[i].end;
    }
    memset(table + at, 0, r->table_bytes - at);
}

void reader_fetch(struct reader *r, const uint64_t *off, size_t n)
{
    size_t n_req = 0, q = 0;

    for (size_t k = 0; k < n; k++) {
        find_extents(r, off[k], k);
        for (unsigned i = 0; i < r->n_extents[k]; i++) {
            const struct reader_extent *x = reader_extents(r, k) + i;

            r->req[n_req++] = (struct source_req){
                .off = off[k] + x->start, .len = x->end - x->start,
                .dst = r->bytes + k * r->table_bytes + x->start,
            };
        }
    }
    source_read_many(r->img->src, r->req, n_req);
    for (size_t k = 0; k < n; k++) {
        r->bad[k] = (struct source_span){ 0, 0 };
        for (unsigned i = 0; i < r->n_extents[k]; i++, q++)
            r->bad[k] = source_span_hull(r->bad[k], r->req[q].bad);
        if (!r->leave_holes)
            clear_holes(r, k);
    }
}
