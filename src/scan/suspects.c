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
    struct problems *found;         /* one list per table of a round; NULL where one worker
                                       does it all: there is a sink */
    struct rounds rounds;           /* a unit is a table */
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

/* An entry that is explained. */
struct odd_entry {
    const struct engine *e;
    const struct l2_table *t;
    struct problems *out;           /* where its problems go */
    uint64_t j, raw, host_off;
};

/* walks: how often QEMU's check comes by and counts it. */
static void report(const struct odd_entry *x, enum problem_kind kind, uint64_t expected,
                   uint64_t walks)
{
    uint64_t qemu = problem_info(kind)->qemu == QEMU_OWN ? 0 : walks;

    if (!problems_wanted(x->out, kind)) {
        problems_count(x->out, kind, 1, qemu);
    } else {
        struct problem p = {
            .kind = kind, .place = engine_l2_place(x->e, x->t, x->j), .count = 1,
            .qemu_count = qemu, .host_off = x->host_off,
            .guest_len = x->e->geo->cluster_size, .found = x->raw, .expected = expected,
        };

        p.guest_off = p.place.guest_off;
        problems_add(x->out, &p);
    }
}

static void copied_rule(const struct odd_entry *x, uint32_t walks)
{
    const struct engine *e = x->e;
    uint64_t cluster = geo_cluster_of(e->geo, x->host_off), stored = 1;
    bool one = true;

    if (!e->geo->data_file && !engine_stored_is_one(e, cluster, &one))
        return;
    if (one == (x->raw >> 63))
        return;
    if (!one && problems_wanted(x->out, PROBLEM_DATA_COPIED))
        refcache_get(e->refcache, cluster, &stored);
    report(x, PROBLEM_DATA_COPIED, one ? 1 : stored, walks);
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
        struct odd_entry x = { .e = e, .t = t, .out = out, .j = j, .raw = raw };
        uint64_t guest;
        struct judged jd;

        if (!raw && !bitmap)
            continue;
        guest = geo_guest_off(geo, t->l1_index, j);
        l2_judge(geo, raw, bitmap, guest, &jd);
        x.host_off = jd.off;
        for (uint32_t f = jd.faults, k; f; f &= f - 1) {
            k = (uint32_t)__builtin_ctz(f);
            report(&x, judge_kind(k), jd.len, walks);
        }
        if (copied && jd.copied_rule)
            copied_rule(&x, copied);
        if (t->n_active && guest >= geo->size && t->layer == LAYER_ACTIVE)
            report(&x, PROBLEM_PAST_DISK_END, geo->size, 0);
    }
}

static bool merge_round(void *ctx, uint64_t first, uint64_t n)
{
    struct explain_pass *pass = ctx;

    (void)first;
    for (uint64_t k = 0; pass->found && k < n; k++)
        problems_append(&pass->e->res->problems, &pass->found[k]);
    engine_done(pass->e, n);
    return !engine_cancelled(pass->e);
}

static void explain_worker(void *ctx, unsigned number)
{
    struct explain_pass *pass = ctx;
    struct engine *e = pass->e;
    struct reader rd = { 0 };
    uint64_t unit, slot;

    if (!reader_init(&rd, e->img, (size_t)e->geo->cluster_size, e->threads))
        rounds_fail(&pass->rounds);
    while (rounds_next(&pass->rounds, number, &unit, &slot)) {
        const struct l2_table *t = &e->l2.list[pass->suspect[unit]];
        struct problems *out = &e->res->problems;
        uint64_t before;

        if (pass->found) {
            out = &pass->found[slot];
            problems_init_part(out, PROBLEMS_KEPT_PER_TABLE, &e->res->problems);
        }
        before = problems_serious(out);
        reader_fetch(&rd, &t->off, 1);
        explain_table(e, t, reader_table(&rd, 0), rd.bad[0], out);
        /* Its cluster cannot be marked yet: bit 7 still means "stored refcount 1". */
        if (problems_serious(out) > before)
            e->suspect[pass->suspect[unit]] = SUSPECT_FOUND;
    }
    reader_free(&rd);
}

/* The tables that looked odd; false: no memory. */
static bool list_suspects(struct explain_pass *pass)
{
    struct engine *e = pass->e;
    size_t n = 0;

    pass->suspect = calloc((size_t)pass->rounds.n_units, sizeof *pass->suspect);
    if (!pass->suspect)
        return false;
    for (size_t i = 0; i < e->l2.n; i++)
        if (e->suspect[i] != SUSPECT_NO)
            pass->suspect[n++] = (uint32_t)i;
    return true;
}

bool pass_explain(struct engine *e, struct error *err)
{
    struct explain_pass pass = { .e = e, .rounds = { .done = merge_round, .ctx = &pass } };
    struct rounds *r = &pass.rounds;
    unsigned n_workers;
    bool ok = false;

    for (size_t i = 0; i < e->l2.n; i++)
        r->n_units += e->suspect[i] != SUSPECT_NO;
    engine_phase(e, PHASE_EXPLAIN, r->n_units);
    if (!r->n_units)
        return true;
    n_workers = e->res->problems.sink ? 1 : (unsigned)u64_min(e->threads, r->n_units);
    r->per_round = u64_min(n_workers * TABLES_PER_WORKER, ROUND_TABLES_MAX);
    if (!e->res->problems.sink)
        pass.found = calloc((size_t)r->per_round, sizeof *pass.found);
    if (!list_suspects(&pass) || (!pass.found && !e->res->problems.sink)) {
        err_set(err, ERR_NOMEM, "out of memory");
    } else if (rounds_init(r, n_workers, err)) {
        ok = team_run(n_workers, explain_worker, &pass, err)
             && (!r->failed || err_set(err, ERR_NOMEM, "out of memory"));
        rounds_free(r);
    }
    free(pass.suspect);
    free(pass.found);
    return ok;
}
