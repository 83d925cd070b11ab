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
#include "scan/faults.h"

#define TABLES_PER_WORKER 4         /* in one round */
#define ROUND_TABLES_MAX  64

struct explain_pass {
    struct engine *e;
    struct fault_totals left;       /* of tables that are not explained */
    pthread_mutex_t lock;           /* of `left` */
    uint32_t *suspect;              /* indexes of the tables */
    struct problems *found;         /* one list per table of a round; NULL where one worker
                                       does it all: there is a sink */
    struct rounds rounds;           /* a unit is a table */
};

/* Place of an entry of this table, guest offset included. */
static struct place l2_place(const struct engine *e, const struct l2_table *t, uint64_t j)
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
            .kind = kind, .place = l2_place(x->e, x->t, x->j), .count = 1,
            .qemu_count = qemu, .host_off = x->host_off,
            .guest_len = x->e->geo->cluster_size, .found = x->raw, .expected = expected,
        };

        p.guest_off = p.place.guest_off;
        problems_add(x->out, &p);
    }
}

/* What was not recorded is counted. */
static void tell_counts(struct fault_counts *c, struct problems *out, uint64_t walks,
                        uint64_t copied_walks)
{
    for (unsigned f = 0; f < N_FAULTS; f++) {
        enum problem_kind kind = judge_kind(f);

        if (c->n[f])
            problems_count(out, kind, c->n[f],
                           problem_info(kind)->qemu == QEMU_OWN ? 0 : c->n[f] * walks);
    }
    if (c->copied)
        problems_count(out, PROBLEM_DATA_COPIED, c->copied, c->copied * copied_walks);
}

/* Faults that a record is wanted of. */
static uint32_t wanted_faults(const struct problems *out)
{
    uint32_t wanted = 0;

    for (unsigned f = 0; f < N_FAULTS; f++)
        wanted |= (uint32_t)problems_wanted(out, judge_kind(f)) << f;
    return wanted;
}

bool engine_copied_wrong(const struct engine *e, uint64_t raw, uint64_t host_off)
{
    bool one = true;

    if (!e->geo->data_file && !engine_stored_is_one(e, geo_cluster_of(e->geo, host_off), &one))
        return false;
    return one != raw >> 63;
}

static void report_copied(const struct odd_entry *x, uint32_t walks)
{
    uint64_t stored = 1;

    if (x->raw >> 63)
        refcache_get(x->e->refcache, geo_cluster_of(x->e->geo, x->host_off), &stored);
    report(x, PROBLEM_DATA_COPIED, stored, walks);
}

static void take_off(struct explain_pass *pass, const struct fault_counts *c, uint64_t walks,
                     uint64_t copied_walks)
{
    struct fault_totals *left = &pass->left;

    pthread_mutex_lock(&pass->lock);
    for (unsigned f = 0; f < N_FAULTS; f++) {
        left->n[f] -= c->n[f];
        left->qemu[f] -= c->n[f] * walks;
    }
    left->copied -= c->copied;
    left->qemu_copied -= c->copied * copied_walks;
    pthread_mutex_unlock(&pass->lock);
}

/* Faults of tables of which no record is wanted, and which need not be read again. */
static void tell_left(struct explain_pass *pass)
{
    struct problems *out = &pass->e->res->problems;
    const struct fault_totals *left = &pass->left;

    for (unsigned f = 0; f < N_FAULTS; f++) {
        enum problem_kind kind = judge_kind(f);

        if (left->n[f])
            problems_count(out, kind, left->n[f],
                           problem_info(kind)->qemu == QEMU_OWN ? 0 : left->qemu[f]);
    }
    if (left->copied)
        problems_count(out, PROBLEM_DATA_COPIED, left->copied, left->qemu_copied);
}

/* Is no record wanted of what is odd in a table? `out` is empty, and knows what is full. */
static bool only_counted(uint16_t odd, const struct problems *out)
{
    return !(odd & SUSPECT_MUST) && !(odd & wanted_faults(out)) &&
           !(odd & SUSPECT_COPIED && problems_wanted(out, PROBLEM_DATA_COPIED));
}

/* What it finds is subtracted from the totals `left`, if there are any (NULL: the table is not
 * in them). */
static void explain_table(struct engine *e, const struct l2_table *t, const uint8_t *bytes,
                          struct source_span bad, struct problems *out,
                          struct explain_pass *counted)
{
    const struct geometry *geo = e->geo;
    uint64_t walks = (uint64_t)t->n_active + t->n_snapshot;
    uint64_t begin = geo_guest_off(geo, t->l1_index, 0);
    uint32_t copied = engine_copied_walks(e, t), wanted = wanted_faults(out);
    bool active = t->n_active && t->layer == LAYER_ACTIVE;
    struct fault_counts counts = { .copied = 0 }, told = { .copied = 0 };

