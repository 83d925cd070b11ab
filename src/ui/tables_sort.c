/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Lists of snapshots and bitmaps, sorted by a column. They are in memory. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "ui/tables_view.h"

struct list_item {
    const char *name;           /* NULL: sorted by key */
    uint64_t key;
    uint32_t index;
};

static struct list_item snapshot_item(const struct snapshot *s, enum list_order o)
{
    const uint64_t keys[N_LIST_ORDERS] = {
        [LIST_BY_DATE] = s->date_sec, [LIST_BY_SIZE] = s->disk_size,
        [LIST_BY_STATE] = s->vm_state_size, [LIST_BY_PLACE] = s->l1_table_offset,
    };

    return (struct list_item){ o == LIST_BY_NAME && s->name ? s->name : NULL, keys[o], 0 };
}

static struct list_item bitmap_item(const struct bitmap *b, enum list_order o)
{
    const uint64_t keys[N_LIST_ORDERS] = {
        [LIST_BY_SIZE] = b->granularity_bits, [LIST_BY_STATE] = b->flags,
        [LIST_BY_PLACE] = b->table_offset,
    };

    return (struct list_item){ o == LIST_BY_NAME && b->name ? b->name : NULL, keys[o], 0 };
}

static int by_column(const void *x, const void *y)
{
    const struct list_item *a = x, *b = y;
    int order = a->name && b->name ? strcmp(a->name, b->name) : 0;

    if (order)
        return order;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

void tables_sort_list(struct tables_view *v, const struct ui *ui)
{
    const bool snapshots = v->table.kind == TABLE_SNAPSHOTS;
    const size_t n = snapshots ? ui->img->snaps.n : ui->img->bitmaps.n;
    struct list_item *item;
    struct table_listing *l = &v->shown;

    if (v->list_order == LIST_BY_NUMBER || !list_has_order(v->list_order, v->table.kind)
        || n != v->table.n)
        return;
    item = malloc((n + 1) * sizeof *item);
    l->row = malloc((n + 1) * sizeof *l->row);
    l->row_of = malloc((n + 1) * sizeof *l->row_of);
    if (!item || !l->row || !l->row_of) {
        table_listing_free(l);
        free(item);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        item[i] = snapshots ? snapshot_item(&ui->img->snaps.list[i], v->list_order)
                            : bitmap_item(&ui->img->bitmaps.list[i], v->list_order);
        item[i].index = (uint32_t)i;
    }
    qsort(item, n, sizeof *item, by_column);
    l->n = n;
    for (size_t i = 0; i < n; i++) {
        l->row[i] = item[i].index;
        l->row_of[item[i].index] = (uint32_t)i;
    }
    free(item);
}
