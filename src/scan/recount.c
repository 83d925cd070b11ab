/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* References to lost clusters, counted again when all others are known. An image would have
 * to be made for it: thousands of different numbers of references, which the tables of the
 * book have no room for. It costs one more walk through all tables for each window of
 * chunks, and keeps memory bounded whatever an image says. */
#include "config.h"

#include "scan/engine.h"

#include <stdlib.h>

#include "scan/refsearch.h"

struct counting {
    const struct ref_target *target;
    unsigned cluster_bits;
    struct state *state;
};

static void count_hit(void *ctx, size_t t, const struct referrer *r)
{
    const struct counting *c = ctx;
    uint64_t first = c->target[t].first, end = first + c->target[t].n;
    uint64_t from = r->host_off >> c->cluster_bits;
    uint64_t to = ((r->host_off + r->host_len - 1) >> c->cluster_bits) + 1;

    if (!r->counted)
        return;
    for (uint64_t cl = u64_max(first, from); cl < u64_min(end, to); cl++)
        state_add(&c->state[(t << CHUNK_BITS) + (cl - first)], r->owners, r->walks);
}

/* Numbers of the chunks with lost clusters, `max` of them at most. */
static size_t find_lost(const struct engine *e, uint64_t first, uint64_t *end, uint64_t unit,
                        uint64_t *chunk, size_t max)
{
    size_t n = 0, before;

    for (uint64_t i = first, next; i < *end; i = next) {
        next = u64_min(i + unit, *end);
        before = n;
        for (uint64_t k = i; k < next; k++) {
            uint64_t c = map_chunk_at(e->map, k);

            if (!cells_chunk_lost(e->cells, c))
                continue;
            if (n == max) {
                *end = i;
                return before;
            }
            chunk[n++] = c;
        }
    }
    return n;
}

bool recount(struct engine *e, uint64_t first, uint64_t *end, uint64_t unit,
             struct recount *rc, struct error *err)
{
    size_t max = (size_t)u64_max(e->recount_bytes / (CHUNK_CELLS * sizeof *rc->state), unit);
    uint64_t *chunk;
    struct ref_target *target;
    struct ref_search search = {
        .img = e->img, .threads = e->threads, .hit = count_hit,
        .cancel = e->progress ? &e->progress->cancel : NULL,
    };
    struct counting counting = { .cluster_bits = e->geo->cluster_bits };
    bool ok;

    if (!e->cells->lost || engine_cancelled(e))
        return true;
    chunk = calloc(max, sizeof *chunk);
    if (chunk)
        rc->n = find_lost(e, first, end, unit, chunk, max);
    rc->chunk = chunk;
    target = calloc(rc->n + 1, sizeof *target);
    rc->state = calloc(rc->n + 1, CHUNK_CELLS * sizeof *rc->state);
    if (!chunk || !target || !rc->state) {
        free(target);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < rc->n; i++) {
        target[i].first = chunk[i] << CHUNK_BITS;
        target[i].n = u64_min(CHUNK_CELLS, e->cells->n - target[i].first);
    }
    counting.target = search.target = target;
    counting.state = rc->state;
    search.n_targets = rc->n;
    search.ctx = &counting;
    search_tables_of(e, &search);
    ok = ref_search_run(&search, err) || engine_cancelled(e);
    e->cells->recount = rc;
    free(target);
    return ok;
}

void recount_free(struct engine *e, struct recount *rc)
{
    e->cells->recount = NULL;
    free((void *)(uintptr_t)rc->chunk);
    free(rc->state);
}
