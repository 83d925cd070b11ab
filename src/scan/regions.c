/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* References that are not made by L2 entries: whole regions of metadata. */
#include "config.h"

#include "scan/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "scan/bitmapwalk.h"
#include "scan/judge.h"
#include "scan/l1walk.h"
#include "scan/sweep.h"

void engine_gives_up(struct engine *e, const char *id, const char *text)
{
    struct refusal *r = &e->res->refused;

    if (r->id)
        return;
    r->id = id;
    r->at_check = true;
    snprintf(r->text, sizeof r->text, "%s", text);
}

bool engine_count(struct engine *e, uint64_t off, uint64_t len, uint32_t owners,
                  uint64_t weight)
{
    struct step step;
    uint64_t cl, last;

    if ((int64_t)len <= 0)
        return true;
    if (region_past_end(e->geo, off, len))
        return false;
    cl = geo_cluster_of(e->geo, off);
    last = geo_cluster_of(e->geo, off + len - 1);
    if (last >= e->cells->n)        /* only by wrapping around: no such cluster */
        return false;
    step_init(&step, owners, weight);
    if (last >= e->geo->n_clusters)
        e->grown = true;
    while (cl <= last) {
        uint64_t n = u64_min(CHUNK_CELLS - (cl & (CHUNK_CELLS - 1)), last - cl + 1);

        cells_bump_run(e->cells, cl, (unsigned)n, &step);
        e->cells->entered += n * weight;
        engine_preview(e, cl, class_of_owners(owners));
        cl += n;
    }
    return true;
}

static void past_end(struct engine *e, enum problem_kind kind, const struct place *place,
                     uint64_t off, uint64_t len, uint64_t weight)
{
    struct problem p = {
        .kind = kind, .place = *place, .count = 1, .qemu_count = weight, .host_off = off,
        .guest_off = NO_ADDRESS, .found = off + len, .expected = e->geo->file_size,
    };

    problems_add(&e->res->problems, &p);
}

static void structure_past_end(struct engine *e, const struct structure *s)
{
    static const enum problem_kind kind[N_STRUCTURES] = {
        [STRUCTURE_L1] = PROBLEM_L1_PAST_END,
        [STRUCTURE_REFTABLE] = PROBLEM_REFTABLE_PAST_END,
        [STRUCTURE_SNAPSHOTS] = PROBLEM_SNAPTABLE_PAST_END,
        [STRUCTURE_CRYPTO] = PROBLEM_CRYPTO_PAST_END,
        [STRUCTURE_BITMAP_DIR] = PROBLEM_BITMAP_PAST_END,
        [STRUCTURE_BITMAP_TABLE] = PROBLEM_BITMAP_PAST_END,
    };
    struct place place = place_of_pointer(e->img, s);

    if (s->kind == STRUCTURE_HEADER)        /* a file of no byte at all */
        return;
    past_end(e, kind[s->kind], &place, s->off, s->len, 1);
    if (s->kind == STRUCTURE_L1 && s->off > READ_OFFSET_MAX - s->len)
        engine_gives_up(e, "snapshot-l1-offset", "a snapshot L1 table cannot be read");
}

/* References to clusters [start, end), each of which QEMU's rule has accepted. */
static void count_clusters(struct engine *e, uint64_t start, uint64_t end, uint32_t owners,
                           uint64_t weight)
{
    uint64_t cs = e->geo->cluster_size, len = (end - start) * cs;

    /* The cluster after the last one counts as touched by its first byte. */
    engine_count(e, start * cs, end > e->geo->n_clusters ? len - (cs - 1) : len, owners,
                 weight);
}

/* --- bitmaps --- */

static void bitmap_word(void *ctx, const struct place *place, uint64_t word,
                        uint64_t weight)
{
    struct engine *e = ctx;
    uint64_t cs = e->geo->cluster_size, data = word & ENTRY_OFFSET_MASK;

    if ((word & BITMAP_ENTRY_RESERVED)
        || (data && ((word & BITMAP_ENTRY_ALL_ONES) || (data & (cs - 1)))))
        problem_note(&e->res->problems, PROBLEM_BITMAP_ENTRY, place, word, 0, NULL);
    if (data && !engine_count(e, data, cs, OWNER_BITMAP_DATA, weight))
        past_end(e, PROBLEM_BITMAP_PAST_END, place, data, cs, weight);
}

static void bitmap_unreadable(void *ctx, const struct place *place, struct source_span bad)
{
    engine_unreadable(ctx, place, bad, "bitmap table");
}

/* --- structures --- */

struct region_sweep { struct engine *e; enum structure_kind kind; };

static bool count_piece(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                        uint32_t n_snapshot, const struct sweep_span *first)
{
    const struct region_sweep *rs = ctx;
    uint32_t owners = (n_active ? OWNER_L1_ACTIVE : 0) | (n_snapshot ? OWNER_L1_SNAPSHOT : 0);

    (void)first;
    if (rs->kind == STRUCTURE_BITMAP_TABLE)
        owners = OWNER_BITMAP_TABLE;
    count_clusters(rs->e, start, end, owners, (uint64_t)n_active + n_snapshot);
    return !engine_cancelled(rs->e);
}

/* L1 tables, or bitmap tables: many may share clusters, so they are swept. */
static bool sweep_structures(struct engine *e, enum structure_kind kind, struct error *err)
{
    const struct structures *all = &e->img->structures;
    struct sweep_span *span = calloc(all->n, sizeof *span);
    struct region_sweep rs = { e, kind };
    const struct geometry *geo = e->geo;
    size_t n = 0;
    bool ok;

    if (!span)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t k = 0; k < all->n; k++) {
        const struct structure *s = &all->list[k];

        if (s->kind != kind || !s->counted)
            continue;
        if (s->off > READ_OFFSET_MAX || region_past_end(geo, s->off, s->len))
            structure_past_end(e, s);
        else
            span[n++] = (struct sweep_span){
                geo_cluster_of(geo, s->off), geo_cluster_of(geo, s->off + s->len - 1) + 1,
                kind == STRUCTURE_L1 ? s->i : s->i + 1 };
    }
    ok = sweep_spans(span, n, count_piece, &rs);
    free(span);
    return ok || engine_cancelled(e) || err_set(err, ERR_NOMEM, "out of memory");
}

bool pass_regions(struct engine *e, struct error *err)
{
    const struct structures *all = &e->img->structures;
    struct bitmap_walk bitmaps = {
        .img = e->img, .cancel = e->progress ? &e->progress->cancel : NULL, .ctx = e,
        .word = bitmap_word, .unreadable = bitmap_unreadable,
    };

    for (size_t k = 0; k < all->n; k++) {
        const struct structure *s = &all->list[k];

        if (s->counted && s->kind != STRUCTURE_L1 && s->kind != STRUCTURE_BITMAP_TABLE
            && !engine_count(e, s->off, s->len, owner_of_structure(s), 1))
            structure_past_end(e, s);
    }
    if (!sweep_structures(e, STRUCTURE_L1, err)
        || !sweep_structures(e, STRUCTURE_BITMAP_TABLE, err))
        return false;
    if (!e->img->bitmaps.consistent || e->img->bitmaps.end == BITMAPS_NONE)
        return true;
    return bitmap_walk_run(&bitmaps) || engine_cancelled(e)
           || err_set(err, ERR_NOMEM, "out of memory");
}
