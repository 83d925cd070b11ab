/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "pack/keep.h"

#include <stdlib.h>
#include <string.h>

#include "qcow2/field.h"
#include "qcow2/luks.h"
#include "scan/l1walk.h"

#define SNAPSHOT_FIXED  40      /* bytes of an entry of the snapshot table, */
#define BITMAP_FIXED    24      /* ... of the bitmap directory, that come first */

const struct keep_info *keep_info(enum keep_kind kind)
{
    static const struct keep_info rows[N_KEEPS] = {
#define X(e, id, name) { id, name },
        KEEP_KINDS(X)
#undef X
    };

    return &rows[kind];
}

struct finding {
    struct keep *k;
    const struct image *img;
    struct data_memo memo;
    struct error *err;
    bool failed;
};

static int by_kind(const void *a, const void *b)
{
    const struct keep_range *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->off != y->off)
        return x->off < y->off ? -1 : 1;
    return (x->len > y->len) - (x->len < y->len);
}

/* Sorts, and drops what is there twice. */
static void settle(struct keep *k)
{
    size_t n = 0;

    if (k->n)
        qsort(k->list, k->n, sizeof *k->list, by_kind);
    for (size_t i = 0; i < k->n; i++)
        if (!n || by_kind(&k->list[n - 1], &k->list[i]) != 0)
            k->list[n++] = k->list[i];
    k->n = n;
}

static bool make_room(struct finding *f)
{
    struct keep *k = f->k;
    size_t cap = k->cap ? k->cap * 2 : 1024;
    struct keep_range *list;

    if (k->n == PACK_RANGES_MAX) {
        settle(k);
        if (k->n < PACK_RANGES_MAX / 2)
            return true;
        return err_set(f->err, ERR_LIMIT, "more than %u tables", PACK_RANGES_MAX);
    }
    if (cap > PACK_RANGES_MAX)
        cap = PACK_RANGES_MAX;
    list = realloc(k->list, cap * sizeof *list);
    if (!list)
        return err_set(f->err, ERR_NOMEM, "out of memory");
    k->list = list;
    k->cap = cap;
    return true;
}

/* Clipped to the file; what is nothing but a hole is left out. */
static void add(struct finding *f, enum keep_kind kind, uint64_t off, uint64_t len)
{
    uint64_t size = f->img->geo.file_size;

    if (f->failed || off >= size)
        return;
    len = u64_min(len, size - off);
    if (!len || source_all_hole(f->img->src, &f->memo, off, len))
        return;
    if (f->k->n == f->k->cap && !make_room(f)) {
        f->failed = true;
        return;
    }
    f->k->list[f->k->n++] = (struct keep_range){ off, len, kind };
}

static void add_header(struct finding *f)
{
    const struct image *img = f->img;
    struct parts parts;

    /* Whatever stands where a header should be says what happened to it. */
    if (guesses_taken(&img->guesses))
        add(f, KEEP_HEADER, 0, img->head_len);
    if (!parts_of_header(img, &parts)) {
        f->failed = !err_set(f->err, ERR_NOMEM, "out of memory");
        return;
    }
    for (size_t i = 0; i < parts.n; i++)
        if (parts.list[i].field)
            add(f, KEEP_HEADER, parts.list[i].off, parts.list[i].len);
    parts_free(&parts);
}

static void add_bitmap_dir(struct finding *f)
{
    const struct bitmaps *b = &f->img->bitmaps;
    uint64_t end = b->dir_off;

    for (size_t i = 0; i < b->n; i++) {
        uint64_t len = round_up(b->list[i].entry_len, 8);

        add(f, KEEP_BITMAP_DIR, b->list[i].entry_off, len);
        end = b->list[i].entry_off + len;
    }
    if (b->end != BITMAPS_COMPLETE && b->end != BITMAPS_NONE)
        add(f, KEEP_BITMAP_DIR, end, BITMAP_FIXED);     /* the entry that makes no sense */
}

static void add_snapshots(struct finding *f)
{
    const struct snapshots *s = &f->img->snaps;

    for (size_t i = 0; i < s->n; i++)
        add(f, KEEP_SNAPSHOTS, s->list[i].entry_off, round_up(s->list[i].entry_len, 8));
    if (s->end != SNAPSHOTS_COMPLETE)
        add(f, KEEP_SNAPSHOTS, s->table_off + s->table_len, SNAPSHOT_FIXED);
}

static void add_structures(struct finding *f)
{
    static const int kinds[N_STRUCTURES] = {
        [STRUCTURE_HEADER] = -1, [STRUCTURE_L1] = KEEP_L1, [STRUCTURE_REFTABLE] = KEEP_REFTABLE,
        [STRUCTURE_SNAPSHOTS] = -1, [STRUCTURE_CRYPTO] = KEEP_LUKS,
        [STRUCTURE_BITMAP_DIR] = -1, [STRUCTURE_BITMAP_TABLE] = KEEP_BITMAP_TABLE,
    };
    const struct structures *s = &f->img->structures;

    for (size_t i = 0; i < s->n; i++) {
        uint64_t len = s->list[i].len;

        if (s->list[i].kind == STRUCTURE_CRYPTO)
            len = u64_min(len, LUKS_HEADER_LEN);
        if (kinds[s->list[i].kind] >= 0)
            add(f, (enum keep_kind)kinds[s->list[i].kind], s->list[i].off, len);
    }
}

