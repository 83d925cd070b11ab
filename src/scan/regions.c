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
        engine_preview(e, cl, class_of_owners(owners));
        cl += n;
    }
    return true;
}

static void past_end(struct engine *e, enum problem_kind kind, struct place place,
                     uint64_t off, uint64_t len, uint64_t weight)
{
    struct problem p = {
        .kind = kind, .place = place, .count = 1, .qemu_count = weight, .host_off = off,
        .guest_off = NO_ADDRESS, .found = off + len, .expected = e->geo->file_size,
    };

    problems_add(&e->res->problems, &p);
}

static struct place header_place(uint64_t byte)
{
    return (struct place){ .kind = PLACE_HEADER, .i = byte, .file_off = byte,
                           .guest_off = NO_ADDRESS };
}

static void count_header_region(struct engine *e, uint64_t field, uint64_t off, uint64_t len,
                                uint32_t owners, enum problem_kind kind)
{
    if (!engine_count(e, off, len, owners, 1))
        past_end(e, kind, header_place(field), off, len, 1);
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
        past_end(e, PROBLEM_BITMAP_PAST_END, *place, data, cs, weight);
}

static void bitmap_unreadable(void *ctx, const struct place *place, struct source_span bad)
{
    engine_unreadable(ctx, place, bad, "bitmap table");
}

static bool count_bitmap_tables_piece(void *ctx, uint64_t start, uint64_t end, uint32_t none,
                                      uint32_t weight, const struct sweep_span *first)
{
    (void)none;
    (void)first;
    count_clusters(ctx, start, end, OWNER_BITMAP_TABLE, weight);
    return true;
}

/* Tables may lie on one another, so they are swept, like L1 tables. */
static bool count_bitmaps(struct engine *e, struct error *err)
{
    const struct bitmaps *bm = &e->img->bitmaps;
    const struct geometry *geo = e->geo;
    struct bitmap_walk walk = {
        .img = e->img, .cancel = e->progress ? &e->progress->cancel : NULL, .ctx = e,
        .word = bitmap_word, .unreadable = bitmap_unreadable,
    };
    struct sweep_span *span;
    size_t n = 0;
    bool ok;

    if (!bm->consistent || bm->end == BITMAPS_NONE)
        return true;
    if (!engine_count(e, bm->dir_off, bm->dir_size, OWNER_BITMAP_DIR, 1)) {
        struct place place = header_place(e->img->ext.bitmaps_at
                                          ? e->img->ext.bitmaps_at->data_off + 16 : 0);

        past_end(e, PROBLEM_BITMAP_PAST_END, place, bm->dir_off, bm->dir_size, 1);
    }
    span = calloc(bm->n + 1, sizeof *span);
    if (!span)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < bm->n; i++) {
        const struct bitmap *b = &bm->list[i];
        struct place place = { PLACE_BITMAP, 0, i, 0, b->entry_off, NO_ADDRESS };
        uint64_t len = b->table_size * 8;

        if (!len)
            continue;
        if (b->table_offset > READ_OFFSET_MAX
            || region_past_end(geo, b->table_offset, len))
            past_end(e, PROBLEM_BITMAP_PAST_END, place, b->table_offset, len, 1);
        else
            span[n++] = (struct sweep_span){ geo_cluster_of(geo, b->table_offset),
                                       geo_cluster_of(geo, b->table_offset + len - 1) + 1,
                                       (uint32_t)i + 1 };
    }
    ok = sweep_spans(span, n, count_bitmap_tables_piece, e);
    ok = ok && (bitmap_walk_run(&walk) || engine_cancelled(e));
    free(span);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

/* L1 regions: many snapshots may share clusters, so they are swept. */
static bool count_l1_piece(void *ctx, uint64_t start, uint64_t end, uint32_t n_active,
                           uint32_t n_snapshot, const struct sweep_span *first)
{
    uint32_t owners = (n_active ? OWNER_L1_ACTIVE : 0) | (n_snapshot ? OWNER_L1_SNAPSHOT : 0);

    (void)first;
    count_clusters(ctx, start, end, owners, (uint64_t)n_active + n_snapshot);
    return !engine_cancelled(ctx);
}

static bool count_l1_tables(struct engine *e, struct error *err)
{
    const struct snapshots *snaps = &e->img->snaps;
    const struct geometry *geo = e->geo;
    struct sweep_span *span = calloc(snaps->n + 1, sizeof *span);
    size_t n = 0;
    bool ok;

    if (!span)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i <= snaps->n; i++) {
        const struct snapshot *s = i ? &snaps->list[i - 1] : NULL;
        uint64_t off = s ? s->l1_table_offset : e->img->hdr.l1_table_offset;
        uint64_t len = (s ? s->l1_size : geo->l1_entries) * 8;

        if (s && !l1_of_snapshot_ok(geo, s))
            continue;                       /* judged by the snapshot rules */
        if (!len)
            continue;
        if (off > READ_OFFSET_MAX || region_past_end(geo, off, len)) {
            struct place place = { PLACE_SNAPSHOT, 0, i - 1, 0, s ? s->entry_off : 0,
                                   NO_ADDRESS };

            past_end(e, PROBLEM_L1_PAST_END, s ? place : header_place(40), off, len, 1);
            if (off > READ_OFFSET_MAX - len)
                engine_gives_up(e, "snapshot-l1-offset", "a snapshot L1 table cannot be read");
            continue;
        }
        span[n++] = (struct sweep_span){ geo_cluster_of(geo, off),
                                   geo_cluster_of(geo, off + len - 1) + 1, (uint32_t)i };
    }
    ok = sweep_spans(span, n, count_l1_piece, e);
    free(span);
    return ok || engine_cancelled(e) ? true : err_set(err, ERR_NOMEM, "out of memory");
}

bool pass_regions(struct engine *e, struct error *err)
{
    const struct image *img = e->img;
    const struct header *h = &img->hdr;
    const struct geometry *geo = e->geo;

    engine_count(e, 0, geo->cluster_size, OWNER_HEADER, 1);
    if (!count_l1_tables(e, err))
        return false;
    if (img->snaps.whole_len)
        count_header_region(e, 64, img->snaps.table_off, img->snaps.whole_len,
                            OWNER_SNAPTABLE, PROBLEM_SNAPTABLE_PAST_END);
    count_header_region(e, 48, h->refcount_table_offset,
                        u64_min(h->refcount_table_clusters,
                                REFTABLE_BYTES_MAX >> geo->cluster_bits) * geo->cluster_size,
                        OWNER_REFTABLE, PROBLEM_REFTABLE_PAST_END);
    if (h->crypt_method == CRYPT_LUKS && img->ext.has_crypto)
        count_header_region(e, img->ext.crypto_at->data_off, img->ext.crypto.offset,
                            img->ext.crypto.length, OWNER_CRYPTO, PROBLEM_CRYPTO_PAST_END);
    return count_bitmaps(e, err);
}
