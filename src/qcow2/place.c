/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/place.h"

#include "qcow2/field_tables.h"

typedef unsigned long long ull;

void place_text(const struct place *p, struct buf *out)
{
    if (p->layer != LAYER_ACTIVE)
        buf_printf(out, "snapshot %u ", p->layer);
    switch (p->kind) {
    case PLACE_NONE: buf_puts(out, "image"); break;
    case PLACE_FILE_OFFSET: buf_printf(out, "file 0x%llx", (ull)p->file_off); break;
    case PLACE_CLUSTER: buf_printf(out, "cluster %llu", (ull)p->i); break;
    case PLACE_GUEST: buf_printf(out, "guest 0x%llx", (ull)p->guest_off); break;
    case PLACE_HEADER: buf_printf(out, "header byte %llu", (ull)p->i); break;
    case PLACE_L1: buf_printf(out, "L1[%llu]", (ull)p->i); break;
    case PLACE_L2: buf_printf(out, "L1[%llu] L2[%llu]", (ull)p->i, (ull)p->j); break;
    case PLACE_REFTABLE: buf_printf(out, "refcount table entry %llu", (ull)p->i); break;
    case PLACE_REFBLOCK:
        buf_printf(out, "refcount block %llu entry %llu", (ull)p->i, (ull)p->j);
        break;
    case PLACE_SNAPSHOT: buf_printf(out, "snapshot %llu", (ull)p->i + 1); break;
    case PLACE_BITMAP: buf_printf(out, "bitmap %llu", (ull)p->i + 1); break;
    case PLACE_BITMAP_TABLE:
        buf_printf(out, "bitmap %llu table entry %llu", (ull)p->i + 1, (ull)p->j);
        break;
    case PLACE_CRYPTO: buf_puts(out, "encryption header"); break;
    }
}

bool place_equal(const struct place *a, const struct place *b)
{
    if (a->kind != b->kind || a->layer != b->layer)
        return false;
    switch (a->kind) {
    case PLACE_NONE: case PLACE_CRYPTO: return true;
    case PLACE_FILE_OFFSET: return a->file_off == b->file_off;
    case PLACE_GUEST: return a->guest_off == b->guest_off;
    case PLACE_L2: case PLACE_REFBLOCK: case PLACE_BITMAP_TABLE:
        return a->i == b->i && a->j == b->j;
    default: return a->i == b->i;
    }
}

/* --- completing --- */

static struct place in_header(uint64_t base, const struct field_table *t,
                              const char *field)
{
    const struct field *f = field ? field_named(t, field) : NULL;
    uint64_t byte = base + (f ? f->off : 0);

    return (struct place){ PLACE_HEADER, 0, byte, 0, byte, NO_ADDRESS };
}

struct place place_of_pointer(const struct image *img, const struct structure *s)
{
    const struct header_ext *bitmaps = img->ext.bitmaps_at;

    switch ((enum structure_kind)s->kind) {
    case STRUCTURE_L1:
        if (s->i != LAYER_ACTIVE)
            return (struct place){ PLACE_SNAPSHOT, 0, s->i - 1, 0,
                                   img->snaps.list[s->i - 1].entry_off, NO_ADDRESS };
        return in_header(0, &FIELDS_HEADER, "l1_table_offset");
    case STRUCTURE_REFTABLE:
        return in_header(0, &FIELDS_HEADER, "refcount_table_offset");
    case STRUCTURE_SNAPSHOTS:
        return in_header(0, &FIELDS_HEADER, "snapshots_offset");
    case STRUCTURE_CRYPTO:
        return in_header(img->ext.crypto_at->data_off, &FIELDS_CRYPTO_EXT, NULL);
    case STRUCTURE_BITMAP_DIR:
        return in_header(bitmaps ? bitmaps->data_off : 0, &FIELDS_BITMAPS_EXT,
                         bitmaps ? "bitmap_directory_offset" : NULL);
    case STRUCTURE_BITMAP_TABLE:
        return (struct place){ PLACE_BITMAP, 0, s->i, 0, img->bitmaps.list[s->i].entry_off,
                               NO_ADDRESS };
    case STRUCTURE_HEADER: case N_STRUCTURES: break;
    }
    return in_header(0, &FIELDS_HEADER, NULL);
}

static bool complete_l2(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    struct layer_l1 l1;
    uint64_t word, l2;

    if (!image_layer_l1(img, p->layer, &l1) || p->i >= l1.n || p->j >= geo->l2_entries
        || !image_read_l1(img, l1.off, p->i, 1, &word, NULL))
        return false;
    l2 = word & ENTRY_OFFSET_MASK;
    p->guest_off = geo_guest_off(geo, p->i, p->j);
    if (!l2)
        return false;
    p->file_off = l2 + p->j * geo->l2_entry_size;
    return true;
}

static bool complete_refblock(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    uint64_t block;

    if (p->i >= img->reftable_n || p->j >= geo->refblock_entries)
        return false;
    block = img->reftable[p->i] & REFTABLE_OFFSET_MASK;
    if (!block)
        return false;
    p->file_off = block + (p->j * geo->refcount_bits) / 8;
    return true;
}

bool place_complete(const struct image *img, struct place *p)
{
    const struct geometry *geo = &img->geo;
    struct layer_l1 l1;

    if (p->kind != PLACE_FILE_OFFSET)
        p->file_off = NO_ADDRESS;
    if (p->kind != PLACE_GUEST)
        p->guest_off = NO_ADDRESS;
    switch (p->kind) {
    case PLACE_NONE:
    case PLACE_GUEST:
        return true;
    case PLACE_FILE_OFFSET:
        return p->file_off < geo->file_size;
    case PLACE_CLUSTER:
        if (p->i > UINT64_MAX >> geo->cluster_bits)
            return false;
        p->file_off = p->i << geo->cluster_bits;
        return p->i < geo->n_clusters;
    case PLACE_HEADER:
        p->file_off = p->i;
        return p->i < geo->cluster_size;
    case PLACE_L1:
        if (!image_layer_l1(img, p->layer, &l1) || p->i >= l1.n)
            return false;
        p->file_off = l1.off + p->i * 8;
        p->guest_off = geo_guest_off(geo, p->i, 0);
        return true;
    case PLACE_L2:
        return complete_l2(img, p);
    case PLACE_REFTABLE:
        if (p->i >= geo->reftable_entries)
            return false;
        p->file_off = img->hdr.refcount_table_offset + p->i * 8;
        return true;
    case PLACE_REFBLOCK:
        return complete_refblock(img, p);
    case PLACE_SNAPSHOT:
        if (p->i >= img->snaps.n)
            return false;
        p->file_off = img->snaps.list[p->i].entry_off;
        return true;
    case PLACE_BITMAP:
    case PLACE_BITMAP_TABLE:
        if (p->i >= img->bitmaps.n)
            return false;
        p->file_off = img->bitmaps.list[p->i].entry_off;
        if (p->kind == PLACE_BITMAP)
            return true;
        p->file_off = img->bitmaps.list[p->i].table_offset + p->j * 8;
        return p->j < img->bitmaps.list[p->i].table_size;
    case PLACE_CRYPTO:
        if (!img->ext.has_crypto)
            return false;
        p->file_off = img->ext.crypto.offset;
        return true;
    }
    return false;
}
