/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Going from one table to another: down into what a row points to, up, beside. */
#ifndef QCHECK_UI_TABLE_MOVES_H
#define QCHECK_UI_TABLE_MOVES_H

#include "ui/view.h"

/* Each asks for the move in *req, or says there why it cannot be. */
void table_go(const struct ui *ui, struct table t, uint64_t index, struct request *req);
void table_go_up(const struct ui *ui, const struct table *t, struct request *req);
/* The same row of the next (dir > 0) or previous table of this kind that exists. */
void table_go_sibling(const struct ui *ui, const struct table *t, uint64_t index, int dir,
                      struct request *req);
/* r NULL: there is no row. */
void table_open_row(const struct ui *ui, const struct table *t, const struct table_row *r,
                    struct request *req);

/* Explains this kind of table with the numbers of the entry under the cursor. */
void table_teach(const struct ui *ui, const struct table *t, uint64_t index,
                 struct buf *out);

#endif
