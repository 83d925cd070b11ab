/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Stored refcounts against counted references, chunk by chunk; the flags of the cells
 * become problem marks, and the histograms of the map are made. What QEMU judges here is
 * the first half; overlaps and double allocations are our own. */
#include "config.h"

#include "scan/engine.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_PER_UNIT 1024          /* problem records of each kind in one unit; units of
                                       one round are kept all at once */
#define WORKERS_MAX 8

struct compare_pass {
    struct engine *e;
    unsigned n_workers;
    uint64_t first;                 /* position in the map where unit 0 begins */
    uint64_t end;                   /* ... and where the last unit ends */
    uint64_t unit_chunks;
    struct rounds rounds;
    struct problems *found;         /* one list per unit of a round; NULL where one worker
                                       does it all: there is a sink */
    bool abandoned;                 /* cancelled: lost clusters are not known */
    _Atomic uint64_t highest, twice, sum;
};

struct comparer {                   /* of one worker */
    struct compare_pass *pass;
    struct problems *out;
    uint8_t *block;                 /* the refcount block read last */
    uint64_t block_index;           /* UINT64_MAX: none */
    uint64_t highest, twice;
    uint64_t sum;                   /* of all references that the cells tell of */
};

enum { COMPARE_CONFLICT = 1, COMPARE_TWICE = 2, COMPARE_OVERFLOW = 4 };

static uint32_t judge_state(const struct engine *e, struct state s)
{
    return (owners_conflict(s.owners) ? COMPARE_CONFLICT : 0)
        | (s.owners & OWNER_TWICE_ACTIVE ? COMPARE_TWICE : 0)
        | (s.count > e->geo->refcount_max ? COMPARE_OVERFLOW : 0);
}

static void cluster_problem(struct comparer *c, enum problem_kind kind, uint64_t cl,
                            uint64_t n, uint64_t stored, struct state s, uint64_t qemu)
{
    const struct geometry *geo = c->pass->e->geo;
    struct problem p = {
        .kind = kind, .place = { PLACE_CLUSTER, 0, cl, 0, cl << geo->cluster_bits, NO_ADDRESS },
        .count = n, .qemu_count = qemu, .host_off = cl << geo->cluster_bits,
        .guest_off = NO_ADDRESS, .found = stored, .expected = s.count,
    };

    if (!problems_wanted(c->out, kind) && !problems_go_on(c->out, kind, cl)) {
        problems_count(c->out, kind, n, qemu);
        return;
    }
    if (kind == PROBLEM_OVERLAP || kind == PROBLEM_DOUBLE_ALLOCATION)
        p.owners = s.owners;
    problems_add(c->out, &p);
}

/* What is wrong with a cluster. */
struct cluster_fault {
    enum problem_kind kind;
    uint64_t found;
    uint64_t qemu;              /* what QEMU's check counts for it */
};

#define CLUSTER_FAULTS_MAX 3

/* A cluster has state s and the stored refcount `stored` (`known`: it could be read). Returns
 * how many faults it has. */
static unsigned judge_cluster(const struct engine *e, struct state s, uint32_t look,
                              uint64_t stored, bool known,
                              struct cluster_fault f[CLUSTER_FAULTS_MAX])
{
    uint64_t capped = u64_min(s.count, e->geo->refcount_max);
    unsigned n = 0;

    if (known && stored < capped)
        f[n++] = (struct cluster_fault){ stored ? PROBLEM_REFCOUNT_LOW : PROBLEM_REFCOUNT_ZERO,
                                         stored, 1 };
    else if (known && stored > capped)
        f[n++] = (struct cluster_fault){ capped ? PROBLEM_REFCOUNT_HIGH : PROBLEM_LEAKED,
                                         stored, 1 };
    if (look & COMPARE_OVERFLOW)
        f[n++] = (struct cluster_fault){ PROBLEM_REFCOUNT_OVERFLOW, capped, s.count - capped };
    if (look & COMPARE_CONFLICT)
        f[n++] = (struct cluster_fault){ PROBLEM_OVERLAP, stored, 0 };
    else if (look & COMPARE_TWICE)
        f[n++] = (struct cluster_fault){ PROBLEM_DOUBLE_ALLOCATION, stored, 0 };
    return n;
}

