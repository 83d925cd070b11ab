/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* References are counted in cells. In what order they come decides what it costs: cells are
 * asked for well before they are needed. */
#include "config.h"

#include "scan/l2decode.h"

#define CACHE_LINE  64
#define LINES_ASKED 4       /* of a run; the rest comes by itself */

static void preview_run(struct engine *e, uint64_t cl, uint64_t len)
{
    uint64_t step = UINT64_C(1) << u64_min(e->preview_shift, CHUNK_BITS);

    for (uint64_t end = cl + len; cl < end; cl += step)
        engine_preview(e, cl, CLASS_DATA);
}

/* Clusters [cl, cl+n), in one chunk, whose stored refcount disagrees with COPIED. */
static uint64_t count_wrong(const struct decode *d, uint64_t cl, uint64_t n, uint64_t copied)
{
    const uint8_t *cell = cells_chunk(d->e->cells, cl >> CHUNK_BITS);
    uint64_t wrong = 0;

    for (uint64_t k = cl & (CHUNK_CELLS - 1), end = k + n; cell && k < end; k++)
        wrong += cell_load(cell + k) >> 7 != copied;
    return wrong;
}

void count_run(struct decode *d, uint64_t cl, uint64_t len, enum item_kind kind, bool rule,
               uint64_t copied)
{
    d->w->entered += len * d->weight;
    if (d->preview)
        preview_run(d->e, cl, len);
    while (len) {
        uint64_t n = u64_min(len, CHUNK_CELLS - (cl & (CHUNK_CELLS - 1)));
        unsigned seen = cells_bump_run(d->e->cells, cl, (unsigned)n, &d->step[kind]);

        if (rule && (copied ? seen >> 6 & 1 : seen >> 7))
            d->wrong += count_wrong(d, cl, n, copied);
        cl += n;
        len -= n;
    }
}

void count_run_soon(struct decode *d, uint64_t cl, uint64_t len, uint64_t copied)
{
    const uint8_t *flat = d->e->cells->flat;
    struct cell_run *r = &d->run[d->n_runs % RUNS_AHEAD];
    uint64_t asked = u64_min(len, LINES_ASKED * CACHE_LINE);

    for (uint64_t at = 0; at < asked; at += CACHE_LINE)
        __builtin_prefetch(flat + cl + at, 1);
    __builtin_prefetch(flat + cl + asked - 1, 1);
    if (d->n_runs++ >= RUNS_AHEAD)
        count_run(d, r->cl, r->len, ITEM_DATA, true, r->copied);
    *r = (struct cell_run){ cl, len, copied };
}

void count_rest(struct decode *d)
{
    for (unsigned i = 0; i < RUNS_AHEAD && i < d->n_runs; i++)
        count_run(d, d->run[i].cl, d->run[i].len, ITEM_DATA, true, d->run[i].copied);
    d->n_runs = 0;
}

/* The cluster that an entry leads to, if it does so plainly, whatever COPIED says. Any other
 * bit makes it a number that no cluster of a flat book has. shift: cluster_bits + 1. */
static inline uint64_t plain_cluster(uint64_t entry, unsigned shift)
{
    uint64_t off = entry << 1;

    return off >> shift | off << (-shift & 63);             /* a rotation */
}

/* The loop that most of 16 million entries in random order go through. size: of an entry; a
 * constant where it is called. */
static inline __attribute__((always_inline))
uint64_t count_entries(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                       uint64_t *last, unsigned size)
{
    const struct geometry *geo = d->e->geo;
    struct cells *const cells = d->e->cells;
    uint8_t *const flat = cells->flat;
    struct step *const step = &d->step[ITEM_DATA];
    const uint64_t last_cl = geo->n_clusters - 1, asked = cells->prefetch_mask;
    const unsigned shift = geo->cluster_bits + 1;
    const uint8_t *at = p + j * size, *const end = p + n * size;
    uint64_t cl = plain_cluster(be64(at), shift);
    uint64_t next = plain_cluster(be64(at + size), shift), wrong = 0;

    for (;;) {
        __builtin_prefetch(flat + (plain_cluster(be64(at + PREFETCH * size), shift) & asked),
                           1);
        /* Both have in bit 7 what should be equal. */
        wrong += (cells_bump_flat(cells, flat, cl, step) ^ at[0]) >> 7;
        at += size;
        if (at == end)
            break;
        cl = next;
        next = plain_cluster(be64(at + size), shift);
        if (cl - 1 >= last_cl || next == cl + 1
            || (size == 16 && subclusters_conflict(be64(at + 8))))
            break;
    }
    n = (uint64_t)(at - p) / size - j;
    d->wrong += wrong;
    d->w->entered += n * d->weight;
    *last = be64(at - size);
    return n;
}

uint64_t count_singles(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                       uint64_t *last)
{
    return count_entries(d, p, j, n, last, 8);
}

uint64_t count_singles_extended(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                                uint64_t *last)
{
    return count_entries(d, p, j, n, last, 16);
}
