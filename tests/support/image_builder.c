/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "image_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "builder_meta.h"

void builder_demand(bool what, const char *text, const char *file, int line)
{
    if (what)
        return;
    fprintf(stderr, "%s:%d: builder: %s\n", file, line, text);
    abort();
}

static void store(uint8_t *p, size_t width, uint64_t value)
{
    for (size_t i = width; i > 0; i--, value >>= 8)
        p[i - 1] = (uint8_t)value;
}

uint64_t builder_peek(const struct builder *b, uint64_t off, size_t width)
{
    DEMAND(range_inside(off, width, b->len));
    return be_load(b->bytes + off, width);
}

void builder_poke(struct builder *b, uint64_t off, size_t width, uint64_t value)
{
    DEMAND(range_inside(off, width, b->len));
    store(b->bytes + off, width, value);
}

void builder_poke_field(struct builder *b, const char *table, uint64_t at,
                        const char *field, uint64_t value)
{
    const struct field_table *t = field_table(table);
    const struct field *f;
    uint64_t word, mask;

    DEMAND(t);
    if (strcmp(table, "compressed-descriptor") == 0)
        t = field_table_compressed(b->geo.cluster_bits);
    f = field_named(t, field);
    DEMAND(f && f->width);
    if (!t->bits) {
        builder_poke(b, at + f->off, f->width, value);
        return;
    }
    mask = f->width < 64 ? (UINT64_C(1) << f->width) - 1 : UINT64_MAX;
    mask <<= f->off;
    if (f->kind != FIELD_OFFSET)
        value <<= f->off;
    word = builder_peek(b, at, t->word);
    builder_poke(b, at, t->word, (word & ~mask) | (value & mask));
}

void builder_truncate(struct builder *b, size_t len)
{
    uint8_t *bytes = realloc(b->bytes, len ? len : 1);

    DEMAND(bytes);
    b->bytes = bytes;
    if (len > b->len)
        memset(bytes + b->len, 0, len - b->len);
    b->len = len;
}

/* --- clusters and refcounts --- */

static uint64_t n_clusters(const struct builder *b)
{
    return div_up(b->len, b->geo.cluster_size);
}

/* One more cluster at the end of the file, not counted yet. */
static uint64_t append_cluster(struct builder *b)
{
    uint64_t cl = n_clusters(b);

    builder_truncate(b, (size_t)((cl + 1) << b->geo.cluster_bits));
    return cl;
}

static uint64_t refblock_slot(const struct builder *b, uint64_t cluster)
{
    uint64_t i = cluster >> b->geo.refblock_bits;

    DEMAND(i < b->reftable_clusters * b->geo.cluster_size / 8);
    return b->reftable_off + i * 8;
}

static bool has_refblock(const struct builder *b, uint64_t cluster)
{
    return builder_peek(b, refblock_slot(b, cluster), 8) != 0;
}

uint64_t builder_refblock_off(struct builder *b, uint64_t cluster)
{
    if (!has_refblock(b, cluster)) {
        uint64_t block = append_cluster(b);

        builder_poke(b, refblock_slot(b, cluster), 8, block << b->geo.cluster_bits);
        builder_set_refcount(b, block, 1);
    }
    return builder_peek(b, refblock_slot(b, cluster), 8);
}

void builder_set_refcount(struct builder *b, uint64_t cluster, uint64_t value)
{
    uint64_t block = builder_refblock_off(b, cluster);
    uint64_t j = cluster & (b->geo.refblock_entries - 1);
    uint64_t bit = j << b->geo.refcount_order;
    uint32_t bits = b->geo.refcount_bits;
    uint64_t off = block + bit / 8;

    DEMAND(value <= b->geo.refcount_max);
    if (bits >= 8) {
        builder_poke(b, off, bits / 8, value);
    } else {
        unsigned shift = bit & 7;
        uint64_t mask = ((1u << bits) - 1) << shift;

        builder_poke(b, off, 1, (builder_peek(b, off, 1) & ~mask) | value << shift);
    }
}

uint64_t builder_refcount(const struct builder *b, uint64_t cluster)
{
    uint64_t block = builder_peek(b, refblock_slot(b, cluster), 8);

    return block ? refblock_get(b->bytes + block, b->geo.refcount_order,
                                cluster & (b->geo.refblock_entries - 1))
                 : 0;
}

void builder_count(struct builder *b, uint64_t off, uint64_t len, int change)
{
    for (uint64_t cl = off >> b->geo.cluster_bits;
         len && cl <= (off + len - 1) >> b->geo.cluster_bits; cl++)
        builder_set_refcount(b, cl, builder_refcount(b, cl) + (uint64_t)(int64_t)change);
}

uint64_t builder_alloc(struct builder *b, uint64_t n)
{
    uint64_t first = n_clusters(b);

    /* Blocks come before what they describe, so that the clusters stay contiguous. */
    for (uint64_t cl = first; cl < first + n; cl++)
        if (!has_refblock(b, cl)) {
            builder_refblock_off(b, cl);
            first = n_clusters(b);
            cl = first - 1;
        }
    builder_truncate(b, (size_t)((first + n) << b->geo.cluster_bits));
    builder_count(b, first << b->geo.cluster_bits, n << b->geo.cluster_bits, 1);
    return first << b->geo.cluster_bits;
}

/* --- the guest disk --- */

uint64_t builder_l1_entry_off(const struct builder *b, uint64_t l1_index)
{
    DEMAND(l1_index < b->l1_size);
    return b->l1_off + l1_index * 8;
}

