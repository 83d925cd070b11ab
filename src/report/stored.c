/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/stored.h"

#include <stdlib.h>

#include "base/limits.h"

struct stored_slot {
    uint64_t index;             /* refcount table index + 1; 0: empty */
    enum stored_status status;
    uint8_t *block;             /* owned, one cluster */
};

void stored_init(struct stored *s, const struct image *img, const struct scan_result *scan)
{
    *s = (struct stored){ .img = img, .n = STORED_BYTES >> img->geo.cluster_bits };
    if (scan && !scan->partial && !scan->problems.count[PROBLEM_UNREADABLE])
        s->scan = scan;
}

void stored_free(struct stored *s)
{
    for (uint64_t i = 0; s->slot && i < s->n; i++)
        free(s->slot[i].block);
    free(s->slot);
    s->slot = NULL;
}

/* Loads refcount block `index` into a slot whose memory is there. */
static enum stored_status load(struct stored *s, uint64_t index, uint8_t *block)
{
    const struct image *img = s->img;
    uint64_t off =
        index < img->reftable_n ? img->reftable[index] & REFTABLE_OFFSET_MASK : 0;

    if (!off)
        return STORED_NO_BLOCK;
    if (off % img->geo.cluster_size)
        return STORED_BAD_BLOCK;
    if (off > READ_OFFSET_MAX - img->geo.cluster_size ||
        !source_read(img->src, off, block, (size_t)img->geo.cluster_size, NULL))
        return STORED_UNREADABLE;
    return STORED_OK;
}

/* The slot that holds block `index`, loaded if need be; NULL when memory runs out. */
static const struct stored_slot *slot_of(struct stored *s, uint64_t index)
{
    struct stored_slot *slot;

    if (!s->slot)
        s->slot = calloc((size_t)s->n, sizeof *s->slot);
    if (!s->slot)
        return NULL;
    slot = &s->slot[index % s->n];
    if (!slot->block)
        slot->block = malloc((size_t)s->img->geo.cluster_size);
    if (!slot->block)
        return NULL;
    if (slot->index == index + 1)
        return slot;
    slot->index = index + 1;
    slot->status = load(s, index, slot->block);
    return slot;
}

/* A cluster without a problem mark has the refcount that was counted. */
static bool known_from_map(const struct stored *s, uint64_t cluster, uint64_t *out)
{
    const struct image *img = s->img;
    uint64_t index = cluster >> img->geo.refblock_bits;
    struct map_cell cell;

    if (!s->scan || cluster >= img->geo.n_clusters || index >= img->reftable_n
        || !img->reftable[index] || (img->reftable[index] & (img->geo.cluster_size - 1))
        || img->reftable[index] > READ_OFFSET_MAX - img->geo.cluster_size)
        return false;
    map_get(s->scan->map, cluster, &cell);
    if (cell.problem || cell.counted == COUNTED_UNKNOWN)
        return false;
    *out = u64_min(cell.counted, img->geo.refcount_max);
    return true;
}

bool stored_known(const struct stored *s, uint64_t cluster)
{
    uint64_t value;

    return known_from_map(s, cluster, &value);
}

enum stored_status stored_get(struct stored *s, uint64_t cluster, uint64_t *out)
{
    const struct geometry *geo = &s->img->geo;
    const struct stored_slot *slot;

    if (known_from_map(s, cluster, out))
        return STORED_OK;
    *out = 0;
    slot = slot_of(s, cluster >> geo->refblock_bits);
    if (!slot)
        return STORED_UNREADABLE;
    if (slot->status == STORED_OK)
        *out = refblock_get(slot->block, geo->refcount_order,
                            cluster & (geo->refblock_entries - 1));
    return slot->status;
}
