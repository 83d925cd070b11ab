/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Reads the guest's disk by the tables of the active layer, as far as they say where it is.
 * Simpler than src/disk. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/rescue/salvage.h"
#include "qcow2/decompress.h"

struct guest_reader {
    const struct image *img;
    uint64_t *l1;                   /* owned */
    uint64_t n_l1;
    uint64_t l2_off;                /* of the table that is held; 0: none */
    uint8_t *l2, *cluster;          /* owned: a table, and decompressed data of: */
    uint64_t cluster_at;            /* ... this guest cluster; UINT64_MAX: none */
    struct below *below;            /* borrowed; NULL: not known */
};

bool guest_reader_open(const struct trial *t, struct below *below, struct guest_reader **out,
                       struct error *err)
{
    struct guest_reader *r = calloc(1, sizeof *r);
    struct layer_l1 l1;

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->img = t->img;
    r->below = below;
    r->cluster_at = UINT64_MAX;
    image_layer_l1(t->img, LAYER_ACTIVE, &l1);
    r->n_l1 = l1.present;
    r->l1 = calloc((size_t)r->n_l1 + 1, sizeof *r->l1);
    r->l2 = malloc((size_t)t->img->geo.cluster_size);
    r->cluster = malloc((size_t)t->img->geo.cluster_size);
    if (!r->l1 || !r->l2 || !r->cluster) {
        guest_reader_close(r);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (r->n_l1)
        (void)image_read_l1(t->img, l1.off, 0, (size_t)r->n_l1, r->l1, NULL);
    *out = r;
    return true;
}

void guest_reader_close(struct guest_reader *r)
{
    if (!r)
        return;
    free(r->l1);
    free(r->l2);
    free(r->cluster);
    free(r);
}

static bool entry_at(struct guest_reader *r, uint64_t guest_off, struct l2_entry *e)
{
    const struct geometry *geo = &r->img->geo;
    uint64_t i = guest_off / geo->l2_span, off;

    off = i < r->n_l1 ? r->l1[i] & ENTRY_OFFSET_MASK : 0;
    *e = (struct l2_entry){ .type = L2_UNALLOCATED };
    if (!off)
        return true;
    if (off & (geo->cluster_size - 1))
        return false;
    if (off != r->l2_off) {
        r->l2_off = 0;
        if (!source_read(r->img->src, off, r->l2, (size_t)geo->cluster_size, NULL))
            return false;
        r->l2_off = off;
    }
    l2_decode(geo, r->l2 + (guest_off >> geo->cluster_bits) % geo->l2_entries
              * geo->l2_entry_size, e);
    return true;
}

uint64_t guest_reader_end(struct guest_reader *r)
{
    const struct geometry *geo = &r->img->geo;

    for (uint64_t i = r->n_l1; i-- > 0;) {
        struct l2_entry e;

        if (!(r->l1[i] & ENTRY_OFFSET_MASK))
            continue;
        for (uint64_t j = geo->l2_entries; j-- > 0;) {
            if (!entry_at(r, geo_guest_off(geo, i, j), &e))
                break;
            if (e.raw && l2_entry_possible(geo, &e, geo->file_size))
                return geo_guest_off(geo, i, j + 1);
        }
    }
    return 0;
}

static bool read_compressed(struct guest_reader *r, const struct l2_entry *e,
                            uint64_t guest_cl)
{
    if (r->cluster_at == guest_cl)
        return true;
    r->cluster_at = UINT64_MAX;
    if (!cluster_decompress(r->img, e->host_off, e->host_len, r->cluster, NULL))
        return false;
    r->cluster_at = guest_cl;
    return true;
}

bool guest_reader_read(void *ctx, uint64_t guest_off, void *dst, size_t len)
{
    struct guest_reader *r = ctx;
    const struct geometry *geo = &r->img->geo;
    uint64_t in = guest_off & (geo->cluster_size - 1);
    struct l2_entry e;

    if (!entry_at(r, guest_off, &e) || geo->data_file || r->img->hdr.crypt_method)
        return false;
    switch (e.type) {
    case L2_UNALLOCATED:
        memset(dst, 0, len);
        return r->below ? below_read(r->below, guest_off, dst, len)
            : !r->img->hdr.backing_file_offset;
    case L2_ZERO_PLAIN: case L2_ZERO_ALLOC:
        memset(dst, 0, len);
        return true;
    case L2_COMPRESSED:
        if (!read_compressed(r, &e, guest_off >> geo->cluster_bits))
            return false;
        memcpy(dst, r->cluster + in, len);
        return true;
    case L2_NORMAL:
        break;
    }
    if (geo->extended_l2 && e.bitmap != UINT32_MAX)
        return false;
    return l2_entry_possible(geo, &e, geo->file_size) && source_read(r->img->src, e.host_off + in, dst, len, NULL);
}
