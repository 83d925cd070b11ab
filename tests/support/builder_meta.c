/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header, snapshots and bitmaps of a built image. */
#include "config.h"

#include "builder_meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static char *dup_text(const char *text)
{
    char *copy = strdup(text);

    DEMAND(copy);
    return copy;
}

static void put_header(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "header", 0, field, value);
}

/* Writes an extension at *pos and moves it on; returns the host byte of its data. */
static uint64_t put_ext(struct builder *b, uint64_t *pos, uint32_t type, const void *data,
                        size_t len)
{
    uint64_t at = *pos + 8;

    builder_poke(b, *pos, 4, type);
    builder_poke(b, *pos + 4, 4, len);
    DEMAND(range_inside(at, len, b->geo.cluster_size));
    if (len)
        memcpy(b->bytes + at, data, len);
    *pos = at + round_up(len, 8);
    return at;
}

static void put_directory_ext(struct builder *b, uint64_t *pos)
{
    uint8_t empty[24] = { 0 };
    uint64_t dir_len = 0;

    for (size_t i = 0; i < b->n_bitmaps; i++)
        dir_len += round_up(24 + strlen(b->bitmap[i].name), 8);
    b->bitmaps_ext_off = put_ext(b, pos, EXT_BITMAPS, empty, sizeof empty);
    builder_poke_field(b, "bitmaps-ext", b->bitmaps_ext_off, "nb_bitmaps", b->n_bitmaps);
    builder_poke_field(b, "bitmaps-ext", b->bitmaps_ext_off, "bitmap_directory_size",
                       dir_len);
    builder_poke_field(b, "bitmaps-ext", b->bitmaps_ext_off, "bitmap_directory_offset",
                       b->bitmap_dir_off);
}

/* Everything behind the fixed fields. */
static void put_extensions(struct builder *b)
{
    uint64_t pos = b->opt.version == 2 ? HEADER_V2_LEN : 112;

    memset(b->bytes + pos, 0, (size_t)(b->geo.cluster_size - pos));
    if (b->opt.data_file)
        put_ext(b, &pos, EXT_DATA_FILE, b->opt.data_file, strlen(b->opt.data_file));
    if (b->crypto_off) {
        uint8_t data[16] = { 0 };
        uint64_t at = put_ext(b, &pos, EXT_CRYPTO, data, sizeof data);

        builder_poke_field(b, "crypto-ext", at, "offset", b->crypto_off);
        builder_poke_field(b, "crypto-ext", at, "length", b->opt.crypto_len);
    }
    if (b->n_bitmaps)
        put_directory_ext(b, &pos);
    put_ext(b, &pos, EXT_END, NULL, 0);
    if (b->opt.backing_file) {
        size_t len = strlen(b->opt.backing_file);

        DEMAND(range_inside(pos, len, b->geo.cluster_size));
        memcpy(b->bytes + pos, b->opt.backing_file, len);
        put_header(b, "backing_file_offset", pos);
        put_header(b, "backing_file_size", len);
    }
}

static void put_fixed(struct builder *b)
{
    const struct builder_options *o = &b->opt;

    put_header(b, "magic", QCOW2_MAGIC);
    put_header(b, "version", o->version);
    put_header(b, "cluster_bits", o->cluster_bits);
    put_header(b, "size", o->size);
    put_header(b, "l1_size", b->l1_size);
    put_header(b, "l1_table_offset", b->l1_off);
    put_header(b, "refcount_table_offset", b->reftable_off);
    put_header(b, "refcount_table_clusters", b->reftable_clusters);
    put_header(b, "crypt_method", o->crypto_len ? CRYPT_LUKS : CRYPT_NONE);
    if (o->version == 2)
        return;
    put_header(b, "incompatible_features", (o->extended_l2 ? INCOMPAT_EXTENDED_L2 : 0) |
                                           (o->data_file ? INCOMPAT_DATA_FILE : 0) |
                                           (o->zstd ? INCOMPAT_COMPRESSION : 0));
    put_header(b, "refcount_order", o->refcount_order);
    put_header(b, "header_length", 112);
    put_header(b, "compression_type", o->zstd ? COMPRESSION_ZSTD : COMPRESSION_ZLIB);
}

