/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "qcow2/spec.h"
#include "ui/table_draw.h"
#include "ui/table_moves.h"
#include "ui/tables_view.h"

static bool tables_create(const struct ui *ui, void **state)
{
    struct tables_view *v = calloc(1, sizeof *v);

    if (!v)
        return false;
    v->row = calloc(ROWS_MAX, sizeof *v->row);
    if (!v->row) {
        free(v);
        return false;
    }
    v->img = ui->img;
    v->numbers = ui->numbers;
    v->table = (struct table){ .kind = TABLE_L1 };
    table_resolve(ui->img, &v->table);
    list_fit(&v->list, v->table.n, 1);
    v->stale = v->bar_stale = true;
    *state = v;
    return true;
}

/* The person has moved on. */
static void hunt_drop(struct tables_view *v)
{
    v->hunt.dropped = true;
    if (v->hunt.task)
        task_cancel(v->hunt.task);
}

static void tables_destroy(void *state)
{
    struct tables_view *v = state;

    hunt_drop(v);
    task_finish(v->hunt.task, NULL);
    tables_sift_drop(v);
    task_finish(v->sift.task, NULL);
    free(v->sift.wish.spans);
    table_listing_free(&v->sift.rows);
    table_listing_free(&v->shown);
    free(v->row);
    free(v);
}

static bool table_same(const struct table *a, const struct table *b)
{
    return a->kind == b->kind && a->layer == b->layer && a->i == b->i && a->off == b->off;
}

static void set_table(struct tables_view *v, const struct ui *ui, const struct table *t,
                      uint64_t index)
{
    bool same = table_same(&v->table, t);

    v->table = *t;
    if (!same) {
        v->stale = true;
        v->list.top = 0;
        tables_arrange(v, ui, index);
    } else {
        list_go(&v->list, tables_row_of_index(v, index));
    }
}

static struct place place_here(const struct tables_view *v, const struct ui *ui)
{
    return table_place(ui->img, &v->table, tables_index_of_row(v, v->list.at));
}

static void tables_show(void *state, const struct ui *ui, const struct place *place)
{
    const struct known known = ui_known(ui);
    struct table t;
    uint64_t row;

    if (table_of_place(&known, place, &t, &row))
        set_table(state, ui, &t, row);
}

static enum lit tables_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct tables_view *v = state;
    const struct known known = ui_known(ui);
    struct place lit = place_here(v, ui);
    struct table t;
    uint64_t row;

    if (v->table.off == NO_ADDRESS || v->list.n == 0 || place_equal(&lit, &ui->here))
        return LIT_HERE;
    *out = lit;
    return table_of_place(&known, &ui->here, &t, &row) && table_same(&t, &v->table) &&
           row == tables_index_of_row(v, v->list.at) ? LIT_ABOUT : LIT_OTHER;
}

/* show() goes to the table of the place that follows. */
static void tables_relayered(void *state, const struct ui *ui)
{
    (void)state;
    (void)ui;
}

static void tables_reloaded(void *state, const struct ui *ui)
{
    struct tables_view *v = state;

    v->stale = v->bar_stale = true;
    if (ui->img == v->img && v->order != TABLE_BY_PROBLEMS)
        return;
    v->img = ui->img;
    table_resolve(ui->img, &v->table);
    tables_arrange(v, ui, tables_index_of_row(v, v->list.at));
}

static const struct table_row *row_read(const struct table_row *row, size_t n,
                                        uint64_t index)
{
    for (size_t i = 0; i < n; i++)
        if (row[i].index == index && !row[i].coming)
            return &row[i];
    return NULL;
}

/* The translation that the entry under the cursor is part of. */
static void find_way(struct tables_view *v, const struct ui *ui)
{
    struct place p = place_here(v, ui);

    if (!v->list.n || tables_topic(&v->table) != TOPIC_MAPPING || !place_complete(ui->img, &p))
        p.guest_off = NO_ADDRESS;
    way_find(&v->way, ui, p.layer, p.guest_off);
}

static void tables_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    const struct known known = ui_known(ui);
    struct tables_view *v = state;
    int h = rows - tables_detail_rows(rows) - tables_head_rows(rows);
    struct table_row *next = calloc(ROWS_MAX, sizeof *next);

    v->cols = cols;
    list_fit(&v->list, v->shown.row ? v->shown.n : v->table.n,
             h > ROWS_MAX ? ROWS_MAX : h);
    tables_find_problems(v, ui);
    find_way(v, ui);
    if (!next)
        return;
    if (v->stale)
        v->n_row = 0;
    v->stale = false;
    for (size_t i = 0; i < (size_t)v->list.h && v->list.top + i < v->list.n; i++) {
        uint64_t index = tables_index_of_row(v, v->list.top + i);
        const struct table_row *old = row_read(v->row, v->n_row, index);

        if (old)
            next[i] = *old;
        else
            table_read(&known, &v->table, &index, 1, &next[i]);
    }
    v->n_row = (size_t)u64_min((uint64_t)v->list.h, v->list.n - v->list.top);
    free(v->row);
    v->row = next;
}

