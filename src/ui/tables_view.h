/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The tables view from inside: its state, which view_tables.c changes and tables_draw.c
 * draws. */
#ifndef QCHECK_UI_TABLES_VIEW_H
#define QCHECK_UI_TABLES_VIEW_H

#include "ui/list.h"
#include "ui/number.h"
#include "ui/table_draw.h"
#include "ui/view.h"
#include "ui/way.h"

#define ROWS_MAX 512            /* rows read for one screen */

/* A search that goes on; its thread owns `s` until the task has ended. */
struct table_hunt {
    struct task *task;          /* NULL: none goes on */
    bool dropped;               /* the person has moved on */
    const struct image *img;
    struct table_quest s;
};

/* The rows of a table that hides its unused entries, or is sorted; its thread owns the last
 * rows until the task has ended. */
struct table_sift {
    struct task *task;          /* NULL: none goes on */
    bool dropped;               /* its outcome is not wanted any more */
    const struct image *img;
    struct table table;
    struct table_wish wish;     /* spans: owned */
    struct table_listing rows;
};

struct tables_view {
    const struct image *img;    /* that the table is of */
    struct table_hunt hunt;
    struct table_sift sift;
    struct table table;
    struct list list;           /* of shown rows: all, or those of `shown` */
    bool hide_unused;
    enum table_order order;
    enum list_order list_order; /* of snapshots and bitmaps */
    struct table_listing shown; /* row NULL: all entries in their order, perhaps not yet as
                                   they are to be */
    int cols;
    enum number_style numbers;
    struct table_row *row;      /* owned, ROWS_MAX; as read by prepare */
    size_t n_row;
    bool stale;                 /* the rows are of another table or another time */
    bool bar_stale;             /* ... or the list is another */
    int bar_h;
    bool bar[ROWS_MAX];         /* scroll bar: a problem in this part of the list */
    struct way way;             /* that the entry under the cursor is part of */
    char fault[200];            /* why rows are not filtered; "" : nothing */
};

/* tables_rows.c: which entry is in which row. */
uint64_t tables_index_of_row(const struct tables_view *v, uint64_t row);
/* The row of this entry; where it is hidden, of a near one. */
uint64_t tables_row_of_index(const struct tables_view *v, uint64_t index);
/* All entries are rows; where they are to be fewer or in another order, until that is known. */
void tables_arrange(struct tables_view *v, const struct ui *ui, uint64_t index);
/* tables_sort.c: the rows of a list, by its column; without memory in the order of the file. */
void tables_sort_list(struct tables_view *v, const struct ui *ui);
void tables_sift_drop(struct tables_view *v);
void tables_sift_ended(struct tables_view *v, const struct ui *ui, struct request *req);
/* Where in the list the problems are, for the scroll bar. */
void tables_find_problems(struct tables_view *v, const struct ui *ui);

enum topic { TOPIC_MAPPING, TOPIC_REFCOUNTS, TOPIC_SNAPSHOTS, TOPIC_BITMAPS, N_TOPICS };

enum topic tables_topic(const struct table *t);
bool tables_is_list(const struct tables_view *v);       /* snapshots or bitmaps */

/* How a view of `rows` rows is divided: heads above, explanation below. */
int tables_head_rows(int rows);
int tables_detail_rows(int rows);

/* Draws the topics into a line (NULL: does not) and returns the columns they take; *hit
 * becomes the one at column `at`. */
int tables_draw_topics(const struct tables_view *v, const struct ui *ui,
                       const struct area *line, int at, enum topic *hit);
void tables_draw(const void *state, const struct ui *ui, const struct area *a);

#endif
