/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Bitmaps of two images: those of one name are compared bit by bit. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "insight/difference.h"
#include "qcow2/spec.h"

/* The bits of one bitmap, a cluster of them at a time. */
struct bitmap_bits {
    const struct image *img;
    const struct bitmap *bm;
    uint64_t n;                 /* bits that stand for something */
    uint8_t *byte;              /* of the cluster loaded */
};

static uint64_t bits_per_cluster(const struct bitmap_bits *b)
{
    return b->img->geo.cluster_size * 8;
}

static uint64_t bits_clusters(const struct bitmap_bits *b)
{
    return div_up(b->n, bits_per_cluster(b));
}

/* False: such a bitmap cannot be loaded. */
static bool bits_open(const struct image *img, const struct bitmap *bm, struct bitmap_bits *out)
{
    *out = (struct bitmap_bits){ .img = img, .bm = bm };
    if (!bm->sound || bm->granularity_bits > 31)
        return false;
    out->n = div_up(img->geo.size, UINT64_C(1) << bm->granularity_bits);
    return bits_clusters(out) <= bm->table_size;
}

/* Pays for every cluster, as an enemy can let many of them cost nothing to write. */
static bool bits_load(struct bitmap_bits *b, uint64_t i, uint64_t *budget)
{
    const size_t len = (size_t)b->img->geo.cluster_size;
    const uint64_t left = i < bits_clusters(b) ? b->n - i * bits_per_cluster(b) : 0;
    uint8_t raw[8];
    uint64_t e, off;

    if (*budget < len || (left && !source_read(b->img->src, b->bm->table_offset + i * 8, raw,
                                               sizeof raw, NULL)))
        return false;
    *budget -= len;
    e = left ? be_load(raw, 8) : 0;
    off = e & ENTRY_OFFSET_MASK;
    if (!off)
        memset(b->byte, e & BITMAP_ENTRY_ALL_ONES ? 0xff : 0, len);
    else if (!source_read(b->img->src, off, b->byte, len, NULL))
        return false;
    if (left && left < bits_per_cluster(b)) {   /* the lowest bit of a byte is the first one */
        size_t whole = (size_t)(left / 8);

        b->byte[whole] &= (uint8_t)((1u << left % 8) - 1);
        memset(b->byte + whole + 1, 0, len - whole - 1);
    }
    return true;
}

static unsigned ones(uint8_t byte)
{
    return (unsigned)__builtin_popcount(byte);
}

/* Counts in bits. `both`: bit for bit. */
static bool count(struct bitmap_bits *a, struct bitmap_bits *b, bool both, uint64_t *budget,
                  struct bitmap_change *c)
{
    const size_t len_a = (size_t)a->img->geo.cluster_size;
    const size_t len_b = (size_t)b->img->geo.cluster_size;
    const uint64_t n = u64_max(bits_clusters(a), bits_clusters(b));

    for (uint64_t i = 0; i < n; i++) {
        if (!bits_load(a, i, budget) || !bits_load(b, i, budget))
            return false;
        for (size_t k = 0; k < len_a; k++)
            c->dirty_a += ones(a->byte[k]);
        for (size_t k = 0; k < len_b; k++)
            c->dirty_b += ones(b->byte[k]);
        for (size_t k = 0; both && k < len_a; k++) {
            c->set += ones(b->byte[k] & (uint8_t)~a->byte[k]);
            c->cleared += ones(a->byte[k] & (uint8_t)~b->byte[k]);
        }
    }
    return true;
}

static void compare(const struct image *a, const struct image *b, uint64_t *budget,
                    struct bitmap_change *c)
{
    const struct bitmap *x = &a->bitmaps.list[c->a], *y = &b->bitmaps.list[c->b];
    struct bitmap_bits p, q;

    c->regrained = x->granularity_bits != y->granularity_bits;
    c->reflagged = x->flags != y->flags;
    if (!bits_open(a, x, &p) || !bits_open(b, y, &q))
        return;
    p.byte = malloc((size_t)a->geo.cluster_size);
    q.byte = malloc((size_t)b->geo.cluster_size);
    c->matched = !c->regrained && a->geo.cluster_bits == b->geo.cluster_bits;
    if (p.byte && q.byte && count(&p, &q, c->matched, budget, c)) {
        c->known = true;
        c->dirty_a <<= x->granularity_bits;
        c->dirty_b <<= y->granularity_bits;
        c->set <<= y->granularity_bits;
        c->cleared <<= y->granularity_bits;
    }
    free(p.byte);
    free(q.byte);
}

static bool same_name(const struct bitmap *a, const struct bitmap *b)
{
    return a->name_size == b->name_size && a->name_kept == b->name_kept
        && memcmp(a->name, b->name, a->name_kept) == 0;
}

bool difference_bitmaps(const struct image *a, const struct image *b, struct difference *out,
                        struct error *err)
{
    const struct bitmaps *x = &a->bitmaps, *y = &b->bitmaps;
    const size_t n = (size_t)u64_min(x->n + y->n, DIFF_BITMAPS_MAX);
    uint64_t budget = DIFF_BITS_BYTES_MAX;
    bool *seen = calloc(y->n + 1, sizeof *seen);

    out->bitmap = calloc(n + 1, sizeof *out->bitmap);
    if (!out->bitmap || !seen) {
        free(seen);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < x->n && out->n_bitmaps < n; i++) {
        struct bitmap_change *c = &out->bitmap[out->n_bitmaps++];
        size_t k = 0;

        while (k < y->n && (seen[k] || !same_name(&x->list[i], &y->list[k])))
            k++;
        *c = (struct bitmap_change){ .a = i, .b = k < y->n ? k : SIZE_MAX };
        if (k < y->n) {
            seen[k] = true;
            compare(a, b, &budget, c);
        }
    }
    for (size_t k = 0; k < y->n && out->n_bitmaps < n; k++)
        if (!seen[k])
            out->bitmap[out->n_bitmaps++] = (struct bitmap_change){ .a = SIZE_MAX, .b = k };
    free(seen);
    return true;
}

bool bitmap_change_any(const struct bitmap_change *c)
{
    return c->a == SIZE_MAX || c->b == SIZE_MAX || c->regrained || c->reflagged
        || (c->known && (c->dirty_a != c->dirty_b || c->set || c->cleared));
}
