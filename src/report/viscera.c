/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/viscera.h"

#include <stdlib.h>

#include "base/limits.h"
#include "qcow2/names.h"

#define BATCH 512       /* table entries read at a time */
#define ZEROS_MAX (1u << 20)

struct viscera_walk {
    struct jw *j;
    const struct image *img;
    uint64_t *entry;            /* BATCH of them */
    uint64_t zeros_left;        /* entries in holes between others that are still listed */
};

static void range(struct jw *j, const char *key, uint64_t off, uint64_t size)
{
    jw_object_flat(j, key);
    jw_u64(j, "offset", off);
    jw_u64(j, "size", size);
    jw_close(j);
}

/* Calls `each` for the n entries of a table of 64-bit words at `off`, but for those in holes
 * after the last one that is stored; with `used_only`, in any hole. */
static void each_entry(struct viscera_walk *w, uint64_t off, uint64_t n, bool used_only,
                       void (*each)(struct viscera_walk *w, uint64_t value))
{
    struct data_memo memo = { 0, 0, 0 };
    uint64_t first = 0, next;

    while ((next = source_next_unit(w->img->src, &memo, off, 8, first, n)) < n &&
           out_ok(w->j->out)) {
        size_t batch = (size_t)u64_min(BATCH, n - next);

        for (; first < next && !used_only && w->zeros_left; first++, w->zeros_left--)
            each(w, 0);
        /* What cannot be read is left out: the scan has told it. */
        (void)image_read_l1(w->img, off, next, batch, w->entry, NULL);
        for (size_t i = 0; i < batch; i++)
            each(w, w->entry[i]);
        first = next + batch;
    }
}

static void l2_pointer(struct viscera_walk *w, uint64_t value)
{
    if (value & ENTRY_OFFSET_MASK)
        range(w->j, NULL, value & ENTRY_OFFSET_MASK, w->img->geo.cluster_size);
}

static void l1_members(struct viscera_walk *w, uint32_t layer)
{
    struct layer_l1 l1;

    image_layer_l1(w->img, layer, &l1);
    range(w->j, "location", l1.off, l1.n * 8);
    jw_array(w->j, "l2-list");
    each_entry(w, l1.off, l1.present, true, l2_pointer);
    jw_close(w->j);
}

static void refcounts(struct viscera_walk *w)
{
    const struct image *img = w->img;

    if (!img->hdr.refcount_table_clusters)
        return;
    jw_object(w->j, "refcount-table");
    range(w->j, "location", img->hdr.refcount_table_offset,
          img->hdr.refcount_table_clusters << img->geo.cluster_bits);
    jw_array(w->j, "refcount-block-list");
    for (uint64_t i = 0; i < img->reftable_n && out_ok(w->j->out); i++)
        if (img->reftable[i] & REFTABLE_OFFSET_MASK)
            range(w->j, NULL, img->reftable[i] & REFTABLE_OFFSET_MASK,
                  img->geo.cluster_size);
    jw_close(w->j);
    jw_close(w->j);
}

static void snapshots(struct viscera_walk *w)
{
    const struct snapshots *s = &w->img->snaps;

    if (!s->n)
        return;
    jw_object(w->j, "snapshot-table");
    range(w->j, "location", s->table_off, s->table_len);
    jw_array(w->j, "l1-list");
    for (size_t i = 0; i < s->n && out_ok(w->j->out); i++) {
        jw_object(w->j, NULL);
        jw_bytes(w->j, "name", s->list[i].name, snapshot_name_len(&s->list[i]));
        l1_members(w, (uint32_t)i + 1);
        jw_close(w->j);
    }
    jw_close(w->j);
    jw_close(w->j);
}

static void bitmap_entry(struct viscera_walk *w, uint64_t value)
{
    uint64_t off = value & ENTRY_OFFSET_MASK;
    bool ones = value & BITMAP_ENTRY_ALL_ONES;

    jw_object_flat(w->j, NULL);
    jw_text(w->j, "type", off ? "serialized" : ones ? "all-ones" : "all-zeros");
    if (off)
        range(w->j, "cluster", off, w->img->geo.cluster_size);
    jw_close(w->j);
}

static void bitmaps(struct viscera_walk *w)
{
    const struct bitmaps *b = &w->img->bitmaps;

    if (b->end == BITMAPS_NONE)
        return;
    jw_object(w->j, "bitmaps");
    jw_object(w->j, "bitmap-dir");
    range(w->j, "location", b->dir_off, b->dir_size);
    jw_array(w->j, "dir-entries");
    for (size_t i = 0; i < b->n && out_ok(w->j->out); i++) {
        const struct bitmap *bm = &b->list[i];
        uint64_t n;

        jw_object(w->j, NULL);
        jw_bytes(w->j, "bitmap-name", bm->name, bitmap_name_len(bm));
        jw_object(w->j, "bitmap-table");
        range(w->j, "location", bm->table_offset, bm->table_size * 8);
        jw_array(w->j, "table-entries");
        n = u64_min(bm->table_size, BITMAP_TABLE_BYTES_MAX >> w->img->geo.cluster_bits);
        each_entry(w, bm->table_offset,
                   image_entries_present(w->img, bm->table_offset, n), false, bitmap_entry);
        jw_close(w->j);
        jw_close(w->j);
        jw_close(w->j);
    }
    jw_close(w->j);
    jw_close(w->j);
    jw_u64(w->j, "nb-bitmaps", w->img->ext.bitmaps.nb_bitmaps);
    jw_close(w->j);
}

static void sections(struct viscera_walk *w)
{
    const struct image *img = w->img;

    jw_object(w->j, "viscera");
    refcounts(w);
    jw_object(w->j, "active-l1");
    jw_text(w->j, "name", "L1 active table");
    l1_members(w, LAYER_ACTIVE);
    jw_close(w->j);
    jw_object(w->j, "qcow2-header");
    range(w->j, "location", 0, img->geo.cluster_size);
    jw_u64(w->j, "version", img->hdr.version);
    jw_close(w->j);
    if (img->ext.has_crypto) {
        jw_object(w->j, "crypt-header");
        range(w->j, "location", img->ext.crypto.offset, img->ext.crypto.length);
        jw_close(w->j);
    }
    snapshots(w);
    bitmaps(w);
    jw_close(w->j);
}

bool viscera_write(struct jw *j, const struct scan_result *scan, struct error *err)
{
    struct viscera_walk w = { .j = j, .img = scan->img, .zeros_left = ZEROS_MAX };

    w.entry = malloc(BATCH * sizeof *w.entry);
    if (!w.entry)
        return err_set(err, ERR_NOMEM, "out of memory");
    sections(&w);
    free(w.entry);
    return true;
}
