/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/table_draw.h"
#include "ui/tables_view.h"

/* Are only used entries rows? */
static bool tables_filtered(const struct tables_view *v)
{
    return v->hide_unused && v->shown.row;
}

bool tables_is_list(const struct tables_view *v)
{
    return v->table.kind == TABLE_SNAPSHOTS || v->table.kind == TABLE_BITMAPS;
}

int tables_detail_rows(int rows)
{
    return rows >= 16 ? 4 : rows >= 9 ? 2 : 0;
}

int tables_head_rows(int rows)
{
    return rows >= 4 ? 2 : rows >= 3 ? 1 : 0;
}

enum topic tables_topic(const struct table *t)
{
    switch (t->kind) {
    case TABLE_L1: case TABLE_L2: return TOPIC_MAPPING;
    case TABLE_REFTABLE: case TABLE_REFBLOCK: return TOPIC_REFCOUNTS;
    case TABLE_SNAPSHOTS: return TOPIC_SNAPSHOTS;
    default: return TOPIC_BITMAPS;
    }
}

/* Draws the topics (line NULL: does not); *hit is the one at column `at`. */
int tables_draw_topics(const struct tables_view *v, const struct ui *ui,
                       const struct area *line, int at, enum topic *hit)
{
    int x = 1;

    for (int t = 0; t < N_TOPICS; t++) {
        static const char *const name[N_TOPICS] = { "Mapping", "Refcounts", "Snapshots",
                                                    "Bitmaps" };
        char text[40];
        int start = x;

        if (t == TOPIC_SNAPSHOTS || t == TOPIC_BITMAPS)
            snprintf(text, sizeof text, " %s %zu ", name[t],
                     t == TOPIC_SNAPSHOTS ? ui->img->snaps.n : ui->img->bitmaps.n);
        else
            snprintf(text, sizeof text, " %s ", name[t]);
        x += (int)strlen(text);
        if (line)
            draw_text(line, 0, start,
                      (int)tables_topic(&v->table) == t ? ROLE_TAB_ON : ROLE_TAB, text);
        if (hit && at >= start && at < x)
            *hit = (enum topic)t;
    }
    return x;
}

static void draw_head(const struct tables_view *v, const struct ui *ui,
                      const struct area *a)
{
    struct table_look look = { ui, &v->table, v->numbers, v->order, v->list_order };
    struct area line = area_part(a, 0, 0, 1, -1);
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];
    char used[TEXT_NUM];
    int x;

    if (tables_head_rows(a->h) < 1)
        return;
    x = tables_draw_topics(v, ui, &line, -1, NULL);
    table_title(ui->img, &v->table, &text);
    if (tables_filtered(v))
        buf_printf(&text, ", %s of %s used", text_group(used, v->shown.n),
                   text_group(n, v->table.n));
    else if (v->table.off != NO_ADDRESS && !tables_is_list(v))
        buf_printf(&text, ", %s %s", text_group(n, v->table.n),
                   v->table.n == 1 ? "entry" : "entries");
    draw_cut(&line, 0, x + 1, line.w - x - 1, ROLE_HEADING, buf_str(&text));
    buf_free(&text);
    if (tables_head_rows(a->h) > 1) {
        line = area_part(a, 1, 1, 1, -2);
        table_draw_heads(&look, &line);
    }
}

static void draw_detail(const struct tables_view *v, const struct ui *ui,
                        const struct area *a)
{
    struct table_look look = { ui, &v->table, v->numbers, v->order, v->list_order };
    size_t at = (size_t)(v->list.at - v->list.top);
    struct buf text = BUF_INIT;

    draw_hline(a, 0, 0, a->w);
    if (a->h > 3)
        way_draw(&v->way, a, at < v->n_row && !v->row[at].problems);
    if (at < v->n_row) {
        const struct table_row *r = &v->row[at];

        if (r->problems && ui->scan && a->h == 2) {
            problem_line(&ui->scan->problems.list[r->problem], ui->img, &text);
            draw_cut(a, 1, 1, a->w - 1, ROLE_SEV + SEV_CORRUPTION, buf_str(&text));
        } else {
            table_row_text(&look, r, &text);
            draw_cut(a, 1, 1, a->w - 1, ROLE_TEXT, buf_str(&text));
            buf_reset(&text);
            if (r->problems && ui->scan) {
                const struct problem *p = &ui->scan->problems.list[r->problem];

                problem_line(p, ui->img, &text);
                draw_cut(a, 2, 1, a->w - 1, ROLE_SEV + problem_info(p->kind)->severity,
                         buf_str(&text));
            }
        }
    }
    buf_free(&text);
}

/* The scroll bar: which part of the list is shown, and ! where it holds problems. */
static void draw_scroll_bar(const struct tables_view *v, const struct area *rows)
{
    uint64_t h = (uint64_t)v->list.h;

    if (v->list.n <= h)
        return;
    for (uint64_t y = 0; y < h; y++) {
        bool shown = y >= v->list.top * h / v->list.n &&
                     y <= (v->list.top + h - 1) * h / v->list.n;

        if (v->bar[y])
            draw_cell(rows, (int)y, rows->w - 1, '!', ROLE_SEV + SEV_CORRUPTION, NO_BACK,
                      shown ? ATTR_REVERSE : 0);
        else
            draw_cell(rows, (int)y, rows->w - 1, shown ? CH_FULL : CH_VLINE, ROLE_FRAME,
                      NO_BACK, 0);
    }
}

void tables_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct tables_view *v = state;
    struct table_look look = { ui, &v->table, v->numbers, v->order, v->list_order };
    struct area rows = area_part(a, tables_head_rows(a->h), 0, v->list.h, -1);

    draw_head(v, ui, a);
    if (v->list.n == 0)
        draw_cut(&rows, rows.h > 2, 2, rows.w - 2, ROLE_DIM,
                 tables_filtered(v) ? "No entry is in use."
                 : v->table.why     ? v->table.why
                                    : "");
    for (size_t i = 0; i < v->n_row; i++) {
        struct area line = area_part(&rows, (int)i, 1, 1, -2);

        table_draw_row(&look, &line, &v->row[i]);
        if (patches_touch(ui->changes, v->row[i].off,
                          u64_max(table_entry_size(ui->img, &v->table), 1)))
            draw_text(&rows, (int)i, 0, ROLE_MESSAGE, "*");
        if (v->list.top + i == v->list.at) {
            draw_restyle(&rows, (int)i, 0, rows.w - 1, N_ROLES, ATTR_REVERSE);
            draw_cursor(&rows, (int)i, 0);
        }
    }
    draw_scroll_bar(v, &rows);
    if (tables_detail_rows(a->h)) {
        struct area below = area_part(a, a->h - tables_detail_rows(a->h), 0,
                                      tables_detail_rows(a->h), -1);

        draw_detail(v, ui, &below);
    }
}