/* The L2 table of an active L1 slot, ready to be written to: made when missing, copied
 * when shared. Returns its host byte. */
static uint64_t own_l2(struct builder *b, uint64_t l1_index)
{
    uint64_t slot = builder_l1_entry_off(b, l1_index);
    uint64_t old = builder_peek(b, slot, 8), off;

    if (old & OFLAG_COPIED)
        return old & ENTRY_OFFSET_MASK;
    off = builder_alloc(b, 1);
    old &= ENTRY_OFFSET_MASK;
    if (old) {
        memcpy(b->bytes + off, b->bytes + old, b->geo.cluster_size);
        builder_count(b, old, b->geo.cluster_size, -1);
    }
    builder_poke(b, slot, 8, off | OFLAG_COPIED);
    return off;
}

uint64_t builder_l2_entry_off(struct builder *b, uint64_t guest_cluster)
{
    return own_l2(b, guest_cluster >> b->geo.l2_bits) +
           (guest_cluster & (b->geo.l2_entries - 1)) * b->geo.l2_entry_size;
}

void builder_set_l2(struct builder *b, uint64_t guest_cluster, uint64_t entry,
                    uint64_t bitmap)
{
    uint64_t off = builder_l2_entry_off(b, guest_cluster);

    builder_poke(b, off, 8, entry);
    if (b->geo.extended_l2)
        builder_poke(b, off + 8, 8, bitmap);
}

/* Takes back the references of the entry that is about to be replaced. */
static void drop_entry(struct builder *b, uint64_t guest_cluster)
{
    uint64_t off = builder_l2_entry_off(b, guest_cluster);
    struct l2_entry e;

    l2_decode(&b->geo, b->bytes + off, &e);
    if (!b->opt.data_file)
        builder_count(b, e.host_off, e.host_len, -1);
}

void builder_pattern(const struct builder *b, uint64_t guest_cluster, uint8_t *out)
{
    for (uint64_t i = 0; i < b->geo.cluster_size; i += 8)
        store(out + i, 8, guest_cluster << 24 | i);
}

#define ALL_ALLOCATED   UINT64_C(0x00000000ffffffff)
#define ALL_ZERO        UINT64_C(0xffffffff00000000)

uint64_t builder_map(struct builder *b, uint64_t guest_cluster)
{
    uint64_t off;

    drop_entry(b, guest_cluster);
    if (b->opt.data_file) {
        off = guest_cluster << b->geo.cluster_bits;
    } else {
        off = builder_alloc(b, 1);
        builder_pattern(b, guest_cluster, b->bytes + off);
    }
    builder_set_l2(b, guest_cluster, off | OFLAG_COPIED, ALL_ALLOCATED);
    return off;
}

uint64_t builder_map_zero(struct builder *b, uint64_t guest_cluster, bool alloc)
{
    uint64_t off = 0, flag = b->geo.extended_l2 ? 0 : OFLAG_ZERO;

    drop_entry(b, guest_cluster);
    if (alloc)
        off = b->opt.data_file ? guest_cluster << b->geo.cluster_bits
                               : builder_alloc(b, 1);
    builder_set_l2(b, guest_cluster, off | flag | (alloc ? OFLAG_COPIED : 0), ALL_ZERO);
    return off;
}

static size_t deflate_raw(const uint8_t *in, size_t len, uint8_t *out, size_t out_len)
{
    z_stream z;

    memset(&z, 0, sizeof z);
    DEMAND(deflateInit2(&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)out_len;
    DEMAND(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return out_len - z.avail_out;
}

uint64_t builder_map_compressed(struct builder *b, uint64_t guest_cluster)
{
    size_t cs = (size_t)b->geo.cluster_size;
    uint8_t *plain = calloc(2, cs);
    uint64_t off, sectors;
    size_t len;

    DEMAND(plain && !b->opt.zstd && !b->opt.data_file);
    drop_entry(b, guest_cluster);
    /* Two values only, so that even the smallest cluster becomes smaller. */
    memset(plain, (int)(guest_cluster & 0xff), cs / 2);
    memset(plain + cs / 2, 0x5a, cs / 2);
    len = deflate_raw(plain, cs, plain + cs, cs);
    if (b->packed_end - b->packed < len ||
        builder_refcount(b, b->packed >> b->geo.cluster_bits) == b->geo.refcount_max) {
        b->packed = builder_alloc(b, 1);
        b->packed_end = b->packed + cs;
    } else {
        builder_count(b, b->packed, len, 1);
    }
    off = b->packed;
    memcpy(b->bytes + off, plain + cs, len);
    b->packed += len;
    sectors = ((off & 511) + len - 1) / 512;
    builder_set_l2(b, guest_cluster,
                   OFLAG_COMPRESSED | sectors << b->geo.csize_shift | off, 0);
    free(plain);
    return off;
}

/* --- use --- */

struct source *builder_source(const struct builder *b)
{
    struct source *src = NULL;
    struct error err;

    DEMAND(source_open_memory(b->bytes, b->len, "built", &src, &err));
    return src;
}

struct image *builder_open(const struct builder *b)
{
    struct image *img = NULL;
    struct error err;

    if (!image_open(builder_source(b), NULL, &img, &err)) {
        fprintf(stderr, "builder_open: %s\n", err.text);
        abort();
    }
    return img;
}

void builder_save(const struct builder *b, const char *path)
{
    FILE *f = fopen(path, "wb");

    DEMAND(f && fwrite(b->bytes, 1, b->len, f) == b->len);
    DEMAND(fclose(f) == 0);
}
