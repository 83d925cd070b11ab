/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Drawing of table rows, each kind with its columns. Nothing is read here. */
#ifndef QCHECK_UI_TABLE_DRAW_H
#define QCHECK_UI_TABLE_DRAW_H

#include "ui/number.h"
#include "ui/view.h"

/* The columns by which lists of snapshots and bitmaps are sorted. */
enum list_order {
    LIST_BY_NUMBER, LIST_BY_NAME,
    LIST_BY_DATE,               /* of snapshots only */
    LIST_BY_SIZE,               /* of the disk; granularity */
    LIST_BY_STATE,              /* size of the VM state; flags */
    LIST_BY_PLACE,              /* of the table in the file */
    N_LIST_ORDERS
};

struct table_look {
    const struct ui *ui;
    const struct table *table;
    enum number_style numbers;
    enum table_order order;     /* marked in the heads */
    enum list_order list_order; /* ... of a list */
};

void table_draw_heads(const struct table_look *look, const struct area *line);
/* The order that a click on the heads means, at column x of a line of w; false: none. */
bool table_order_at(const struct table_look *look, int w, int x, enum table_order *out);
void table_draw_row(const struct table_look *look, const struct area *line,
                    const struct table_row *r);

/* table_lists.c: rows of the lists of snapshots and bitmaps. */
void table_draw_snapshot(const struct table_look *look, const struct area *line,
                         const struct table_row *r);
void table_draw_list_heads(const struct table_look *look, const struct area *line);
/* As table_order_at(), of a list. */
bool list_order_at(const struct table_look *look, int w, int x, enum list_order *out);
const char *list_order_name(enum list_order o, enum table_kind kind);
/* Does a list have that column? */
bool list_has_order(enum list_order o, enum table_kind kind);
void table_draw_bitmap(const struct table_look *look, const struct area *line,
                       const struct table_row *r);

/* The row in a sentence, for the line below the list. */
void table_row_text(const struct table_look *look, const struct table_row *r,
                    struct buf *out);

#endif
