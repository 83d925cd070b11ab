/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the storage did not give: which bytes, what they held, which guest range. */
#include "config.h"

#include "scan/engine.h"

#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* Entries of `width` bytes that these bytes touch: place->i or ->j is the first. */
static uint64_t entries_of(const struct place *place, struct source_span bad, uint64_t width)
{
    return (bad.off + bad.len - 1 - place->file_off) / width + 1;
}

/* Guest bytes that so many entries map, the guest's end left out of account. */
static uint64_t mapped_by(uint64_t n, uint64_t each)
{
    uint64_t len;

    return u64_mul(n, each, &len) ? len : UINT64_MAX;
}

void unreadable_add(struct problems *out, const struct geometry *geo,
                    const struct place *place, struct source_span bad, const char *what)
{
    struct problem p = {
        .kind = PROBLEM_UNREADABLE, .place = *place, .count = 1, .host_off = bad.off,
        .guest_off = NO_ADDRESS, .found = bad.len,
    };
    uint64_t first = 0, n = 0;
    char text[160];

    if (!problems_wanted(out, p.kind)) {
        problems_count(out, p.kind, 1, 0);
        return;
    }
    switch (place->kind) {
    case PLACE_L1:
        n = entries_of(place, bad, 8);
        first = place->i;
        p.guest_off = place->guest_off;
        p.guest_len = mapped_by(n, geo->l2_span);
        break;
    case PLACE_L2:
        n = entries_of(place, bad, geo->l2_entry_size);
        first = place->j;
        p.guest_off = place->guest_off;
        p.guest_len = mapped_by(n, geo->cluster_size);
        break;
    case PLACE_REFTABLE:
        n = entries_of(place, bad, 8);
        first = place->i;
        break;
    case PLACE_BITMAP_TABLE:
        n = entries_of(place, bad, 8);
        first = place->j;
        break;
    case PLACE_REFBLOCK:
        first = place->i << geo->refblock_bits;
        snprintf(text, sizeof text, "%s: the refcounts of clusters %llu - %llu", what,
                 (ull)first, (ull)(first + geo->refblock_entries - 1));
        break;
    default:
        snprintf(text, sizeof text, "%s", what);
        break;
    }
    if (n)
        snprintf(text, sizeof text, "%s, entries %llu - %llu", what, (ull)first,
                 (ull)(first + n - 1));
    p.note = strdup(text);
    problems_add(out, &p);
}

void engine_unreadable(struct engine *e, const struct place *place, struct source_span bad,
                       const char *what)
{
    unreadable_add(&e->res->problems, e->geo, place, bad, what);
}

/* What was read when the image was opened: only its own tables. */
void pass_unreadable(struct engine *e)
{
    const struct image *img = e->img;
    uint64_t table = img->hdr.refcount_table_offset;
    struct place place = { .kind = PLACE_HEADER, .i = img->head_bad.off,
                           .file_off = img->head_bad.off, .guest_off = NO_ADDRESS };

    if (img->head_bad.len)
        engine_unreadable(e, &place, img->head_bad, "header cluster");
    if (img->reftable_bad.len) {
        place.kind = PLACE_REFTABLE;
        place.i = (img->reftable_bad.off - table) / 8;
        place.file_off = table + place.i * 8;
        engine_unreadable(e, &place, img->reftable_bad, "refcount table");
    }
    if (img->snaps.bad.len) {
        place.kind = PLACE_SNAPSHOT;
        place.i = img->snaps.n;
        place.file_off = img->snaps.bad.off;
        engine_unreadable(e, &place, img->snaps.bad, "snapshot table");
    }
    if (img->bitmaps.bad.len) {
        place.kind = PLACE_FILE_OFFSET;
        place.i = 0;
        place.file_off = img->bitmaps.bad.off;
        engine_unreadable(e, &place, img->bitmaps.bad, "bitmap directory");
    }
}

bool reftable_entry_lost(const struct image *img, uint64_t i)
{
    const struct source_span *bad = &img->reftable_bad;
    uint64_t at = img->hdr.refcount_table_offset + i * 8;

    return bad->len && at + 8 > bad->off && at < bad->off + bad->len;
}