    if (bad.len) {
        struct place place = l2_place(e, t, (bad.off - t->off) / geo->l2_entry_size);

        unreadable_add(out, geo, &place, bad, "L2 table");
    }
    for (uint64_t j = 0; j < geo->l2_entries; j++, bytes += geo->l2_entry_size) {
        uint64_t raw = be64(bytes), bitmap = geo->extended_l2 ? be64(bytes + 8) : 0;
        struct odd_entry x = { .e = e, .t = t, .out = out, .j = j, .raw = raw };
        uint64_t guest;
        struct judged jd;

        if (!raw && !bitmap)
            continue;
        if (!u64_add(begin, j << geo->cluster_bits, &guest))
            guest = UINT64_MAX;
        l2_judge(geo, raw, bitmap, guest, &jd);
        x.host_off = jd.off;
        for (uint32_t f = jd.faults & ~wanted; f; f &= f - 1)
            counts.n[__builtin_ctz(f)]++;
        if (jd.faults & wanted) {
            for (uint32_t f = jd.faults & wanted, k; f; f &= f - 1) {
                k = (uint32_t)__builtin_ctz(f);
                report(&x, judge_kind(k), jd.len, walks);
                told.n[k]++;
            }
            wanted = wanted_faults(out);
        }
        if (copied && jd.copied_rule && engine_copied_wrong(e, raw, jd.off)) {
            if (problems_wanted(out, PROBLEM_DATA_COPIED)) {
                report_copied(&x, copied);
                told.copied++;
            } else {
                counts.copied++;
            }
        }
        if (active && guest >= geo->size)
            report(&x, PROBLEM_PAST_DISK_END, geo->size, 0);
    }
    tell_counts(&counts, out, walks, copied);
    for (unsigned f = 0; f < N_FAULTS; f++)
        told.n[f] += counts.n[f];
    told.copied += counts.copied;
    if (counted)
        take_off(counted, &told, walks, copied);
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
        uint16_t odd = e->suspect[pass->suspect[unit]];
        uint64_t before;

        if (pass->found) {
            out = &pass->found[slot];
            problems_init_part(out, PROBLEMS_KEPT_PER_TABLE, &e->res->problems);
        }
        if (only_counted(odd, out))
            continue;
        before = problems_serious(out);
        reader_fetch(&rd, &t->off, 1);
        explain_table(e, t, reader_table(&rd, 0), rd.bad[0], out,
                      odd & SUSPECT_MUST ? NULL : pass);
        /* Its cluster cannot be marked yet: bit 7 still means "stored refcount 1". */
        if (problems_serious(out) == before)
            e->suspect[pass->suspect[unit]] = 0;
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
        if (e->suspect[i])
            pass->suspect[n++] = (uint32_t)i;
    return true;
}

static bool explain_ready(void *ctx, unsigned n, struct error *err)
{
    struct explain_pass *pass = ctx;

    return rounds_init(&pass->rounds, n, err);
}

bool pass_explain(struct engine *e, struct error *err)
{
    struct explain_pass pass = { .e = e, .left = e->faults, .lock = PTHREAD_MUTEX_INITIALIZER,
                                 .rounds = { .done = merge_round, .ctx = &pass } };
    struct rounds *r = &pass.rounds;
    unsigned n_workers;
    bool ok = false;

    for (size_t i = 0; i < e->l2.n; i++)
        r->n_units += e->suspect[i] != 0;
    engine_phase(e, PHASE_EXPLAIN, r->n_units);
    if (!r->n_units)
        return true;
    n_workers = e->res->problems.sink ? 1 : (unsigned)u64_min(e->threads, r->n_units);
    r->per_round = u64_min(n_workers * TABLES_PER_WORKER, ROUND_TABLES_MAX);
    if (!e->res->problems.sink)
        pass.found = calloc((size_t)r->per_round, sizeof *pass.found);
    if (!list_suspects(&pass) || (!pass.found && !e->res->problems.sink)) {
        err_set(err, ERR_NOMEM, "out of memory");
    } else {
        ok = team_run(n_workers, explain_ready, explain_worker, &pass, err)
             && (!r->failed || err_set(err, ERR_NOMEM, "out of memory"));
        if (ok && !engine_cancelled(e))
            tell_left(&pass);
        rounds_free(r);
    }
    free(pass.suspect);
    free(pass.found);
    return ok;
}