/* Clusters [cl, cl+n) are alike. Returns whether a problem concerns them. */
static bool compare_clusters(struct comparer *c, uint64_t cl, uint64_t n, struct state s,
                             uint64_t stored, bool known)
{
    struct cluster_fault f[CLUSTER_FAULTS_MAX];
    uint32_t look = judge_state(c->pass->e, s);
    unsigned n_faults = judge_cluster(c->pass->e, s, look, stored, known, f);

    if (known && (stored || s.count))
        c->highest = cl + n - 1;
    for (unsigned i = 0; i < n_faults; i++)
        cluster_problem(c, f[i].kind, cl, n, f[i].found, s, n * f[i].qemu);
    if (look & COMPARE_TWICE)
        c->twice += n;
    return n_faults;
}

/* The block behind refcount table entry i, read once for the clusters that need it. */
static bool load_block(struct comparer *c, uint64_t i)
{
    const struct engine *e = c->pass->e;

    if (c->block_index == i)
        return true;
    c->block_index = UINT64_MAX;
    if (!source_read(e->img->src, e->img->reftable[i] & REFTABLE_OFFSET_MASK, c->block,
                     (size_t)e->geo->cluster_size, NULL))
        return false;                       /* changed between the two readings */
    c->block_index = i;
    return true;
}

/* Nothing but a count is wanted of a problem of this kind in cluster cl or after it. */
static bool only_counted(const struct problems *out, enum problem_kind kind, uint64_t cl)
{
    size_t last = out->last[kind];

    return !problems_wanted(out, kind)
        && (last == SIZE_MAX || out->list[last].place.i + out->list[last].count < cl);
}

/* What all clusters come to whose cells have one value. */
struct foreseen {
    struct state s;
    uint32_t look;
    struct cluster_fault fault[CLUSTER_FAULTS_MAX];
    unsigned n_faults;
};

/* The cells of this value, in cluster cl or after it, whose flags say what refcount is stored.
 * False: they must be looked at one by one. */
static bool foresee(const struct comparer *c, uint64_t cl, uint8_t value, struct foreseen *o)
{
    const struct engine *e = c->pass->e;

    if ((value & CELL_CODE) == STATE_SIDE)
        return false;
    o->s = cells_state(e->cells, cl, value);
    o->look = judge_state(e, o->s);
    o->n_faults = judge_cluster(e, o->s, o->look, value >> 7, true, o->fault);
    for (unsigned i = 0; i < o->n_faults; i++) {
        if (!only_counted(c->out, o->fault[i].kind, cl))
            return false;
    }
    return true;
}

#define OUTCOMES_MAX 32

/* Compares n cells, from cluster cl on, all at once where it is known before what comes of
 * them: in a damaged image no two neighbours are alike. Else false, and nothing is done. */
static bool compare_at_once(struct comparer *c, uint64_t cl, uint8_t *cell, unsigned n)
{
    struct foreseen o[OUTCOMES_MAX];
    uint8_t becomes[256];
    struct cell_tally t;

    cells_tally(cell, n, &t);
    if (t.n_values > OUTCOMES_MAX)
        return false;
    for (unsigned k = 0; k < t.n_values; k++) {
        if (!foresee(c, cl, t.value[k], &o[k]))
            return false;
    }
    for (unsigned k = 0; k < t.n_values; k++) {
        uint8_t v = t.value[k];
        uint64_t n_like = t.n[v];

        becomes[v] = (uint8_t)((v & CELL_CODE) | (o[k].n_faults ? CELL_FLAG : 0));
        c->sum += n_like * o[k].s.count;
        c->twice += o[k].look & COMPARE_TWICE ? n_like : 0;
        for (unsigned i = 0; i < o[k].n_faults; i++)
            problems_count(c->out, o[k].fault[i].kind, n_like, n_like * o[k].fault[i].qemu);
    }
    for (unsigned k = n; k; k--) {
        if (cell[k - 1]) {              /* stored or counted */
            c->highest = cl + k - 1;
            break;
        }
    }
    if (t.n_values == 1) {
        memset(cell, becomes[t.value[0]], n);
    } else {
        for (unsigned k = 0; k < n; k++)
            cell[k] = becomes[cell[k]];
    }
    return true;
}

/* How many cells from `cell` on, of cluster cl, are like the first: n at most. `mixed`: the block
 * that was read last holds other refcounts than 0 and 1, which flags do not tell. */
