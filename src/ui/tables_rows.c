/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which entry is in which row: all of them, the used ones, or sorted by a column. What is not
 * the table as it is takes a walk through it, on a thread. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"
#include "ui/tables_view.h"

#define BAR_ROWS_MAX 256        /* rows of one problem that the scroll bar of a sorted table shows */

uint64_t tables_index_of_row(const struct tables_view *v, uint64_t row)
{
    return v->shown.row ? (row < v->shown.n ? v->shown.row[row] : 0) : row;
}

uint64_t tables_row_of_index(const struct tables_view *v, uint64_t index)
{
    const struct table_listing *l = &v->shown;
    size_t low;

    if (!l->row)
        return index;
    if (l->row_of)
        return index < v->table.n && l->row_of[index] != UINT32_MAX ? l->row_of[index] : 0;
    BISECT(low, l->n, mid, l->row[mid] >= index);
    return low < l->n ? low : l->n ? l->n - 1 : 0;
}

void tables_sift_drop(struct tables_view *v)
{
    v->sift.dropped = true;
    if (v->sift.task)
        task_cancel(v->sift.task);
}

static bool sift_work(void *arg, struct task_run *run, struct error *err)
{
    struct table_sift *s = arg;

    return table_list_rows(s->img, &s->table, &s->wish, run, &s->rows, err);
}

/* Which entries problems concern. Without memory: none. */
static void list_spans(const struct ui *ui, const struct table *t, struct table_wish *w)
{
    const struct problems *p = &ui->scan->problems;

    w->spans = calloc(p->n + 1, sizeof *w->spans);
    for (size_t i = 0; w->spans && i < p->n; i++) {
        struct table_span *s = &w->spans[w->n_spans];

        w->n_spans += table_problem_rows(ui->img, t, &p->list[i], &s->first, &s->last);
    }
}

/* Begins, when one for an older table has ended. */
static void sift_start(struct tables_view *v, const struct ui *ui)
{
    struct table_sift *s = &v->sift;
    struct error err;

    if (s->task || (!v->hide_unused && v->order == TABLE_BY_INDEX) || tables_is_list(v) ||
        v->table.off == NO_ADDRESS)
        return;
    *s = (struct table_sift){ .img = ui->img, .table = v->table };
    s->wish = (struct table_wish){ .used_only = v->hide_unused, .order = v->order };
    if (v->order == TABLE_BY_PROBLEMS && ui->scan)
        list_spans(ui, &v->table, &s->wish);
    if (!task_start(sift_work, s, &s->task, &err)) {
        s->task = NULL;
        free(s->wish.spans);
        s->wish.spans = NULL;
        snprintf(v->fault, sizeof v->fault, "All entries are shown: %.150s", err.text);
    }
}

void tables_arrange(struct tables_view *v, const struct ui *ui, uint64_t index)
{
    tables_sift_drop(v);
    table_listing_free(&v->shown);
    if (!table_has_order(ui->img, v->table.kind, v->order))
        v->order = TABLE_BY_INDEX;
    v->fault[0] = '\0';
    v->bar_stale = true;
    v->list.n = v->table.n;
    if (tables_is_list(v))
        tables_sort_list(v, ui);
    list_go(&v->list, tables_row_of_index(v, index));
    sift_start(v, ui);
}

void tables_sift_ended(struct tables_view *v, const struct ui *ui, struct request *req)
{
    struct table_sift *s = &v->sift;
    uint64_t index = v->list.at;
    struct error err;
    bool ok = task_finish(s->task, &err);

    s->task = NULL;
    free(s->wish.spans);
    s->wish.spans = NULL;
    if (s->dropped) {
        table_listing_free(&s->rows);
        sift_start(v, ui);
    } else if (!ok) {
        v->order = TABLE_BY_INDEX;
        snprintf(v->fault, sizeof v->fault, "All entries are shown: %.150s", err.text);
        request_message(req, "%s", v->fault);
    } else {
        v->shown = s->rows;
        s->rows = (struct table_listing){ NULL, 0, NULL };
        v->bar_stale = true;
        v->list.n = v->shown.n;
        list_go(&v->list, tables_row_of_index(v, index));
    }
}

static void mark(struct tables_view *v, uint64_t first_row, uint64_t last_row)
{
    uint64_t first = first_row * (uint64_t)v->list.h / v->list.n;
    uint64_t last = last_row * (uint64_t)v->list.h / v->list.n;

    for (uint64_t y = first; y <= last && y < ROWS_MAX; y++)
        v->bar[y] = true;
}

void tables_find_problems(struct tables_view *v, const struct ui *ui)
{
    uint64_t first;
    uint64_t last;

    if (!v->bar_stale && v->bar_h == v->list.h)
        return;
    v->bar_stale = false;
    v->bar_h = v->list.h;
    memset(v->bar, 0, sizeof v->bar);
    if (!ui->scan || v->list.n == 0)
        return;
    for (size_t i = 0; i < ui->scan->problems.n; i++) {
        if (!table_problem_rows(ui->img, &v->table, &ui->scan->problems.list[i], &first,
                                &last))
            continue;
        if (!v->shown.row_of) {
            mark(v, tables_row_of_index(v, first), tables_row_of_index(v, last));
            continue;
        }
        for (uint64_t k = first; k <= last && k - first < BAR_ROWS_MAX; k++)
            if (v->shown.row_of[k] != UINT32_MAX)
                mark(v, v->shown.row_of[k], v->shown.row_of[k]);
    }
}
