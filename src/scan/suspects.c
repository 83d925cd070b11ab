/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Suspect L2 tables once more, entry by entry: what exactly is wrong, and where. The
 * tables go through in rounds, so that records can be merged in table order whatever the
 * number of workers, and memory stays bounded however many are damaged. */
#include "config.h"

#include "scan/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "scan/judge.h"

#define TABLES_PER_WORKER 4         /* in one round */
#define ROUND_TABLES_MAX  64

struct explain_pass {
    struct engine *e;
    uint32_t *suspect;              /* indexes of the tables */
    size_t n;
    unsigned n_workers;
    struct problems *found;         /* one list per table of a round */
    _Atomic size_t *cursor;         /* one per round */
    size_t round_tables, n_rounds;
    pthread_barrier_t barrier;
    _Atomic bool failed;
    bool stop;                      /* written by worker 0 between the barriers */
};

struct place engine_l2_place(const struct engine *e, const struct l2_table *t, uint64_t j)
{
    return (struct place){
        .kind = PLACE_L2, .layer = t->layer, .i = t->l1_index, .j = j,
        .file_off = t->off + j * e->geo->l2_entry_size,
        .guest_off = geo_guest_off(e->geo, t->l1_index, j),
    };
}

uint32_t engine_copied_walks(const struct engine *e, const struct l2_table *t)
{
    bool one;

    if (!t->n_active || !t->off
        || !engine_stored_is_one(e, geo_cluster_of(e->geo, t->off), &one))
        return 0;
    return t->n_active;
}

static void report(struct problems *out, enum problem_kind kind, const struct engine *e,
                   const struct l2_table *t, uint64_t j, uint64_t raw, uint64_t host_off,
                   uint64_t expected, uint64_t walks)
{
    uint64_t qemu = problem_info(kind)->qemu == QEMU_OWN ? 0 : walks;

    if (!problems_room(out, kind)) {
        problems_count(out, kind, 1, qemu);
    } else {
        struct problem p = {
            .kind = kind, .place = engine_l2_place(e, t, j), .count = 1,
            .qemu_count = qemu, .host_off = host_off, .guest_len = e->geo->cluster_size,
            .found = raw, .expected = expected,
        };

        p.guest_off = p.place.guest_off;
        problems_add(out, &p);
    }
}

static void copied_rule(struct problems *out, const struct engine *e,
                        const struct l2_table *t, uint64_t j, uint64_t raw, uint64_t off,
                        uint32_t walks)
{
    uint64_t stored = 1;
    bool one = true;

    if (!e->geo->data_file && !engine_stored_is_one(e, geo_cluster_of(e->geo, off), &one))
        return;
    if (one == (raw >> 63))
        return;
    if (!one && problems_room(out, PROBLEM_DATA_COPIED))
        refcache_get(e->refcache, geo_cluster_of(e->geo, off), &stored);
    report(out, PROBLEM_DATA_COPIED, e, t, j, raw, off, one ? 1 : stored, walks);
}

static void explain_table(struct engine *e, const struct l2_table *t, const uint8_t *bytes,
                          struct source_span bad, struct problems *out)
{
    const struct geometry *geo = e->geo;
    uint64_t walks = (uint64_t)t->n_active + t->n_snapshot;
    uint32_t copied = engine_copied_walks(e, t);

    if (bad.len) {
        struct place place = engine_l2_place(e, t, (bad.off - t->off) / geo->l2_entry_size);

        unreadable_add(out, geo, &place, bad, "L2 table");
    }
    for (uint64_t j = 0; j < geo->l2_entries; j++, bytes += geo->l2_entry_size) {
        uint64_t raw = be64(bytes), bitmap = geo->extended_l2 ? be64(bytes + 8) : 0;
        uint64_t guest;
        struct judged jd;

        if (!raw && !bitmap)
            continue;
        guest = geo_guest_off(geo, t->l1_index, j);
        l2_judge(geo, raw, bitmap, guest, &jd);
        for (uint32_t f = jd.faults, k; f; f &= f - 1) {
            k = (uint32_t)__builtin_ctz(f);
            report(out, judge_kind(k), e, t, j, raw, jd.off, jd.len, walks);
        }
        if (copied && jd.copied_rule)
            copied_rule(out, e, t, j, raw, jd.off, copied);
        if (t->n_active && guest >= geo->size && t->layer == LAYER_ACTIVE)
            report(out, PROBLEM_PAST_DISK_END, e, t, j, raw, jd.off, geo->size, 0);
    }
}

