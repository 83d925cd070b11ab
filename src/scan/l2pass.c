/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every L2 table once: the heart of the scan. Workers take batches of neighbouring tables and
 * decode them (l2decode.c), which counts in the cells that all workers share (cells.h). */
#include "config.h"

#include "scan/l2pass.h"

#include <stdlib.h>
#include <string.h>

struct l2_pass {
    struct engine *e;
    struct l2_worker *worker;
    unsigned n_workers;
    size_t batch;                       /* tables */
    _Atomic size_t cursor;              /* next table */
};

static void l2_worker_main(void *ctx, unsigned number)
{
    struct l2_pass *pass = ctx;
    struct engine *e = pass->e;
    struct l2_worker *w = &pass->worker[number];
    size_t at, n;

    while (!e->cells->failed && !engine_cancelled(e)) {
        at = atomic_fetch_add(&pass->cursor, pass->batch);
        if (at >= e->l2.n)
            break;
        n = e->l2.n - at < pass->batch ? e->l2.n - at : pass->batch;
        for (size_t k = 0; k < n; k++)
            w->off[k] = e->l2.list[at + k].off;
        reader_fetch(&w->reader, w->off, n);
        for (size_t k = 0; k < n; k++)
            l2_decode_table(e, w, at + k, k);
        engine_done(e, n);
    }
}

static void worker_free(struct l2_worker *w)
{
    reader_free(&w->reader);
    free(w->off);
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
    for (unsigned f = 0; f < N_FAULTS; f++) {
        e->faults.n[f] += w->faults.n[f];
        e->faults.qemu[f] += w->faults.qemu[f];
    }
    e->faults.copied += w->faults.copied;
    e->faults.qemu_copied += w->faults.qemu_copied;
    e->cells->entered += w->entered;
    e->grown |= w->grown;
}

bool pass_l2(struct engine *e, struct error *err)
{
    size_t table_bytes = (size_t)e->geo->cluster_size;
    struct l2_pass pass = {
        .e = e, .n_workers = e->shared_counting ? e->threads : 1,
        .batch = reader_batch(e->img, table_bytes, e->threads),
    };
    bool ok = false;

    engine_phase(e, PHASE_L2, e->l2.n);
    e->suspect = calloc(e->l2.n ? e->l2.n : 1, sizeof *e->suspect);
    e->faults = (struct fault_totals){ .copied = 0 };
    pass.worker = calloc(pass.n_workers, sizeof *pass.worker);
    if (!e->suspect || !pass.worker) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (unsigned i = 0; i < pass.n_workers; i++) {
        struct l2_worker *w = &pass.worker[i];

        w->off = calloc(pass.batch, sizeof *w->off);
        if (!w->off || !reader_init(&w->reader, e->img, table_bytes, e->threads)) {
            err_set(err, ERR_NOMEM, "out of memory");
            goto out;
        }
        w->reader.leave_holes = true;
    }
    if (!team_run(pass.n_workers, NULL, l2_worker_main, &pass, err))
        goto out;
    for (unsigned i = 0; i < pass.n_workers; i++)
        add_stats(e, &pass.worker[i]);
    ok = !e->cells->failed || err_set(err, ERR_NOMEM, "out of memory");
out:
    for (unsigned i = 0; pass.worker && i < pass.n_workers; i++)
        worker_free(&pass.worker[i]);
    free(pass.worker);
    return ok;
}
