/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every L2 table once: the heart of the scan.
 *
 * The work goes in rounds with one barrier each. In a round the workers take batches of
 * tables, decode them (l2decode.c) and write what they find as items, sorted into one list
 * per partition of the book, until they have enough. After the barrier each worker enters
 * the items of its own partitions: no cell has two writers, and nothing is locked. The
 * lists are double, so that a fast worker can decode on meanwhile. */
#include "config.h"

#include "scan/l2pass.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_ITEMS         131072      /* of all workers together */
#define ROUND_ITEMS_MIN     16384       /* of one */
#define PREFETCH            24

struct l2_pass {
    struct engine *e;
    struct l2_worker *worker;
    unsigned n_workers;
    _Atomic size_t cursor;              /* next table */
    pthread_barrier_t barrier;
    _Atomic bool failed, done[2];
};

/* --- entering into the book --- */

static struct step *step_for(struct l2_worker *w, uint32_t owners, uint64_t weight)
{
    struct cached_step *c;

    for (unsigned i = 0; i < w->n_cached; i++) {
        if (w->cache[i].owners == owners && w->cache[i].weight == weight)
            return &w->cache[i].step;
    }
    if (w->n_cached < STEP_CACHE)
        w->next_cached = w->n_cached++;
    else
        w->next_cached = (w->next_cached + 1) % STEP_CACHE;
    c = &w->cache[w->next_cached];
    c->owners = owners;
    c->weight = weight;
    step_init(&c->step, owners, weight);
    return &c->step;
}

static void steps_of_table(const struct engine *e, struct l2_worker *w,
                           const struct l2_table *t, struct step *step[N_ITEM_KINDS])
{
    uint64_t weight = (uint64_t)t->n_active + t->n_snapshot;
    static const enum owner kind[N_ITEM_KINDS] = {
        [ITEM_DATA] = OWNER_DATA, [ITEM_ZERO] = OWNER_ZERO,
        [ITEM_COMPRESSED] = OWNER_COMPRESSED,
    };
    bool vm = t->l1_index >= e->geo->vm_state_l1;

    for (int k = 0; k < N_ITEM_KINDS; k++)
        step[k] = step_for(w, owner_bits(vm && k == ITEM_DATA ? OWNER_VMSTATE : kind[k],
                                         t->n_active, t->n_snapshot), weight);
}

/* The inner loop of entering: items [i, end) of one table, all of partition `part`. Returns
 * whether COPIED and a stored refcount disagree somewhere. The members of the book are
 * copied first: to the compiler, a store to a cell might change any of them. */
static bool enter_items(struct cells *c, const struct item_list *l, size_t i, size_t end,
                        unsigned part, struct step *const step[N_ITEM_KINDS])
{
    const uint64_t *const all = l->item;
    const size_t last = l->n - 1;
    uint8_t *const flat = c->flat;
    uint8_t *const touched = flat ? c->touched + part * c->touched_stride : NULL;
    const unsigned shift = CHUNK_BITS + c->parts_bits;
    uint64_t wrong = 0;

    for (; i < end; i++) {
        uint64_t item = all[i], cl = item_cluster(item), copied = item >> 12 & 1;
        unsigned kind = item >> 13 & 3, len = item_len(item);
        uint64_t rule = kind != ITEM_COMPRESSED;

        if (len == 1 && flat) {
            struct step *st = step[kind];
            uint8_t was, next;

            __builtin_prefetch(flat + (all[i + PREFETCH < last ? i + PREFETCH : last] >> 15),
                               1);
            if (!touched[cl >> shift] && !cells_chunk_touch(c, cl >> CHUNK_BITS))
                continue;
            was = flat[cl];
            next = st->next[was & CELL_CODE];
            if (next < STATE_SIDE)
                flat[cl] = (uint8_t)((was & CELL_FLAG) | next);
            else
                cells_bump_slowly(c, cl, flat + cl, st);
            wrong |= rule & ((was >> 7) ^ copied);
        } else {
            unsigned seen = cells_bump_run(c, cl, len, step[kind]);

            wrong |= rule & (copied ? seen >> 6 & 1 : seen >> 7);
        }
    }
    return wrong;
}

static void enter_list(struct l2_pass *pass, struct l2_worker *w, unsigned part,
                       const struct item_list *l)
{
    struct engine *e = pass->e;
    size_t i = 0;

    for (size_t s = 0; s < l->n_segments; s++) {
        const struct l2_table *t = &e->l2.list[l->segment[s].table];
        struct step *step[N_ITEM_KINDS];

        steps_of_table(e, w, t, step);
        if (enter_items(e->cells, l, i, l->segment[s].end, part, step) && t->n_active)
            e->suspect[l->segment[s].table] = SUSPECT_YES;
        i = l->segment[s].end;
    }
}

/* --- rounds --- */

