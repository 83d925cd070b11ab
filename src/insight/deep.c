/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/deep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2/decompress.h"
#include "scan/team.h"

#define BYTES_A_TIME (UINT64_C(4) << 20)    /* that a worker takes at once */

bool deep_new(const struct scan_result *scan, struct deep **out, struct error *err)
{
    struct deep *d = calloc(1, sizeof *d);

    if (d) {
        d->scan = scan;
        d->clusters = u64_min(scan->img->geo.n_clusters, DEEP_CLUSTERS_MAX);
        d->kind = calloc((size_t)d->clusters + 1, sizeof *d->kind);
    }
    if (!d || !d->kind) {
        deep_free(d);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *out = d;
    return true;
}

void deep_free(struct deep *d)
{
    if (!d)
        return;
    free((void *)(uintptr_t)d->kind);
    free(d);
}

static void look_at(struct deep *d, uint64_t cluster, uint8_t *scratch)
{
    const struct image *img = d->scan->img;
    struct content c;

    if (deep_kind(d, cluster) != N_CONTENTS ||
        !content_at(img, cluster << img->geo.cluster_bits, scratch, &c) || c.kind >= N_CONTENTS)
        return;
    atomic_store_explicit(&d->kind[cluster], (uint8_t)(c.kind + 1), memory_order_relaxed);
    atomic_fetch_add_explicit(&d->n[c.kind], 1, memory_order_relaxed);
}

bool deep_glance(struct deep *d, uint64_t first, uint64_t step, uint64_t n,
                 const struct task_run *run, struct error *err)
{
    uint8_t *scratch = malloc((size_t)d->scan->img->geo.cluster_size);

    if (!scratch)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; i < n && first < d->clusters && !run->cancel; i++) {
        look_at(d, first, scratch);
        first += u64_min(step, d->clusters - first);
    }
    free(scratch);
    return !run->cancel || err_set(err, ERR_CANCELLED, "stopped");
}

/* --- all clusters --- */

struct deep_work {
    struct deep *d;
    struct task_run *run;
    uint64_t part;                      /* clusters that are taken at once */
    _Atomic uint64_t next;
    _Atomic bool failed;
};

static void look_worker(void *ctx, unsigned number)
{
    struct deep_work *w = ctx;
    struct deep *d = w->d;
    const struct geometry *geo = &d->scan->img->geo;
    uint8_t *scratch = malloc((size_t)geo->cluster_size);

    (void)number;
    if (!scratch)
        w->failed = true;
    while (!w->failed && !w->run->cancel) {
        uint64_t from = atomic_fetch_add(&w->next, w->part);
        uint64_t to = from + u64_min(w->part, d->clusters - u64_min(from, d->clusters));

        if (from >= d->clusters)
            break;
        for (uint64_t c = from; c < to && !w->run->cancel; c++)
            look_at(d, c, scratch);
        atomic_fetch_add(&w->run->done, (to - from) << geo->cluster_bits);
    }
    free(scratch);
}

