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
};

void table_draw_heads(const struct table_look *look, const struct area *line);
void table_draw_row(const struct table_look *look, const struct area *line,
                    const struct table_row *r);

/* The row in a sentence, for the line below the list. */
void table_row_text(const struct table_look *look, const struct table_row *r,
                    struct buf *out);

#endif