/* Decodes batches until there is enough to enter, or nothing left. */
static void decode_round(struct l2_pass *pass, struct l2_worker *w, unsigned buffer)
{
    struct engine *e = pass->e;
    size_t batch = w->reader.max, items = 0;
    size_t enough = (size_t)u64_max(ROUND_ITEMS / pass->n_workers, ROUND_ITEMS_MIN);

    for (unsigned p = 0; p < e->cells->parts; p++)
        w->list[buffer][p].n = w->list[buffer][p].n_segments = 0;
    while (items < enough) {
        size_t at = atomic_fetch_add(&pass->cursor, batch), n;

        if (at >= e->l2.n || pass->failed || engine_cancelled(e)) {
            pass->done[buffer] = true;
            return;
        }
        n = e->l2.n - at < batch ? e->l2.n - at : batch;
        for (size_t k = 0; k < n; k++)
            w->off[k] = e->l2.list[at + k].off;
        reader_fetch(&w->reader, w->off, n);
        for (size_t k = 0; k < n; k++) {
            if (!l2_decode_table(e, w, buffer, at + k, k))
                pass->failed = true;
        }
        engine_done(e, n);
        items = 0;
        for (unsigned p = 0; p < e->cells->parts; p++)
            items += w->list[buffer][p].n;
    }
}

static void l2_worker_main(void *ctx, unsigned number)
{
    struct l2_pass *pass = ctx;
    struct engine *e = pass->e;
    struct l2_worker *w = &pass->worker[number];

    for (unsigned buffer = 0; ; buffer ^= 1) {
        decode_round(pass, w, buffer);
        pthread_barrier_wait(&pass->barrier);
        for (unsigned p = number; p < e->cells->parts; p += pass->n_workers) {
            for (unsigned k = 0; k < pass->n_workers; k++)
                enter_list(pass, w, p, &pass->worker[k].list[buffer][p]);
        }
        /* Said before the barrier by whoever found nothing left: all leave together. */
        if (pass->done[buffer])
            break;
    }
}

static void worker_free(struct l2_worker *w, unsigned parts)
{
    reader_free(&w->reader);
    free(w->off);
    free(w->tail);
    for (int b = 0; b < 2; b++) {
        for (unsigned p = 0; w->list[b] && p < parts; p++) {
            free(w->list[b][p].item);
            free(w->list[b][p].segment);
        }
        free(w->list[b]);
    }
}

static void add_stats(struct engine *e, const struct l2_worker *w)
{
    struct scan_stats *st = &e->res->stats;
    struct layer_stats *a = &st->active;

    a->l2_tables += w->active.l2_tables;
    a->unallocated += w->active.unallocated;
    a->zero_plain += w->active.zero_plain;
    a->zero_alloc += w->active.zero_alloc;
    a->normal += w->active.normal;
    a->compressed += w->active.compressed;
    a->unaligned += w->active.unaligned;
    a->invalid += w->active.invalid;
    st->entries += w->entries;
    st->data_steps += w->steps;
    st->data_breaks += w->breaks;
    st->beyond_references += w->beyond;
    st->largest_extent = u64_max(st->largest_extent, w->largest);
    e->res->qemu.fragmented_clusters += w->frag;
    e->grown |= w->grown;
}

bool pass_l2(struct engine *e, struct error *err)
{
    size_t table_bytes = (size_t)e->geo->cluster_size;
    struct l2_pass pass = { .e = e };
    size_t batch = reader_batch(e->img, table_bytes, e->threads);
    bool ok = false, barrier = false;

    engine_phase(e, PHASE_L2, e->l2.n);
    e->suspect = calloc(e->l2.n ? e->l2.n : 1, sizeof *e->suspect);
    pass.n_workers = e->cells->parts > 1 ? e->threads : 1;
    pass.worker = calloc(pass.n_workers, sizeof *pass.worker);
    if (!e->suspect || !pass.worker) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (unsigned i = 0; i < pass.n_workers; i++) {
        struct l2_worker *w = &pass.worker[i];

        w->off = calloc(batch, sizeof *w->off);
        w->tail = calloc(e->cells->parts, sizeof *w->tail);
        w->list[0] = calloc(e->cells->parts, sizeof *w->list[0]);
        w->list[1] = calloc(e->cells->parts, sizeof *w->list[1]);
        if (!w->off || !w->tail || !w->list[0] || !w->list[1]
            || !reader_init(&w->reader, e->img, table_bytes, e->threads)) {
            err_set(err, ERR_NOMEM, "out of memory");
            goto out;
        }
        w->reader.leave_holes = true;
    }
    barrier = pthread_barrier_init(&pass.barrier, NULL, pass.n_workers) == 0;
    if (!barrier) {
        err_set(err, ERR_NOMEM, "cannot make a barrier");
        goto out;
    }
    if (!team_run(pass.n_workers, l2_worker_main, &pass, err))
        goto out;
    for (unsigned i = 0; i < pass.n_workers; i++)
        add_stats(e, &pass.worker[i]);
    ok = !pass.failed && !e->cells->failed ? true : err_set(err, ERR_NOMEM, "out of memory");
out:
    if (barrier)
        pthread_barrier_destroy(&pass.barrier);
    for (unsigned i = 0; pass.worker && i < pass.n_workers; i++)
        worker_free(&pass.worker[i], e->cells->parts);
    free(pass.worker);
    return ok;
}