struct builder *builder_new(struct builder_options opt)
{
    struct builder *b = calloc(1, sizeof *b);
    struct header h = { .version = opt.version, .cluster_bits = opt.cluster_bits,
                        .size = opt.size, .refcount_order = opt.refcount_order };

    DEMAND(b && (opt.version == 3 || opt.refcount_order == 4));
    b->opt = opt;
    if (opt.extended_l2)
        h.incompatible_features |= INCOMPAT_EXTENDED_L2;
    if (opt.data_file)
        h.incompatible_features |= INCOMPAT_DATA_FILE;
    DEMAND(geometry_init(&h, 0, &b->geo, NULL));
    b->l1_size = opt.l1_size ? opt.l1_size : b->geo.l1_needed;

    /* Header and refcount table come before there are refcounts. */
    b->reftable_clusters = b->geo.cluster_bits < 12 ? 4 : 1;
    b->reftable_off = b->geo.cluster_size;
    builder_truncate(b, (size_t)((1 + b->reftable_clusters) << b->geo.cluster_bits));
    builder_count(b, 0, b->len, 1);
    b->l1_off = builder_alloc(b, u64_max(1, div_up(b->l1_size * 8, b->geo.cluster_size)));
    if (opt.crypto_len)
        b->crypto_off = builder_alloc(b, div_up(opt.crypto_len, b->geo.cluster_size));
    put_fixed(b);
    put_extensions(b);
    return b;
}

void builder_free(struct builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n_snapshots; i++) {
        free(b->snapshot[i].id);
        free(b->snapshot[i].name);
    }
    for (size_t i = 0; i < b->n_bitmaps; i++)
        free(b->bitmap[i].name);
    free(b->bytes);
    free(b);
}

/* --- snapshots --- */

/* One reference more to the cluster or clusters of each entry of an L2 table that is
 * about to be shared; nothing in it may be written in place any longer. */
static void share_l2(struct builder *b, uint64_t l2_off)
{
    for (uint64_t j = 0; j < b->geo.l2_entries; j++) {
        uint64_t at = l2_off + j * b->geo.l2_entry_size;
        struct l2_entry e;

        l2_decode(&b->geo, b->bytes + at, &e);
        builder_count(b, e.host_off, e.host_len, 1);
        if (e.type != L2_COMPRESSED)
            builder_poke(b, at, 8, e.raw & ~OFLAG_COPIED);
    }
}

#define SNAPSHOT_FIXED 40
#define SNAPSHOT_EXTRA 24

static uint64_t snapshot_len(const struct builder_snapshot *s)
{
    return SNAPSHOT_FIXED + SNAPSHOT_EXTRA + strlen(s->id) + strlen(s->name);
}

uint64_t builder_snapshot_off(const struct builder *b, size_t i)
{
    uint64_t off = b->snapshots_off;

    DEMAND(i < b->n_snapshots);
    for (size_t k = 0; k < i; k++)
        off += round_up(snapshot_len(&b->snapshot[k]), 8);
    return off;
}

static void put_snapshot(struct builder *b, const struct builder_snapshot *s, uint64_t at)
{
    static const char table[] = "snapshot";
    uint64_t extra = at + SNAPSHOT_FIXED, text = extra + SNAPSHOT_EXTRA;

    builder_poke_field(b, table, at, "l1_table_offset", s->l1_off);
    builder_poke_field(b, table, at, "l1_size", s->l1_size);
    builder_poke_field(b, table, at, "id_str_size", strlen(s->id));
    builder_poke_field(b, table, at, "name_size", strlen(s->name));
    builder_poke_field(b, table, at, "date_sec", 1700000000);
    builder_poke_field(b, table, at, "extra_data_size", SNAPSHOT_EXTRA);
    builder_poke_field(b, "snapshot-extra", extra, "disk_size", b->opt.size);
    builder_poke_field(b, "snapshot-extra", extra, "icount", UINT64_MAX);
    memcpy(b->bytes + text, s->id, strlen(s->id));
    memcpy(b->bytes + text + strlen(s->id), s->name, strlen(s->name));
}

static uint64_t clusters_for(const struct builder *b, uint64_t len)
{
    return div_up(len, b->geo.cluster_size);
}