bool deep_run(struct deep *d, unsigned threads, struct task_run *run, struct error *err)
{
    const struct geometry *geo = &d->scan->img->geo;
    struct deep_work w = { .d = d, .run = run };

    w.part = u64_max(BYTES_A_TIME >> geo->cluster_bits, 1);
    run->total = d->clusters << geo->cluster_bits;
    if (!team_run(team_size(threads), NULL, look_worker, &w, err))
        return false;
    if (w.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (run->cancel)
        return err_set(err, ERR_CANCELLED, "stopped");
    d->whole = true;
    return deep_decode(d->scan, threads, &run->cancel, &d->streams, err);
}

/* --- all streams --- */

struct decode_work {
    const struct scan_result *scan;
    struct deep_streams *out;
    const _Atomic bool *cancel;
    _Atomic size_t next;
    _Atomic bool failed;
    pthread_mutex_t lock;               /* of out->list */
};

static int by_place(const void *a, const void *b)
{
    const struct deep_stream *x = a, *y = b;

    if (x->place.layer != y->place.layer)
        return x->place.layer < y->place.layer ? -1 : 1;
    if (x->place.i != y->place.i)
        return x->place.i < y->place.i ? -1 : 1;
    return x->place.j < y->place.j ? -1 : x->place.j > y->place.j;
}

/* Keeps the first ones, whichever worker comes first. */
static void add_bad(struct decode_work *w, const struct l2_table *t, uint64_t j, uint64_t off)
{
    struct deep_stream bad = { { .kind = PLACE_L2, .layer = t->layer, .i = t->l1_index, .j = j,
                                 .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS }, off };
    struct deep_streams *s = w->out;

    atomic_fetch_add(&s->bad, 1);
    pthread_mutex_lock(&w->lock);
    if (s->n_list < DEEP_BAD_MAX) {
        s->list[s->n_list++] = bad;
        if (s->n_list == DEEP_BAD_MAX)
            qsort(s->list, s->n_list, sizeof bad, by_place);
    } else if (by_place(&bad, &s->list[DEEP_BAD_MAX - 1]) < 0) {
        s->list[DEEP_BAD_MAX - 1] = bad;
        qsort(s->list, s->n_list, sizeof bad, by_place);
    }
    pthread_mutex_unlock(&w->lock);
}

static void decode_table(struct decode_work *w, const struct l2_table *t, const uint8_t *table,
                         uint8_t *room)
{
    const struct image *img = w->scan->img;
    const struct geometry *geo = &img->geo;

    for (uint64_t j = 0; j < geo->l2_entries && !(w->cancel && *w->cancel); j++) {
        struct l2_entry e;
        struct error err;

        l2_decode(geo, table + j * geo->l2_entry_size, &e);
        if (e.type != L2_COMPRESSED || l2_entry_invalid(geo, &e) ||
            e.host_off >= geo->file_size)
            continue;
        atomic_fetch_add(&w->out->n, 1);
        if (!cluster_decompress(img, e.host_off, e.host_len, room, &err) &&
            err.code == ERR_FORMAT)         /* not when it cannot be read */
            add_bad(w, t, j, e.host_off);
    }
}

static void decode_worker(void *ctx, unsigned number)
{
    struct decode_work *w = ctx;
    const struct geometry *geo = &w->scan->img->geo;
    uint8_t *table = malloc((size_t)geo->cluster_size);
    uint8_t *room = malloc((size_t)geo->cluster_size);

    (void)number;
    if (!table || !room)
        w->failed = true;
    while (!w->failed && !(w->cancel && *w->cancel)) {
        size_t i = atomic_fetch_add(&w->next, 1);

        if (i >= w->scan->n_l2)
            break;
        if (source_read(w->scan->img->src, w->scan->l2[i].off, table,
                        (size_t)geo->cluster_size, NULL))
            decode_table(w, &w->scan->l2[i], table, room);
    }
    free(table);
    free(room);
}

bool deep_decode(const struct scan_result *scan, unsigned threads, const _Atomic bool *cancel,
                 struct deep_streams *out, struct error *err)
{
    struct decode_work w = { .scan = scan, .out = out, .cancel = cancel };
    bool ok;

    memset(out, 0, sizeof *out);
    if (!scan->stats.class_clusters[CLASS_COMPRESSED] || scan->img->hdr.crypt_method ||
        source_get_info(scan->img->src).kind == SOURCE_PACK) {       /* which leaves them out */
        out->complete = true;
        return true;
    }
    if (pthread_mutex_init(&w.lock, NULL) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    ok = team_run(team_size(threads), NULL, decode_worker, &w, err);
    pthread_mutex_destroy(&w.lock);
    if (!ok)
        return false;
    if (w.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    qsort(out->list, out->n_list, sizeof out->list[0], by_place);
    if (cancel && *cancel)
        return err_set(err, ERR_CANCELLED, "stopped");
    out->complete = scan->l2 != NULL;
    return true;
}
