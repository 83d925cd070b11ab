/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/table_moves.h"

#include <string.h>

#include "base/num.h"
#include "qcow2/spec.h"

#define BATCH 512           /* L1 entries read at a time */

void table_go(const struct ui *ui, struct table t, uint64_t index, struct request *req)
{
    struct place place;

    table_resolve(ui->img, &t);
    if (t.off == NO_ADDRESS) {
        request_message(req, "%s", t.why);
        return;
    }
    place = table_place(ui->img, &t, index);
    request_go(req, &place, VIEW_TABLES);
}

void table_go_up(const struct ui *ui, const struct table *t, struct request *req)
{
    switch (t->kind) {
    case TABLE_L2:
        table_go(ui, (struct table){ .kind = TABLE_L1, .layer = t->layer }, t->i, req);
        break;
    case TABLE_L1:
        if (t->layer != LAYER_ACTIVE)
            table_go(ui, (struct table){ .kind = TABLE_SNAPSHOTS }, t->layer - 1, req);
        break;
    case TABLE_REFBLOCK:
        table_go(ui, (struct table){ .kind = TABLE_REFTABLE }, t->i, req);
        break;
    case TABLE_BITMAP:
        table_go(ui, (struct table){ .kind = TABLE_BITMAPS }, t->i, req);
        break;
    default:
        break;
    }
}

/* The next L1 entry that leads to a table, from entry i on; l1->n: there is none. */
static uint64_t next_l2(const struct image *img, const struct table *l1, uint64_t i, int dir)
{
    uint64_t entry[BATCH];
    uint64_t n = image_entries_present(img, l1->off, l1->n), batch = UINT64_MAX;

    if (i >= n && i < l1->n && dir < 0)
        i = n - 1;
    for (; i < n; i += dir > 0 ? 1 : UINT64_MAX) {
        uint64_t off;

        if (i / BATCH != batch) {
            batch = i / BATCH;
            (void)image_read_l1(img, l1->off, batch * BATCH,
                                (size_t)u64_min(BATCH, n - batch * BATCH), entry, NULL);
        }
        off = entry[i % BATCH] & ENTRY_OFFSET_MASK;
        if (off && off < img->geo.file_len)
            return i;
    }
    return l1->n;
}

void table_go_sibling(const struct ui *ui, const struct table *t, uint64_t index, int dir,
                      struct request *req)
{
    uint64_t step = dir > 0 ? 1 : UINT64_MAX;
    struct table next = *t;
    struct table parent = { .kind = t->kind == TABLE_L2 ? TABLE_L1 : TABLE_REFTABLE,
                            .layer = t->layer };

    if (t->kind == TABLE_L1) {
        next.layer = (uint32_t)(t->layer + step);
        table_go(ui, next, index, req);
        return;
    }
    if (t->kind == TABLE_BITMAP) {
        next.i += step;
        table_go(ui, next, index, req);
        return;
    }
    if (t->kind != TABLE_L2 && t->kind != TABLE_REFBLOCK)
        return;
    table_resolve(ui->img, &parent);
    next.i += step;
    if (t->kind == TABLE_L2)
        next.i = next_l2(ui->img, &parent, next.i, dir);
    for (; next.i < parent.n; next.i += step) {
        table_resolve(ui->img, &next);
        if (next.off != NO_ADDRESS) {
            table_go(ui, next, index, req);
            return;
        }
    }
    request_message(req, "There is no table beyond this one");
}

static void open_cluster(const struct ui *ui, const struct table *t,
                         const struct table_row *r, struct request *req)
{
    struct place p = { .kind = PLACE_FILE_OFFSET, .file_off = r->target_off,
                       .guest_off = NO_ADDRESS, .layer = t->layer };

    if (t->kind == TABLE_L2)
        p.guest_off = geo_guest_off(&ui->img->geo, t->i, r->index);
    if (t->kind == TABLE_L2 && r->target_off == NO_ADDRESS)
        p.kind = PLACE_GUEST;           /* the hex view says where that is read from */
    if (r->target_off == NO_ADDRESS && t->kind != TABLE_L2)
        request_message(req, "This entry points nowhere");
    else
        request_go(req, &p, VIEW_HEX);
}

void table_open_row(const struct ui *ui, const struct table *t, const struct table_row *r,
                    struct request *req)
{
    struct table next = { .layer = t->layer };

    if (!r)
        return;
    next.i = r->index;
    switch (t->kind) {
    case TABLE_L1:
        next.kind = TABLE_L2;
        break;
    case TABLE_REFTABLE:
        next.kind = TABLE_REFBLOCK;
        break;
    case TABLE_SNAPSHOTS:
        next = (struct table){ .kind = TABLE_L1, .layer = (uint32_t)r->index + 1 };
        break;
    case TABLE_BITMAPS:
        next.kind = TABLE_BITMAP;
        break;
    default:
        open_cluster(ui, t, r, req);
        return;
    }
    table_go(ui, next, 0, req);
}