static void go_topic(struct tables_view *v, const struct ui *ui, enum topic topic,
                     struct request *req)
{
    static const enum table_kind first[N_TOPICS] = { TABLE_L1, TABLE_REFTABLE,
                                                     TABLE_SNAPSHOTS, TABLE_BITMAPS };
    struct table t = { .kind = first[topic] };

    table_resolve(ui->img, &t);
    if (t.off == NO_ADDRESS) { /* nothing to stand on there, but it can be shown */
        set_table(v, ui, &t, 0);
        request_message(req, "%s", t.why);
        return;
    }
    table_go(ui, t, 0, req);
}

static const struct table_row *row_at(const struct tables_view *v)
{
    return row_read(v->row, v->n_row, tables_index_of_row(v, v->list.at));
}

static void sort_by(struct tables_view *v, const struct ui *ui, enum table_order order,
                    struct request *req)
{
    while (!table_has_order(ui->img, v->table.kind, order))
        order = (enum table_order)((order + 1) % N_TABLE_ORDERS);
    v->order = order;
    tables_arrange(v, ui, tables_index_of_row(v, v->list.at));
    request_message(req, "%s%s", *v->fault ? v->fault : "Sorted by ",
                    *v->fault ? "" : table_order_name(order));
}

static void sort_list(struct tables_view *v, const struct ui *ui, enum list_order order,
                      struct request *req)
{
    const uint64_t index = tables_index_of_row(v, v->list.at);

    if (!list_has_order(order, v->table.kind))
        order = (enum list_order)((order + 1) % N_LIST_ORDERS);
    v->list_order = order;
    tables_arrange(v, ui, index);
    request_message(req, "Sorted by %s", list_order_name(order, v->table.kind));
}

/* A click on the heads at column x. */
static void click_head(struct tables_view *v, const struct ui *ui, int x, struct request *req)
{
    const struct table_look look = { ui, &v->table, v->numbers, v->order, v->list_order };
    enum table_order order;
    enum list_order list_order;

    if (tables_is_list(v)) {
        if (list_order_at(&look, v->cols - 1, x, &list_order))
            sort_list(v, ui, list_order, req);
    } else if (table_order_at(&look, v->cols - 1, x, &order)) {
        sort_by(v, ui, order, req);
    }
}

static void tables_act(void *state, const struct ui *ui, enum action action,
                       const struct act_arg *arg, struct request *req)
{
    struct tables_view *v = state;
    struct act_arg in_list = *arg;
    enum topic topic = N_TOPICS;
    uint64_t was = v->list.at;
    struct place place;
    int head = v->list.h > 1 ? 2 : 0;

    if (action != ACT_NUMBERS && action != ACT_HIDE_UNUSED)
        hunt_drop(v);
    if (action == ACT_STOP && v->sift.task) {
        v->hide_unused = false;
        v->order = TABLE_BY_INDEX;
        tables_sift_drop(v);
        return;
    }
    switch (action) {
    case ACT_OPEN: case ACT_RIGHT:
        table_open_row(ui, &v->table, row_at(v), req);
        return;
    case ACT_LEFT: case ACT_PARENT:
        table_go_up(ui, &v->table, req);
        return;
    case ACT_NEXT_TOPIC: case ACT_PANE:
        go_topic(v, ui, (enum topic)((tables_topic(&v->table) + 1) % N_TOPICS), req);
        return;
    case ACT_PREV_TABLE:
        table_go_sibling(ui, &v->table, tables_index_of_row(v, v->list.at), -1, req);
        return;
    case ACT_NEXT_TABLE:
        table_go_sibling(ui, &v->table, tables_index_of_row(v, v->list.at), 1, req);
        return;
    case ACT_NUMBERS:
        v->numbers = (enum number_style)((v->numbers + 1) % N_NUMBER_STYLES);
        request_message(req, "Offsets: %s", number_style_name(v->numbers));
        return;
    case ACT_HIDE_UNUSED:
        was = tables_index_of_row(v, v->list.at);
        v->hide_unused = !v->hide_unused;
        tables_arrange(v, ui, was);
        request_message(req, "%s", *v->fault ? v->fault : v->hide_unused
                                 ? "Unused entries are hidden" : "All entries are shown");
        return;
    case ACT_SORT:
        if (tables_is_list(v))
            sort_list(v, ui, (enum list_order)((v->list_order + 1) % N_LIST_ORDERS), req);
        else
            sort_by(v, ui, (enum table_order)((v->order + 1) % N_TABLE_ORDERS), req);
        return;
    case ACT_CLICK:
        if (arg->y == 1 && head) {
            click_head(v, ui, arg->x - 1, req);
            return;
        }
        if (arg->y == 0 && head) {
            tables_draw_topics(v, ui, NULL, arg->x, &topic);
            if (topic != N_TOPICS)
                go_topic(v, ui, topic, req);
            return;
        }
        in_list.y -= head;
        break;
    default:
        break;
    }
    if (list_act(&v->list, action, &in_list)) {
        place = place_here(v, ui);
        request_moved(req, &place);
    } else if (action == ACT_CLICK && arg->count == 2 && was == v->list.at) {
        table_open_row(ui, &v->table, row_at(v), req);
    }
}

