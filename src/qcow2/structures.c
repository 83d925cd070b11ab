/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/structures.h"

#include <stdlib.h>

#include "qcow2/image.h"

static int by_kind(const struct structure *a, const struct structure *b)
{
    if (a->kind != b->kind)
        return u64_order(a->kind, b->kind);
    return u64_order(a->i, b->i);
}

static int by_offset(const void *x, const void *y)
{
    const struct structure *a = x, *b = y;

    if (a->off != b->off)
        return u64_order(a->off, b->off);
    return by_kind(a, b);
}

static void add(struct structures *s, enum structure_kind kind, size_t i, uint64_t off,
                uint64_t len, bool counted)
{
    if (len)
        s->list[s->n++] = (struct structure){ off, len, (uint32_t)i, (uint8_t)kind,
                                              counted };
}

static void add_bitmaps(struct structures *s, const struct bitmaps *bm)
{
    bool counted = bm->consistent && bm->end != BITMAPS_NONE;

    add(s, STRUCTURE_BITMAP_DIR, 0, bm->dir_off, bm->dir_size, counted);
    for (size_t i = 0; i < bm->n; i++)
        add(s, STRUCTURE_BITMAP_TABLE, i, bm->list[i].table_offset,
            bm->list[i].table_size * 8, counted);
}

bool structures_list(const struct image *img, struct structures *out, struct error *err)
{
    size_t max = N_STRUCTURES + img->snaps.n + img->bitmaps.n;
    struct structures s = { calloc(max, sizeof *s.list), 0 };
    struct layer_l1 l1;

    if (!s.list)
        return err_set(err, ERR_NOMEM, "out of memory");
    add(&s, STRUCTURE_HEADER, 0, 0, img->geo.cluster_size, true);
    for (uint32_t layer = 0; image_layer_l1(img, layer, &l1); layer++)
        add(&s, STRUCTURE_L1, layer, l1.off, l1.n * 8, l1.sound);
    add(&s, STRUCTURE_REFTABLE, 0, img->hdr.refcount_table_offset,
        img->geo.reftable_entries * 8, true);
    add(&s, STRUCTURE_SNAPSHOTS, 0, img->snaps.table_off, img->snaps.whole_len, true);
    if (img->ext.has_crypto)
        add(&s, STRUCTURE_CRYPTO, 0, img->ext.crypto.offset, img->ext.crypto.length,
            img->hdr.crypt_method == CRYPT_LUKS);
    add_bitmaps(&s, &img->bitmaps);
    qsort(s.list, s.n, sizeof *s.list, by_offset);
    *out = s;
    return true;
}

void structures_free(struct structures *s)
{
    free(s->list);
    *s = (struct structures){ NULL, 0 };
}

const struct structure *structures_find(const struct structures *s, uint64_t off,
                                        const struct structure *after)
{
    const struct structure *best = NULL;

    for (size_t k = 0; k < s->n && s->list[k].off <= off; k++) {
        const struct structure *x = &s->list[k];

        if (off - x->off < x->len && (!after || by_kind(x, after) > 0)
            && (!best || by_kind(x, best) < 0))
            best = x;
    }
    return best;
}
