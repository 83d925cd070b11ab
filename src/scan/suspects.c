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

/* Faults that need no record, one table long. */
struct fault_counts {
    uint64_t lanes[2];              /* seven faults each, a byte per fault */
    unsigned in_lanes;              /* entries since they were emptied: less than 256 */
    uint64_t n[N_FAULTS], copied;
};

static void empty_lanes(struct fault_counts *c)
{
    for (unsigned f = 0; f < N_FAULTS; f++)
        c->n[f] += c->lanes[f / 7] >> f % 7 * 8 & 255;
    c->lanes[0] = c->lanes[1] = c->in_lanes = 0;
}

/* Bit k of seven goes to byte k. */
static inline uint64_t spread(uint32_t bits)
{
    return (bits & 127) * UINT64_C(0x2040810204081) & UINT64_C(0x01010101010101);
}

/* Without a branch: of damaged entries none is like the one before. */
static inline void count_faults(struct fault_counts *c, uint32_t faults)
{
    c->lanes[0] += spread(faults);
    c->lanes[1] += spread(faults >> 7);
    if (++c->in_lanes == 255)
        empty_lanes(c);
}

static void tell_counts(struct fault_counts *c, struct problems *out, uint64_t walks,
                        uint64_t copied_walks)
{
    empty_lanes(c);
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

/* Does COPIED say something else than the stored refcount, where that can be read? */
static bool copied_wrong(const struct odd_entry *x)
{
    const struct geometry *geo = x->e->geo;
    bool one = true;

    if (!geo->data_file && !engine_stored_is_one(x->e, geo_cluster_of(geo, x->host_off), &one))
        return false;
    return one != x->raw >> 63;
}

static void report_copied(const struct odd_entry *x, uint32_t walks)
{
    uint64_t stored = 1;

    if (x->raw >> 63)
        refcache_get(x->e->refcache, geo_cluster_of(x->e->geo, x->host_off), &stored);
    report(x, PROBLEM_DATA_COPIED, stored, walks);
}

static void explain_table(struct engine *e, const struct l2_table *t, const uint8_t *bytes,
                          struct source_span bad, struct problems *out)
{
    const struct geometry *geo = e->geo;
    uint64_t walks = (uint64_t)t->n_active + t->n_snapshot;
    uint64_t begin = geo_guest_off(geo, t->l1_index, 0);
    uint32_t copied = engine_copied_walks(e, t), wanted = wanted_faults(out);
    bool active = t->n_active && t->layer == LAYER_ACTIVE;
    struct fault_counts counts = { .in_lanes = 0 };

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
        if (!u64_add(begin, j << geo->cluster_bits, &guest))
            guest = UINT64_MAX;
        l2_judge(geo, raw, bitmap, guest, &jd);
        x.host_off = jd.off;
        count_faults(&counts, jd.faults & ~wanted);
        if (jd.faults & wanted) {
            for (uint32_t f = jd.faults & wanted, k; f; f &= f - 1) {
                k = (uint32_t)__builtin_ctz(f);
                report(&x, judge_kind(k), jd.len, walks);
            }
            wanted = wanted_faults(out);
        }
        if (copied && jd.copied_rule && copied_wrong(&x)) {
            if (problems_wanted(out, PROBLEM_DATA_COPIED))
                report_copied(&x, copied);
            else
                counts.copied++;
        }
        if (active && guest >= geo->size)
            report(&x, PROBLEM_PAST_DISK_END, geo->size, 0);
    }
    tell_counts(&counts, out, walks, copied);
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

static bool explain_ready(void *ctx, unsigned n, struct error *err)
{
    struct explain_pass *pass = ctx;

    return rounds_init(&pass->rounds, n, err);
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
    } else {
        ok = team_run(n_workers, explain_ready, explain_worker, &pass, err)
             && (!r->failed || err_set(err, ERR_NOMEM, "out of memory"));
        rounds_free(r);
    }
    free(pass.suspect);
    free(pass.found);
    return ok;
}
