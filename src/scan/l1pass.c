/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* All L1 entries are judged; the list of distinct L2 tables comes out of it.
 * Spec: "Cluster mapping", L1 table entry. */
#include "config.h"

#include "scan/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "scan/judge.h"
#include "scan/l1walk.h"

static void l1_fault(struct engine *e, enum problem_kind kind, const struct place *place,
                     uint64_t word, uint64_t expected, uint64_t qemu)
{
    struct problem p = {
        .kind = kind, .place = *place, .count = 1, .qemu_count = qemu,
        .host_off = word & ENTRY_OFFSET_MASK, .guest_off = place->guest_off,
        .guest_len = e->geo->l2_span, .found = word, .expected = expected,
    };

    problems_add(&e->res->problems, &p);
}

static bool judge_word(void *ctx, const struct l1_word *w)
{
    struct engine *e = ctx;
    const struct geometry *geo = e->geo;
    uint64_t word = w->value, off = word & ENTRY_OFFSET_MASK;
    uint64_t walks = (uint64_t)w->n_active + w->n_snapshot;
    bool one, bad = false, aligned = !(off & (geo->cluster_size - 1));

    if (word & L1_RESERVED_MASK) {
        l1_fault(e, PROBLEM_L1_RESERVED, &w->place, word, word & ~L1_RESERVED_MASK, walks);
        bad = true;
    }
    if (region_past_end(geo, off, geo->cluster_size)) {
        l1_fault(e, PROBLEM_L2_PAST_END, &w->place, word, geo->file_size, walks);
        e->res->stats.beyond_references += walks;
        bad = true;
    }
    if (!aligned) {
        l1_fault(e, PROBLEM_L2_MISALIGNED, &w->place, word, 0, walks);
        bad = true;
    }
    if (w->n_active) {
        struct layer_stats *st = &e->res->stats.active;

        st->l1_used++;
        st->l1_invalid += bad;
        st->l1_unaligned += !aligned;
    }
    if (w->n_active && off && engine_stored_is_one(e, geo_cluster_of(geo, off), &one)
        && one != (word >> 63)) {
        uint64_t stored = one;

        if (!one)
            refcache_get(e->refcache, geo_cluster_of(geo, off), &stored);
        l1_fault(e, PROBLEM_L2_COPIED, &w->place, word, stored, w->n_active);
    }
    if (off < geo->file_len) {
        struct l2_table t = { off, (uint32_t)w->place.i, w->place.layer, w->n_active,
                              w->n_snapshot };

        return l2_list_push(&e->l2, &t);
    }
    return true;
}

static void unreadable(void *ctx, const struct place *place, struct source_span bad)
{
    engine_unreadable(ctx, place, bad, "L1 table");
}

static void words_done(void *ctx, uint64_t n)
{
    engine_done(ctx, n);
}

void count_l2_tables(struct engine *e)
{
    struct step step;
    uint32_t active = UINT32_MAX, snapshot = 0;

    for (size_t i = 0; i < e->l2.n; i++) {
        const struct l2_table *t = &e->l2.list[i];
        uint64_t cl = geo_cluster_of(e->geo, t->off);

        if (t->n_active != active || t->n_snapshot != snapshot) {
            active = t->n_active;
            snapshot = t->n_snapshot;
            step_init(&step, owner_bits(OWNER_L2, active, snapshot),
                      (uint64_t)active + snapshot);
        }
        cells_bump(e->cells, cl, &step);
        e->cells->entered += step.weight;
        engine_preview(e, cl, CLASS_L2);
        if (t->off & (e->geo->cluster_size - 1)) {
            cells_bump(e->cells, cl + 1, &step);
            e->cells->entered += step.weight;
            e->grown |= cl + 1 >= e->geo->n_clusters;
        }
    }
    e->res->stats.l2_tables += e->l2.n;
    if (e->l2.odd_dropped)
        engine_gives_up(e, "too-many-misaligned-tables", "more misaligned L2 tables than "
                        "can be read in reasonable time");
}

bool pass_l1(struct engine *e, struct error *err)
{
    struct l1_walk walk = {
        .img = e->img, .cancel = e->progress ? &e->progress->cancel : NULL, .ctx = e,
        .word = judge_word, .unreadable = unreadable, .done = words_done,
    };

    engine_phase(e, PHASE_L1, l1_walk_total(e->img));
    e->res->stats.active.l1_entries = e->geo->l1_entries;
    if (!l1_walk_run(&walk) && !engine_cancelled(e))
        return err_set(err, ERR_NOMEM, "out of memory");
    l2_list_close(&e->l2, e->geo);
    return true;
}