static unsigned count_alike(const struct comparer *c, uint64_t cl, const uint8_t *cell,
                            unsigned n, bool mixed, uint64_t *stored)
{
    const struct geometry *geo = c->pass->e->geo;
    uint64_t mask = geo->refblock_entries - 1;
    unsigned m = 1;

    *stored = cell[0] >> 7;
    if ((cell[0] & CELL_CODE) == STATE_SIDE)
        n = 1;
    else
        n = cells_equal(cell, n);
    if (!mixed || *stored)
        return n;
    *stored = refblock_get(c->block, geo->refcount_order, cl & mask);
    while (m < n && refblock_get(c->block, geo->refcount_order, (cl + m) & mask) == *stored)
        m++;
    return m;
}

/* Cells [lo, hi) of a chunk, all described by refcount table entry i. */
static void compare_cells(struct comparer *c, uint64_t base, uint8_t *cell, unsigned lo,
                          unsigned hi, uint64_t i)
{
    const struct engine *e = c->pass->e;
    enum block_state bs = i < e->n_blocks ? (enum block_state)e->block[i] : BLOCK_NONE;
    bool known = bs != BLOCK_BAD && bs != BLOCK_UNREADABLE;
    bool mixed = bs == BLOCK_MIXED && load_block(c, i);

    if (known && bs != BLOCK_MIXED && compare_at_once(c, base + lo, cell + lo, hi - lo))
        return;
    for (unsigned k = lo, n; k < hi; k += n) {
        uint64_t cl = base + k, stored;
        unsigned code = cell[k] & CELL_CODE;
        struct state s = cells_state(e->cells, cl, cell[k]);
        bool bad;

        n = count_alike(c, cl, cell + k, hi - k, mixed, &stored);
        if (code == STATE_SIDE && cells_lost(e->cells, cl, cell[k])) {
            code = cells_code_many(e->cells, s);
            if (c->pass->abandoned) {
                cell[k] = (uint8_t)code;
                continue;
            }
        }
        bad = compare_clusters(c, cl, n, s, stored, known);
        c->sum += n * s.count;
        memset(cell + k, (int)(code | (bad ? CELL_FLAG : 0)), n);
    }
}

static void compare_chunk(struct comparer *c, uint64_t index)
{
    struct engine *e = c->pass->e;
    uint64_t chunk = map_chunk_at(e->map, index), base = chunk << CHUNK_BITS;
    uint8_t *cell = cells_chunk(e->cells, chunk);
    unsigned n, step;

    if (!cell || base >= e->geo->n_clusters)
        return;
    n = (unsigned)u64_min(CHUNK_CELLS, e->geo->n_clusters - base);
    step = (unsigned)u64_min(CHUNK_CELLS, e->geo->refblock_entries);
    for (unsigned lo = 0; lo < n; lo += step)
        compare_cells(c, base, cell, lo, (unsigned)u64_min(lo + step, n),
                      (base + lo) >> e->geo->refblock_bits);
    map_fold(e->map, index);
}

static bool merge_units(void *ctx, uint64_t first, uint64_t n)
{
    struct compare_pass *pass = ctx;

    (void)first;
    for (uint64_t u = 0; pass->found && u < n; u++)
        problems_append(&pass->e->res->problems, &pass->found[u]);
    engine_done(pass->e, n);
    return true;
}

static void compare_worker(void *ctx, unsigned number)
{
    struct compare_pass *pass = ctx;
    struct engine *e = pass->e;
    struct comparer c = { .pass = pass, .out = &e->res->problems, .block_index = UINT64_MAX };
    uint64_t highest = 0, unit, slot;

    c.block = malloc((size_t)e->geo->cluster_size);
    if (!c.block)
        rounds_fail(&pass->rounds);
    while (rounds_next(&pass->rounds, number, &unit, &slot)) {
        uint64_t i = pass->first + unit * pass->unit_chunks;
        uint64_t end = u64_min(i + pass->unit_chunks, pass->end);

        if (pass->found) {
            c.out = &pass->found[slot];
            problems_init_part(c.out, (size_t)u64_min(KEPT_PER_UNIT, e->res->problems.kept_max),
                               &e->res->problems);
        }
        for (; i < end; i++)
            compare_chunk(&c, i);
    }
    free(c.block);
    pass->twice += c.twice;
    pass->sum += c.sum;
    highest = pass->highest;
    while (highest < c.highest
           && !atomic_compare_exchange_weak(&pass->highest, &highest, c.highest))
        ;
}

