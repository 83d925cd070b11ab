/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/table.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "qcow2/spec.h"

static void resolve_l1(const struct image *img, struct table *t)
{
    struct layer_l1 l1;

    if (!image_layer_l1(img, t->layer, &l1)) {
        t->why = "no such snapshot";
        return;
    }
    t->off = l1.off;
    t->n = l1.n;
    if (t->n == 0)
        t->why = "the table has no entries";
}

static void resolve_l2(const struct image *img, struct table *t)
{
    struct table l1 = { .kind = TABLE_L1, .layer = t->layer };
    uint64_t entry;

    table_resolve(img, &l1);
    if (l1.off == NO_ADDRESS || t->i >= l1.n) {
        t->why = "the L1 table has no such entry";
        return;
    }
    if (!image_read_l1(img, l1.off, t->i, 1, &entry, NULL)) {
        t->why = "the L1 entry cannot be read";
        return;
    }
    entry &= ENTRY_OFFSET_MASK;
    if (entry == 0 || entry >= img->geo.file_len) {
        t->why = entry ? "the L1 entry points past the end of the file"
                       : "the L1 entry is empty: no L2 table here";
        return;
    }
    t->off = entry;
    t->n = img->geo.l2_entries;
}

static void resolve_refblock(const struct image *img, struct table *t)
{
    uint64_t entry =
        t->i < img->reftable_n ? img->reftable[t->i] & REFTABLE_OFFSET_MASK : 0;

    if (entry == 0 || entry >= img->geo.file_len) {
        t->why = entry ? "the refcount table points past the end of the file"
                       : "the refcount table entry is empty: no block here";
        return;
    }
    t->off = entry;
    t->n = img->geo.refblock_entries;
}

void table_resolve(const struct image *img, struct table *t)
{
    t->off = NO_ADDRESS;
    t->n = 0;
    t->why = "";
    switch (t->kind) {
    case TABLE_L1:
        resolve_l1(img, t);
        break;
    case TABLE_L2:
        resolve_l2(img, t);
        break;
    case TABLE_REFTABLE:
        t->n = img->geo.reftable_entries;
        t->off = img->hdr.refcount_table_offset;
        t->why = "the refcount table has no entries";
        break;
    case TABLE_REFBLOCK:
        resolve_refblock(img, t);
        break;
    case TABLE_SNAPSHOTS:
        t->off = img->snaps.table_off;
        t->n = img->snaps.n;
        t->why = "This image has no snapshots.";
        break;
    case TABLE_BITMAPS:
        t->off = img->bitmaps.dir_off;
        t->n = img->bitmaps.n;
        t->why = "This image has no bitmaps.";
        break;
    case TABLE_BITMAP:
        t->why = "no such bitmap";
        if (t->i < img->bitmaps.n) {
            t->off = img->bitmaps.list[t->i].table_offset;
            t->n = img->bitmaps.list[t->i].table_size;
        }
        break;
    case N_TABLE_KINDS:
        break;
    }
    if (t->n == 0)
        t->off = NO_ADDRESS;
}

uint64_t table_entry_size(const struct image *img, const struct table *t)
{
    return t->kind == TABLE_L2 ? img->geo.l2_entry_size : 8;
}

uint64_t table_entry_off(const struct image *img, const struct table *t, uint64_t index)
{
    uint64_t at;

    switch (t->kind) {
    case TABLE_SNAPSHOTS:
        return index < img->snaps.n ? img->snaps.list[index].entry_off : NO_ADDRESS;
    case TABLE_BITMAPS:
        return index < img->bitmaps.n ? img->bitmaps.list[index].entry_off : NO_ADDRESS;
    case TABLE_REFBLOCK:
        at = index * img->geo.refcount_bits / 8;
        break;
    default:
        at = index * table_entry_size(img, t);
    }
    return t->off > UINT64_MAX - at ? NO_ADDRESS : t->off + at;
}

struct place table_place(const struct image *img, const struct table *t, uint64_t index)
{
    static const enum place_kind kind[N_TABLE_KINDS] = {
        [TABLE_L1] = PLACE_L1, [TABLE_L2] = PLACE_L2, [TABLE_REFTABLE] = PLACE_REFTABLE,
        [TABLE_REFBLOCK] = PLACE_REFBLOCK, [TABLE_SNAPSHOTS] = PLACE_SNAPSHOT,
        [TABLE_BITMAPS] = PLACE_BITMAP, [TABLE_BITMAP] = PLACE_BITMAP_TABLE,
    };
    struct place p = { .kind = kind[t->kind],
                       .layer = t->layer,
                       .guest_off = NO_ADDRESS };