static bool add_l2(void *ctx, const struct l1_word *w)
{
    struct finding *f = ctx;
    uint64_t off = w->value & ENTRY_OFFSET_MASK;

    if (off)
        add(f, KEEP_L2, off, f->img->geo.cluster_size);
    return !f->failed;
}

static void add_tables(struct finding *f)
{
    struct l1_walk walk = { .img = f->img, .ctx = f, .word = add_l2 };
    const struct image *img = f->img;

    if (!l1_walk_run(&walk) && !f->failed)
        f->failed = !err_set(f->err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; i < img->reftable_n; i++) {
        uint64_t off = img->reftable[i] & REFTABLE_OFFSET_MASK;

        if (off)
            add(f, KEEP_REFBLOCK, off, img->geo.cluster_size);
    }
}

/* Tables at a place that is proposed in place of the header's. */
static void add_proposed(struct finding *f, const struct guess *g)
{
    const struct image *img = f->img;
    bool l1 = strcmp(g->field, "l1_table_offset") == 0;
    struct source_pieces pieces = { .src = img->src, .start = g->value, .at = g->value };
    struct source_piece p;
    uint8_t bytes[4096];

    if (!l1 && strcmp(g->field, "refcount_table_offset") != 0)
        return;
    if (!u64_add(g->value, 8 * (l1 ? img->geo.l1_entries : img->geo.reftable_entries),
                 &pieces.end))
        return;
    add(f, l1 ? KEEP_L1 : KEEP_REFTABLE, g->value, pieces.end - g->value);
    while (!f->failed && source_pieces_next(&pieces, bytes, sizeof bytes, &p))
        for (size_t at = 0; at + 8 <= p.len; at += 8) {
            uint64_t off = be64(bytes + at) & (l1 ? ENTRY_OFFSET_MASK : REFTABLE_OFFSET_MASK);

            if (off)
                add(f, l1 ? KEEP_L2 : KEEP_REFBLOCK, off, img->geo.cluster_size);
        }
}

bool keep_proposed_snapshot(const struct image *img, uint64_t *off, struct snapshot_seen *seen)
{
    const struct guesses *g = &img->guesses;
    uint64_t start = 0;

    for (size_t i = 0; i < g->n; i++)
        if (g->list[i].how == GUESS_PROPOSED
            && strcmp(g->list[i].field, "snapshots_offset") == 0)
            start = g->list[i].value;
    *off = *off ? *off + round_up(seen->len, 8) : start;
    return start && *off - start < SNAPSHOT_TABLE_MAX
        && snapshot_seems(img->src, &img->geo, *off, seen);
}

static void add_problems(struct finding *f, const struct scan_result *scan)
{
    const uint64_t cs = f->img->geo.cluster_size;
    uint64_t left = PACK_PROBLEM_BYTES_MAX;

    for (size_t i = 0; i < scan->problems.n && !f->failed; i++) {
        const struct problem *p = &scan->problems.list[i];
        uint64_t n = p->place.kind == PLACE_CLUSTER ? p->count : 1;

        if (p->host_off == NO_ADDRESS || problem_info(p->kind)->severity == SEV_NOTE)
            continue;
        for (uint64_t c = 0, off = p->host_off / cs * cs; c < n; c++, off += cs) {
            if (off >= f->img->geo.file_size)
                break;
            if (left < cs) {
                f->k->cut = true;
                return;
            }
            left -= cs;
            add(f, KEEP_PROBLEM, off, cs);
        }
    }
}

bool keep_find(const struct scan_result *scan, bool problem_clusters, struct keep *out,
               struct error *err)
{
    struct keep k = { 0 };
    struct finding f = { .k = &k, .img = scan->img, .err = err };
    struct snapshot_seen seen;
    uint64_t off = 0;

    add_header(&f);
    add_structures(&f);
    add_snapshots(&f);
    add_bitmap_dir(&f);
    add_tables(&f);
    for (size_t i = 0; i < scan->img->guesses.n; i++)
        if (scan->img->guesses.list[i].how == GUESS_PROPOSED)
            add_proposed(&f, &scan->img->guesses.list[i]);
    while (!f.failed && keep_proposed_snapshot(f.img, &off, &seen))
        add(&f, KEEP_SNAPSHOTS, off, round_up(seen.len, 8));
    if (problem_clusters)
        add_problems(&f, scan);
    if (f.failed) {
        keep_free(&k);
        return false;
    }
    settle(&k);
    for (size_t i = 0; i < k.n; i++)
        k.bytes[k.list[i].kind] += k.list[i].len;
    *out = k;
    return true;
}

void keep_free(struct keep *k)
{
    free(k->list);
    *k = (struct keep){ 0 };
}

void keep_copies(const struct keep *k, struct source *src, struct patches *out)
{
    struct data_memo memo = { 0 };

    for (size_t i = 0; i < k->n; i++) {
        uint64_t at = k->list[i].off, end = at + k->list[i].len, start, stop;

        for (; at < end; at = stop) {
            source_next_data_memo(src, &memo, at, &start, &stop);
            if (start >= end)
                break;
            stop = u64_min(stop, end);
            patches_copy(out, start, start, stop - start);
        }
    }
}
