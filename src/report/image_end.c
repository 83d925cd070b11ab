/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/image_end.h"

#include <stdlib.h>

/* A refcount block, and the last clusters that it describes: a damaged table may name one
 * block many times. */
struct block { uint64_t off, index; };

static int by_off(const void *a, const void *b)
{
    const struct block *x = a, *y = b;

    if (x->off != y->off)
        return u64_order(x->off, y->off);
    return (x->index < y->index) - (x->index > y->index);
}

static int last_first(const void *a, const void *b)
{
    const struct block *x = a, *y = b;

    return (x->index < y->index) - (x->index > y->index);
}

/* The blocks of entries [0, n), each once, the last first. NULL: no memory. */
static struct block *blocks_of(const struct image *img, uint64_t n, size_t *n_blocks)
{
    struct block *list = malloc((n ? (size_t)n : 1) * sizeof *list);
    size_t used = 0, kept = 0;

    if (!list)
        return NULL;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t off = img->reftable[i] & REFTABLE_OFFSET_MASK;

        if (off && !(off & (img->geo.cluster_size - 1)) && off < img->geo.file_size)
            list[used++] = (struct block){ off, i };
    }
    qsort(list, used, sizeof *list, by_off);
    for (size_t i = 0; i < used; i++)
        if (!kept || list[kept - 1].off != list[i].off)
            list[kept++] = list[i];
    qsort(list, kept, sizeof *list, last_first);
    *n_blocks = kept;
    return list;
}

/* The number of entries up to the last of the first `n` that is not 0. */
static uint64_t entries_used(const struct image *img, uint64_t off, uint64_t n,
                             struct data_memo *memo, uint8_t *block)
{
    size_t len = (size_t)img->geo.cluster_size;

    if (source_all_hole(img->src, memo, off, len) ||
        !source_read(img->src, off, block, len, NULL))
        return 0;
    while (n && !refblock_get(block, img->geo.refcount_order, n - 1))
        n--;
    return n;
}

/* The cluster after the last one in use; false: no memory. */
static bool last_cluster(const struct image *img, uint64_t *out)
{
    const struct geometry *geo = &img->geo;
    uint64_t per = geo->refblock_entries, whole = geo->n_clusters / per, used = 0;
    struct data_memo memo = { 0 };
    uint8_t *bytes = malloc((size_t)geo->cluster_size);
    size_t n_blocks = 0;
    struct block *list = blocks_of(img, u64_min(whole, img->reftable_n), &n_blocks);
    bool ok = bytes && list;

    /* The block that also describes clusters past the end of the file stands alone. */
    if (ok && whole < img->reftable_n) {
        uint64_t off = img->reftable[whole] & REFTABLE_OFFSET_MASK;

        if (off && !(off & (geo->cluster_size - 1)) && off < geo->file_size)
            used = entries_used(img, off, geo->n_clusters % per, &memo, bytes);
        if (used)
            used += whole * per;
    }
    for (size_t i = 0; ok && !used && i < n_blocks; i++) {
        used = entries_used(img, list[i].off, per, &memo, bytes);
        if (used)
            used += list[i].index * per;
    }
    free(list);
    free(bytes);
    *out = used;
    return ok;
}

static bool ends_before(uint64_t off, uint64_t len, uint64_t end)
{
    return !len || range_inside(off, len, end);
}

bool image_end_by_refcounts(const struct image *img, uint64_t *out)
{
    const struct geometry *geo = &img->geo;
    uint64_t clusters, header = 0, end;

    if (img->hdr.incompatible_features & INCOMPAT_DIRTY ||
        image_stored_refcount(img, 0, &header) != STORED_OK || !header ||
        !last_cluster(img, &clusters))
        return false;
    end = clusters << geo->cluster_bits;
    if (!ends_before(img->hdr.l1_table_offset, geo->l1_entries * 8, end) ||
        !ends_before(img->hdr.refcount_table_offset, geo->reftable_entries * 8, end) ||
        !ends_before(img->snaps.table_off, img->snaps.table_len, end))
        return false;
    *out = end;
    return true;
}
