/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/guest_table.h"

#include <stdlib.h>
#include <string.h>

bool guest_table_open(struct table_reader *t, const struct image *img, uint32_t layer)
{
    *t = (struct table_reader){ .img = img, .l1_index = UINT64_MAX,
                                .l1_first = UINT64_MAX };
    (void)image_layer_l1(img, layer, &t->table);
    t->bytes = malloc((size_t)img->geo.cluster_size);
    return t->bytes != NULL;
}

/* Entry i (< table.present) of the L1 table. */
static uint64_t l1_entry(struct table_reader *t, uint64_t i)
{
    uint64_t first = i / L1_CACHED * L1_CACHED;

    if (t->l1_first != first) {
        t->l1_first = first;
        t->l1_damaged = !image_read_l1(t->img, t->table.off, first,
                                       (size_t)u64_min(L1_CACHED, t->table.present - first),
                                       t->l1, NULL);
    }
    return t->l1[i - first];
}

/* First L1 index in [from, to) that is in use (or cannot be read); `to` for none. */
uint64_t guest_table_next(struct table_reader *t, uint64_t from, uint64_t to)
{
    uint64_t end = u64_min(to, t->table.present);

    while ((from = source_next_unit(t->img->src, &t->l1_memo, t->table.off, 8, from, end)) <
           end) {
        uint64_t batch = u64_min(end, (from / L1_CACHED + 1) * L1_CACHED);

        for (; from < batch; from++)
            if (l1_entry(t, from) || t->l1_damaged)
                return from;
    }
    return to;
}

void guest_table_load(struct table_reader *t, uint64_t l1_index)
{
    const struct geometry *geo = &t->img->geo;
    uint64_t entry, off;

    if (t->l1_index == l1_index)
        return;
    t->l1_index = l1_index;
    t->state = TABLE_NONE;
    t->empty = false;
    if (l1_index >= t->table.present)
        return;
    entry = l1_entry(t, l1_index);
    off = entry & ENTRY_OFFSET_MASK;
    if (!off && !t->l1_damaged)
        return;
    t->state = TABLE_DAMAGED;
    if (t->l1_damaged || (off & (geo->cluster_size - 1)) || off >= geo->file_len)
        return;
    t->empty = source_all_hole(t->img->src, &t->memo, off, geo->cluster_size);
    if (t->empty)
        memset(t->bytes, 0, (size_t)geo->cluster_size);
    if (t->empty
        || source_read(t->img->src, off, t->bytes, (size_t)geo->cluster_size, NULL))
        t->state = entry & L1_RESERVED_MASK ? TABLE_DOUBTFUL : TABLE_READ;
}