static void merge_round(struct explain_pass *pass, size_t first, size_t n)
{
    struct engine *e = pass->e;

    for (size_t k = 0; k < n; k++) {
        bool any = false;

        for (int kind = 0; kind < N_PROBLEMS; kind++) {
            if (pass->found[k].count[kind]
                && problem_info((enum problem_kind)kind)->severity != SEV_NOTE)
                any = true;
        }
        /* Its cluster cannot be marked yet: bit 7 still means "stored refcount 1". */
        if (any)
            e->suspect[pass->suspect[first + k]] = SUSPECT_FOUND;
        problems_append(&e->res->problems, &pass->found[k]);
    }
}

static void explain_worker(void *ctx, unsigned number)
{
    struct explain_pass *pass = ctx;
    struct engine *e = pass->e;
    struct reader rd = { 0 };

    if (!reader_init(&rd, e->img, (size_t)e->geo->cluster_size, e->threads))
        pass->failed = true;
    for (size_t r = 0; r < pass->n_rounds; r++) {
        size_t first = r * pass->round_tables;
        size_t n = (size_t)u64_min(pass->round_tables, pass->n - first);

        while (!pass->failed) {
            size_t k = atomic_fetch_add(&pass->cursor[r], 1);
            const struct l2_table *t;

            if (k >= n)
                break;
            t = &e->l2.list[pass->suspect[first + k]];
            problems_init_part(&pass->found[k], PROBLEMS_KEPT_PER_TABLE, &e->res->problems);
            reader_fetch(&rd, &t->off, 1);
            explain_table(e, t, reader_table(&rd, 0), rd.bad[0], &pass->found[k]);
        }
        pthread_barrier_wait(&pass->barrier);
        if (number == 0) {
            if (!pass->failed)
                merge_round(pass, first, n);
            engine_done(e, n);
            pass->stop = pass->failed || engine_cancelled(e);
        }
        pthread_barrier_wait(&pass->barrier);
        if (pass->stop)
            break;
    }
    reader_free(&rd);
}

bool pass_explain(struct engine *e, struct error *err)
{
    struct explain_pass pass = { .e = e };
    bool ok = false, barrier = false;

    for (size_t i = 0; i < e->l2.n; i++)
        pass.n += e->suspect[i] != SUSPECT_NO;
    engine_phase(e, PHASE_EXPLAIN, pass.n);
    if (!pass.n)
        return true;
    pass.n_workers = (unsigned)u64_min(e->threads, pass.n);
    pass.round_tables = (size_t)u64_min(pass.n_workers * TABLES_PER_WORKER, ROUND_TABLES_MAX);
    pass.n_rounds = pass.n / pass.round_tables + (pass.n % pass.round_tables != 0);
    pass.suspect = calloc(pass.n, sizeof *pass.suspect);
    pass.found = calloc(pass.round_tables, sizeof *pass.found);
    pass.cursor = calloc(pass.n_rounds, sizeof *pass.cursor);
    if (!pass.suspect || !pass.found || !pass.cursor) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    pass.n = 0;
    for (size_t i = 0; i < e->l2.n; i++) {
        if (e->suspect[i] != SUSPECT_NO)
            pass.suspect[pass.n++] = (uint32_t)i;
    }
    barrier = pthread_barrier_init(&pass.barrier, NULL, pass.n_workers) == 0;
    if (!barrier) {
        err_set(err, ERR_NOMEM, "cannot make a barrier");
        goto out;
    }
    if (!team_run(pass.n_workers, explain_worker, &pass, err))
        goto out;
    ok = !pass.failed || err_set(err, ERR_NOMEM, "out of memory");
out:
    if (barrier)
        pthread_barrier_destroy(&pass.barrier);
    free(pass.suspect);
    free(pass.found);
    free(pass.cursor);
    return ok;
}