/* Clusters whose refcounts cannot be read: QEMU's check errors. */
static void unreadable_refcounts(struct engine *e)
{
    const struct geometry *geo = e->geo;

    for (uint64_t i = 0; i < e->n_blocks; i++) {
        uint64_t first = i << geo->refblock_bits;
        uint64_t n = u64_min(geo->refblock_entries, geo->n_clusters - first);
        struct problem p = {
            .kind = PROBLEM_REFCOUNT_UNREADABLE, .count = n, .qemu_count = n,
            .place = { PLACE_CLUSTER, 0, first, 0, first << geo->cluster_bits, NO_ADDRESS },
            .host_off = first << geo->cluster_bits, .guest_off = NO_ADDRESS,
        };

        if (e->block[i] != BLOCK_BAD && e->block[i] != BLOCK_UNREADABLE)
            continue;
        p.found = e->img->reftable[i];
        problems_add(&e->res->problems, &p);
    }
}

/* The cluster after the last one, when a reference reached into it. */
static void compare_grown(struct compare_pass *pass)
{
    struct engine *e = pass->e;
    uint64_t cl = e->geo->n_clusters, stored = 0;
    struct comparer c = { .pass = pass, .out = &e->res->problems };
    struct state s = cells_get(e->cells, cl);
    enum stored_status st = image_stored_refcount(e->img, cl, &stored);

    if (st == STORED_BAD_BLOCK || st == STORED_UNREADABLE) {
        cluster_problem(&c, PROBLEM_REFCOUNT_UNREADABLE, cl, 1, 0, s, 1);
        return;
    }
    if (st == STORED_NO_BLOCK)
        stored = 0;
    compare_clusters(&c, cl, 1, s, stored, true);
    if (c.highest == cl)
        pass->highest = cl;
    pass->twice += c.twice;
}

static bool compare_ready(void *ctx, unsigned n, struct error *err)
{
    struct compare_pass *pass = ctx;

    return rounds_init(&pass->rounds, n, err);
}

/* Chunks [pass->first, pass->end) of the map. */
static bool compare_range(struct compare_pass *pass, struct error *err)
{
    struct engine *e = pass->e;
    struct rounds *r = &pass->rounds;
    bool ok;

    r->n_units = div_up(pass->end - pass->first, pass->unit_chunks);
    if (!e->res->problems.sink) {
        pass->found = calloc((size_t)r->per_round, sizeof *pass->found);
        if (!pass->found)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    ok = team_run(pass->n_workers, compare_ready, compare_worker, pass, err)
         && (!r->failed || err_set(err, ERR_NOMEM, "out of memory"));
    rounds_free(r);
    if (ok && e->grown && pass->end == e->map->n_chunks && !pass->abandoned)
        compare_grown(pass);
    free(pass->found);
    return ok;
}

bool pass_compare(struct engine *e, struct error *err)
{
    struct compare_pass pass = { .e = e, .rounds = { .done = merge_units, .ctx = &pass } };
    bool one = !e->cells->flat || e->res->problems.sink;
    bool ok = true;

    /* Nobody knows the sum then. */
    e->miscounted = e->shared_counting && e->cells->lost;
    if (e->miscounted)
        return true;
    if (!map_seal(e->map, err))
        return false;
    /* A unit is a whole number of chunks and of refcount blocks. */
    pass.unit_chunks = e->map->chunk ? 1
        : u64_max(1, e->geo->refblock_entries >> CHUNK_BITS);
    pass.n_workers = one ? 1 : (unsigned)u64_min(e->threads, WORKERS_MAX);
    pass.rounds.per_round = pass.n_workers * u64_max(4, 16 / pass.unit_chunks);
    engine_phase(e, PHASE_COMPARE, div_up(e->map->n_chunks, pass.unit_chunks));
    unreadable_refcounts(e);
    while (ok && pass.first < e->map->n_chunks) {
        struct recount rc = { 0 };

        pass.end = e->map->n_chunks;
        ok = recount(e, pass.first, &pass.end, pass.unit_chunks, &rc, err);
        pass.abandoned = e->cells->lost && engine_cancelled(e);
        e->res->partial = e->map->partial = pass.abandoned;
        ok = ok && compare_range(&pass, err);
        recount_free(e, &rc);
        pass.first = pass.end;
    }
    e->res->stats.highest_used = pass.highest;
    e->res->stats.twice_active = pass.twice;
    pass.sum += cells_get(e->cells, e->geo->n_clusters).count;
    e->miscounted = e->shared_counting && pass.sum != e->cells->entered;
    return ok;
}
