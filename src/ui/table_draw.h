/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Drawing of table rows, each kind with its columns. Nothing is read here. */
#ifndef QCHECK_UI_TABLE_DRAW_H
#define QCHECK_UI_TABLE_DRAW_H

#include "ui/number.h"
#include "ui/view.h"

struct table_look {
    const struct ui *ui;
    const struct table *table;
    enum number_style numbers;
    enum table_order order;     /* marked in the heads */
};

void table_draw_heads(const struct table_look *look, const struct area *line);
/* The order that a click on the heads means, at column x of a line of w; false: none. */
bool table_order_at(const struct table_look *look, int w, int x, enum table_order *out);
void table_draw_row(const struct table_look *look, const struct area *line,
                    const struct table_row *r);

/* table_lists.c: rows of the lists of snapshots and bitmaps. */
void table_draw_snapshot_heads(const struct area *line);
void table_draw_snapshot(const struct table_look *look, const struct area *line,
                         const struct table_row *r);
void table_draw_bitmap_heads(const struct area *line);
void table_draw_bitmap(const struct table_look *look, const struct area *line,
                       const struct table_row *r);

/* The row in a sentence, for the line below the list. */
void table_row_text(const struct table_look *look, const struct table_row *r,
                    struct buf *out);

#endif