/* --- search: an offset that entries point to, or a name --- */

static bool listed_name_has(const struct tables_view *v, const struct ui *ui, uint64_t i,
                            const char *text)
{
    const char *name = v->table.kind == TABLE_SNAPSHOTS ? ui->img->snaps.list[i].name
                                                        : ui->img->bitmaps.list[i].name;

    return name && strcasestr(name, text) != NULL;
}

static bool find_listed(const struct tables_view *v, const struct ui *ui,
                        const char *text, int dir, uint64_t *index)
{
    for (uint64_t k = 1; k <= v->list.n; k++) {
        *index = tables_index_of_row(v, (v->list.at + (dir > 0 ? k : v->list.n - k)) %
                                            v->list.n);
        if (listed_name_has(v, ui, *index, text))
            return true;
    }
    return false;
}

static bool hunt_work(void *arg, struct task_run *run, struct error *err)
{
    struct table_hunt *h = arg;

    return table_find(h->img, &h->s, run, err);
}

static void go_to_entry(struct tables_view *v, const struct ui *ui, const struct table *t,
                        uint64_t index, struct request *req)
{
    struct place place;

    set_table(v, ui, t, index);
    place = place_here(v, ui);
    request_moved(req, &place);
}

static void tables_search(void *state, const struct ui *ui, const char *text, int dir,
                          struct request *req)
{
    struct tables_view *v = state;
    struct table_hunt *h = &v->hunt;
    uint64_t index = tables_index_of_row(v, v->list.at);
    uint64_t wanted;
    struct error err;

    if (h->task) {
        request_message(req, "A search goes on. Esc stops it");
    } else if (tables_is_list(v)) {
        if (find_listed(v, ui, text, dir, &index))
            go_to_entry(v, ui, &v->table, index, req);
        else
            request_message(req, "No name here has this in it: %s", text);
    } else if (text_parse_size(text, &wanted)) {
        *h = (struct table_hunt){ .img = ui->img, .s = { .table = v->table, .index = index,
                                                         .wanted = wanted, .dir = dir } };
        if (!task_start(hunt_work, h, &h->task, &err)) {
            h->task = NULL;
            request_message(req, "%.250s", err.text);
        }
    } else {
        request_message(req, "Search here for an offset that an entry points to, like 0x50000");
    }
}

static void tables_ended(void *state, const struct ui *ui, struct request *req)
{
    struct tables_view *v = state;
    struct table_hunt *h = &v->hunt;
    struct error err;
    bool ok;

    if (!h->task) {
        tables_sift_ended(v, ui, req);
        return;
    }
    ok = task_finish(h->task, &err);
    h->task = NULL;
    if (h->dropped) {
        request_message(req, "Search stopped");
    } else if (!ok) {
        request_message(req, "%.200s: 0x%" PRIx64, err.text, h->s.wanted);
    } else {
        go_to_entry(v, ui, &h->s.table, h->s.index, req);
        request_message(req, "%sn, N: next hit, hit before  Esc: n and N mean problems",
                        !h->s.wrapped ? "" : h->s.dir > 0 ? "Round to the first table. "
                                                          : "Round to the last table. ");
    }
}

static int tables_waiting(const void *state)
{
    const struct tables_view *v = state;

    return v->hunt.task ? task_fd(v->hunt.task)
         : v->sift.task ? task_fd(v->sift.task) : -1;
}

static void tables_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct tables_view *v = state;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (v->hunt.task) {
        const struct task_run *run = task_progress(v->hunt.task);

        buf_printf(out, "searching table %s of %s", text_group(a, run->done + 1),
                   text_group(b, run->total));
    } else if (v->list.n)
        buf_printf(out, "%s of %s", text_group(a, v->list.at + 1),
                   text_group(b, v->list.n));
}

static void tables_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct tables_view *v = state;

    table_teach(ui, &v->table, tables_index_of_row(v, v->list.at), out);
}

const struct view_class view_tables = {
    .name = "Tables",
    .brief = "Table",
    .title = "Tables",
    .create = tables_create,
    .destroy = tables_destroy,
    .show = tables_show,
    .lit = tables_lit,
    .reloaded = tables_reloaded,
    .relayered = tables_relayered,
    .prepare = tables_prepare,
    .draw = tables_draw,
    .act = tables_act,
    .search = tables_search,
    .waiting = tables_waiting,
    .ended = tables_ended,
    .steps = true,
    .sought = "an offset that an entry points to: 0x50000; in lists: a name",
    .teach = tables_teach,
    .status = tables_status,
};