size_t builder_add_snapshot(struct builder *b, const char *id, const char *name)
{
    struct builder_snapshot *s = &b->snapshot[b->n_snapshots];
    uint64_t l1_clusters = u64_max(1, clusters_for(b, b->l1_size * 8)), len = 0;

    DEMAND(b->n_snapshots < sizeof b->snapshot / sizeof b->snapshot[0] &&
           !b->opt.data_file);
    *s = (struct builder_snapshot){ dup_text(id), dup_text(name), 0, b->l1_size };
    s->l1_off = builder_alloc(b, l1_clusters);
    for (uint64_t i = 0; i < b->l1_size; i++) {
        uint64_t slot = builder_l1_entry_off(b, i);
        uint64_t l2_off = builder_peek(b, slot, 8) & ENTRY_OFFSET_MASK;

        if (l2_off) {
            builder_count(b, l2_off, b->geo.cluster_size, 1);
            share_l2(b, l2_off);
        }
        builder_poke(b, slot, 8, l2_off);
        builder_poke(b, s->l1_off + i * 8, 8, l2_off);
    }
    /* A new table for all of them; the old one becomes free. */
    if (b->snapshots_off)
        builder_count(b, b->snapshots_off,
                      builder_snapshot_off(b, b->n_snapshots - 1) - b->snapshots_off +
                          snapshot_len(s - 1), -1);
    b->n_snapshots++;
    for (size_t i = 0; i < b->n_snapshots; i++)
        len = round_up(len, 8) + snapshot_len(&b->snapshot[i]);
    b->snapshots_off = builder_alloc(b, clusters_for(b, len));
    for (size_t i = 0; i < b->n_snapshots; i++)
        put_snapshot(b, &b->snapshot[i], builder_snapshot_off(b, i));
    put_header(b, "nb_snapshots", b->n_snapshots);
    put_header(b, "snapshots_offset", b->snapshots_off);
    return b->n_snapshots - 1;
}

/* --- bitmaps --- */

uint64_t builder_bitmap_off(const struct builder *b, size_t i)
{
    uint64_t off = b->bitmap_dir_off;

    DEMAND(i < b->n_bitmaps);
    for (size_t k = 0; k < i; k++)
        off += round_up(24 + strlen(b->bitmap[k].name), 8);
    return off;
}

static void put_bitmap(struct builder *b, const struct builder_bitmap *m, uint64_t at)
{
    static const char table[] = "bitmap-dir-entry";

    builder_poke_field(b, table, at, "bitmap_table_offset", m->table_off);
    builder_poke_field(b, table, at, "bitmap_table_size", m->table_size);
    builder_poke_field(b, table, at, "flags", m->flags);
    builder_poke_field(b, table, at, "type", 1);
    builder_poke_field(b, table, at, "granularity_bits", m->granularity_bits);
    builder_poke_field(b, table, at, "name_size", strlen(m->name));
    memcpy(b->bytes + at + 24, m->name, strlen(m->name));
}

size_t builder_add_bitmap(struct builder *b, const char *name, uint32_t granularity_bits,
                          uint32_t flags)
{
    struct builder_bitmap *m = &b->bitmap[b->n_bitmaps];

    DEMAND(b->n_bitmaps < sizeof b->bitmap / sizeof b->bitmap[0] && b->opt.version == 3);
    if (!b->bitmap_dir_off)
        b->bitmap_dir_off = builder_alloc(b, 1);
    *m = (struct builder_bitmap){ dup_text(name), granularity_bits, flags, 0,
                                  bitmap_table_needed(&b->geo, granularity_bits) };
    DEMAND(m->table_size && strlen(name) <= 40);
    m->table_off = builder_alloc(b, clusters_for(b, m->table_size * 8));
    builder_poke(b, m->table_off, 8, builder_alloc(b, 1));
    b->n_bitmaps++;
    DEMAND(builder_bitmap_off(b, b->n_bitmaps - 1) + 64 <=
           b->bitmap_dir_off + b->geo.cluster_size);
    put_bitmap(b, m, builder_bitmap_off(b, b->n_bitmaps - 1));
    put_extensions(b);
    put_header(b, "autoclear_features", AUTOCLEAR_BITMAPS);
    return b->n_bitmaps - 1;
}