    p.file_off = t->off == NO_ADDRESS ? NO_ADDRESS : table_entry_off(img, t, index);
    if (t->kind == TABLE_L2 || t->kind == TABLE_REFBLOCK || t->kind == TABLE_BITMAP) {
        p.i = t->i;
        p.j = index;
    } else {
        p.i = index;
    }
    if (t->kind == TABLE_L1)
        p.guest_off = geo_guest_off(&img->geo, index, 0);
    if (t->kind == TABLE_L2)
        p.guest_off = geo_guest_off(&img->geo, t->i, index);
    return p;
}

static void from_guest(const struct known *k, const struct place *p, struct table *t,
                       uint64_t *row)
{
    uint64_t cluster = p->guest_off >> k->img->geo.cluster_bits;

    *t = (struct table){ .kind = TABLE_L2, .layer = p->layer,
                         .i = cluster >> k->img->geo.l2_bits };
    *row = cluster & (k->img->geo.l2_entries - 1);
    table_resolve(k->img, t);
    if (t->off == NO_ADDRESS) {
        *row = t->i;
        *t = (struct table){ .kind = TABLE_L1, .layer = p->layer };
    }
}

/* The refcount entry of the cluster a file offset lies in. */
static void from_cluster(const struct known *k, uint64_t cluster, struct table *t,
                         uint64_t *row)
{
    *t = (struct table){ .kind = TABLE_REFBLOCK,
                         .i = cluster >> k->img->geo.refblock_bits };
    *row = cluster & (k->img->geo.refblock_entries - 1);
    table_resolve(k->img, t);
    if (t->off == NO_ADDRESS) {
        *row = t->i;
        *t = (struct table){ .kind = TABLE_REFTABLE };
    }
}

bool table_of_place(const struct known *k, const struct place *p, struct table *t,
                    uint64_t *row)
{
    struct site site;

    *t = (struct table){ .kind = TABLE_L1, .layer = p->layer };
    *row = p->i;
    switch (p->kind) {
    case PLACE_L1:
        break;
    case PLACE_L2:
        t->kind = TABLE_L2;
        t->i = p->i;
        *row = p->j;
        break;
    case PLACE_REFTABLE:
        t->kind = TABLE_REFTABLE;
        break;
    case PLACE_REFBLOCK:
        t->kind = TABLE_REFBLOCK;
        t->i = p->i;
        *row = p->j;
        break;
    case PLACE_SNAPSHOT:
        t->kind = TABLE_SNAPSHOTS;
        break;
    case PLACE_BITMAP:
        t->kind = TABLE_BITMAPS;
        break;
    case PLACE_BITMAP_TABLE:
        t->kind = TABLE_BITMAP;
        t->i = p->i;
        *row = p->j;
        break;
    case PLACE_GUEST:
        from_guest(k, p, t, row);
        break;
    case PLACE_CLUSTER:
        from_cluster(k, p->i, t, row);
        break;
    case PLACE_FILE_OFFSET:
        if (p->file_off == NO_ADDRESS)
            return false;
        site_at(k->img, k->scan, p, p->file_off, &site);
        if (site.place.kind == PLACE_HEADER)
            return false;
        if (site.place.kind != PLACE_NONE && site.place.kind != PLACE_FILE_OFFSET)
            return table_of_place(k, &site.place, t, row);
        if (p->guest_off != NO_ADDRESS)
            from_guest(k, p, t, row);
        else
            from_cluster(k, geo_cluster_of(&k->img->geo, p->file_off), t, row);
        break;
    default:
        return false;
    }
    if (t->kind == TABLE_REFTABLE || t->kind == TABLE_REFBLOCK ||
        t->kind == TABLE_SNAPSHOTS || t->kind == TABLE_BITMAPS || t->kind == TABLE_BITMAP)
        t->layer = LAYER_ACTIVE;
    table_resolve(k->img, t);
    return true;
}

void table_title(const struct image *img, const struct table *t, struct buf *out)
{
    if (t->layer != LAYER_ACTIVE)
        buf_printf(out, "snapshot %u, ", t->layer);
    switch (t->kind) {
    case TABLE_L1:
        buf_puts(out, t->layer == LAYER_ACTIVE ? "active L1 table" : "L1 table");
        break;
    case TABLE_L2:
        buf_printf(out, "L2 table of L1[%" PRIu64 "]", t->i);
        break;
    case TABLE_REFTABLE:
        buf_puts(out, "refcount table");
        break;
    case TABLE_REFBLOCK:
        buf_printf(out, "refcount block %" PRIu64, t->i);
        break;
    case TABLE_SNAPSHOTS:
        buf_puts(out, "snapshot table");
        break;
    case TABLE_BITMAPS:
        buf_puts(out, "bitmap directory");
        break;
    case TABLE_BITMAP:
        buf_printf(out, "table of bitmap %" PRIu64, t->i + 1);
        if (t->i < img->bitmaps.n) {
            buf_puts(out, " ");
            text_visible(out, img->bitmaps.list[t->i].name,
                         strlen(img->bitmaps.list[t->i].name));
        }
        break;
    case N_TABLE_KINDS:
        break;
    }
}
