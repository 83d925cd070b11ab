/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Layout and drawing of the problems view. */
#include "config.h"

#include "ui/problems_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "ui/overview.h"
#include "ui/where.h"

#define WIDE 110 /* columns from which kinds and explanation stand side by side */

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

static const char *mark_of(enum severity s)
{
    return s == SEV_CORRUPTION || s == SEV_LEAK || s == SEV_ERROR ? "\u25cf" : "\u25cb";
}

/* A row of the list of kinds or causes, in words. */
struct problem_group {
    const char *mark, *title, *note;
    uint64_t count;
    unsigned role;
};

static struct problem_group group_of(const struct problems_view *v, uint64_t i)
{
    const struct problem_choice *c = &v->row[i];
    struct problem_group g = { "", problems_by_cause(v) ? "all problems" : "all kinds", "", 0,
                       ROLE_TEXT };

    if (c->cause == CAUSE_NONE) {
        g.mark = "?";
        g.title = "no cause found";
        g.count = v->insight->problems - v->insight->explained;
    } else if (c->cause != CAUSE_ANY) {
        const struct cause *cause = &v->insight->list[c->cause - 1];

        g.role = overview_cause_role(cause);
        g.mark = cause->weight <= CAUSE_DANGER ? "\u25cf" : "\u25cb";
        g.title = cause_info(cause->kind)->title;
        g.note = confidence_name(cause->confidence);
        g.count = cause->n_explained;
    } else if (c->kind != N_PROBLEMS) {
        const struct problem_info *info = problem_info(c->kind);

        g.role = ROLE_SEV + info->severity;
        g.mark = mark_of(info->severity);
        g.title = info->title;
        g.note = info->id;
        g.count = v->pick.count[c->kind];
    } else {
        for (int k = 0; k < N_PROBLEMS; k++)
            g.count += v->pick.count[k];
    }
    return g;
}

/* Columns of the largest count in the list of kinds. */
static int count_columns(const struct problems_view *v)
{
    char n[TEXT_NUM];

    return (int)strlen(text_group(n, group_of(v, 0).count));
}

/* Columns that the titles of the listed kinds need, and the notes beside them. */
static int kinds_columns(const struct problems_view *v, bool notes)
{
    size_t w = 0;

    for (uint64_t i = 0; i < v->kinds.n; i++) {
        struct problem_group g = group_of(v, i);

        w = u64_max(w, strlen(g.title) + (notes ? strlen(g.note) + 2 : 0));
    }
    return count_columns(v) + 5 + (int)w + 1;
}

/* One part at a time; Tab changes. */
static struct problems_layout layout_one(const struct problems_view *v, struct part_at all)
{
    struct problems_layout l = { .titles = false };

    if (v->in_words)
        l.words = all;
    else if (v->in_places)
        l.places = all;
    else
        l.kinds = all;
    return l;
}

/* Kinds and explanation side by side, places below. */
static struct problems_layout layout_wide(const struct problems_view *v, int head,
                                          int rows, int cols)
{
    struct problems_layout l = { .titles = true };
    int room = rows - head;
    int n = (int)u64_min(v->kinds.n, 1000);
    int top = at_most(n > 14 ? n : 14, room / 2);
    int w = kinds_columns(v, kinds_columns(v, true) <= cols / 2);

    w = at_most(w, cols / 2);
    l.kinds = (struct part_at){ head, 0, top, w };
    l.words = (struct part_at){ head, w + 2, top, cols - w - 2 };
    l.places = (struct part_at){ head + top, 0, room - top, cols };
    return l;
}

struct problems_layout problems_layout(const struct problems_view *v, int rows, int cols)
{
    struct problems_layout l = { .titles = true };
    int head = rows >= 4; /* the line that says what is listed */
    int room = rows - head;
    int n = (int)u64_min(v->kinds.n, 1000);
    int top;
    int words;

    if (rows < 10)
        return layout_one(v, (struct part_at){ head, 0, room, cols });
    if (cols >= WIDE)
        return layout_wide(v, head, rows, cols);
    top = at_most(n, v->in_words ? 3 : v->in_places ? room / 4 : room / 3);
    words = at_most((room - top) * 3 / 5, v->in_places ? 7 : 11);
    if (v->in_words && v->words_n + 1 > words)
        words = at_most(v->words_n + 1, room - top - 3);
    l.kinds = (struct part_at){ head, 0, top, cols };
    l.words = (struct part_at){ head + top, 0, words, cols };
    l.places = (struct part_at){ head + top + words, 0, room - top - words, cols };
    return l;
}

static void draw_head(const struct problems_view *v, const struct ui *ui,
                      const struct area *a)
{
    static const char *const many[N_SEVERITIES] = {
        "corruptions", "leaks", "errors", "warnings", "notes"
    };
    const struct problems *p = &ui->scan->problems;
    char n[TEXT_NUM], all[TEXT_NUM], text[120];
    int x = 1;

    for (int s = 0; s < N_SEVERITIES; s++) {
        uint64_t count = problems_of_severity(p, (enum severity)s);

        if (count == 0)
            continue;
        x = draw_printf(a, 0, x, ROLE_SEV + (unsigned)s, "%s %s %s",
                        mark_of((enum severity)s), text_group(n, count),
                        count == 1 ? severity_name((enum severity)s) : many[s]) +
            2;
    }
    if (ui->scan->partial)
        x = draw_text(a, 0, x, ROLE_ALARM, "partial: the scan was stopped") + 2;
    if (v->filter.severity != N_SEVERITIES)
        x = draw_printf(a, 0, x, ROLE_STRONG, "[%s only]", many[v->filter.severity]) + 1;
    if (*v->filter.text)
        x = draw_printf(a, 0, x, ROLE_STRONG, "[with \"%s\"]", v->filter.text) + 1;
    if (v->filter.guest)
        x = draw_printf(a, 0, x, ROLE_STRONG,
                        "[guest 0x%" PRIx64 " \u2013 0x%" PRIx64 "]",
                        v->filter.guest_start, v->filter.guest_end - 1) +
            1;
    if (problems_by_cause(v)) {
        snprintf(text, sizeof text, "%s of %s explained; c: by kind",
                 text_group(n, v->insight->explained), text_group(all, v->insight->problems));
        draw_cut(a, 0, x, a->w - x, ROLE_DIM, text);
        return;
    }
    if (!filter_is_open(&v->filter))
        draw_text(a, 0, x, ROLE_DIM, "F shows all");
}

static void draw_kind(const struct problems_view *v, const struct area *a, int y,
                      uint64_t i)
{
    bool cursor = !v->in_places && !v->in_words;
    int numbers = 3 + count_columns(v);
    struct problem_group g = group_of(v, i);
    char n[TEXT_NUM];

    draw_text(a, y, 1, g.role, g.mark);
    draw_right(a, y, numbers, ROLE_NUMBER, g.count ? text_group(n, g.count) : "");
    draw_cut(a, y, numbers + 2, a->w - numbers - 2, ROLE_TEXT, g.title);
    if (a->w >= kinds_columns(v, true))
        draw_right(a, y, a->w - 1, ROLE_DIM, g.note);
    if (i == v->kinds.at)
        draw_restyle(a, y, 0, a->w, N_ROLES, cursor ? ATTR_REVERSE : ATTR_BOLD);
}

static void draw_title(const struct area *a, int y, const char *text, bool focused)
{
    draw_hline(a, y, 0, a->w);
    draw_cut(a, y, 2, a->w - 4, focused ? ROLE_STRONG : ROLE_DIM, text);
}

/* What proves a cause: a place, and what is seen there. */
static void draw_evidence(const struct problems_view *v, const struct area *a, int y,
                          size_t i)
{
    const struct evidence *e = &problems_cause(v)->evidence[i];
    struct buf b = BUF_INIT;
    int x = draw_text(a, y, 1, ROLE_STRONG, "proof ");

    place_text(&e->place, &b);
    x = draw_cut(a, y, x, a->w - x, ROLE_LINK, buf_str(&b));
    if (*e->text && x + 2 < a->w)
        draw_cut(a, y, x + 2, a->w - x - 2, ROLE_TEXT, e->text);
    buf_free(&b);
}

static void draw_place(const struct problems_view *v, const struct ui *ui,
                       const struct area *a, int y, uint64_t i)
{
    const struct pick_row *row = &v->pick.row[i];
    struct buf b = BUF_INIT;
    struct place place = problems_place(v, row);
    uint64_t start;
    uint64_t len;

    if (row->part == PICK_EVIDENCE) {
        draw_evidence(v, a, y, row->problem);
    } else if (row->part == PICK_RECORD) {
        const struct problem *p = &v->scan->problems.list[row->problem];
        enum severity severity = problem_info(p->kind)->severity;

        draw_text(a, y, 1, ROLE_SEV + severity, mark_of(severity));
        if (ui->news)
            buf_puts(&b, ui->news->problem_new[row->problem] ? "new: " : "persists: ");
        problem_text(p, ui->img, &b);
        draw_cut(a, y, 3, a->w - 3, ROLE_TEXT, buf_str(&b));
    } else {
        int x = draw_text(a, y, 5, ROLE_DIM, "\u2192 ");

        place_text(&place, &b);
        x = draw_text(a, y, x, ROLE_LINK, buf_str(&b));
        buf_reset(&b);
        buf_puts(&b,
                 row->part == PICK_OWNER ? "  refers to it" : "  refers to it as well");
        if (where_guest(ui, &place, &start, &len)) {
            buf_puts(&b, ", guest ");
            text_range(&b, start, start + len, TEXT_DASH);
        }
        draw_cut(a, y, x, a->w - x, ROLE_DIM, buf_str(&b));
    }
    if (i == v->places.at)
        draw_restyle(a, y, 0, a->w, N_ROLES,
                     v->in_places && !v->in_words ? ATTR_REVERSE : ATTR_BOLD);
    buf_free(&b);
}

static void draw_places(const struct problems_view *v, const struct ui *ui,
                        const struct area *a, bool title)
{
    struct area rows = area_part(a, title, 0, -1, -1);
    char n[TEXT_NUM];
    char text[160];

    if (title) {
        size_t proofs = v->pick.n && problems_cause(v) ? problems_cause(v)->n_evidence : 0;

        if (proofs)
            snprintf(text, sizeof text, " %zu proof%s, %s place%s of problems, by %s\u25b2 (Enter goes there) ",
                     proofs, proofs == 1 ? "" : "s", text_group(n, v->pick.records),
                     v->pick.records == 1 ? "" : "s", problem_order_name(v->order));
        else if (!problems_complete(&v->scan->problems))
            snprintf(text, sizeof text,
                     " Places: %s runs, by %s\u25b2; counts are exact, some places are "
                     "not kept ",
                     text_group(n, v->pick.records), problem_order_name(v->order));
        else
            snprintf(text, sizeof text, " Places: %s, by %s\u25b2 (Enter goes there) ",
                     text_group(n, v->pick.records), problem_order_name(v->order));
        draw_title(a, 0, text, v->in_places && !v->in_words);
    }
    for (int y = 0; y < rows.h && v->places.top + (uint64_t)y < v->pick.n; y++)
        draw_place(v, ui, &rows, y, v->places.top + (uint64_t)y);
    if (v->pick.n == 0)
        draw_text(&rows, 0, 1, ROLE_DIM,
                  filter_is_open(&v->filter) ? "nothing to go to" : "nothing passes the filter");
    if (v->in_places && !v->in_words)
        draw_cursor(&rows, (int)(v->places.at - v->places.top), 1);
}

static void draw_none(const struct ui *ui, const struct area *a)
{
    struct buf b = BUF_INIT;
    char x[TEXT_NUM];
    char y[TEXT_NUM];
    char z[TEXT_NUM];

    if (!ui->scan) {
        buf_puts(&b, ui->progress
                         ? "The scan is running: problems are listed when it has ended."
                         : "There was no scan, so no problems are known.");
        if (ui->progress)
            buf_printf(
                &b, "\n\nNow: %s.",
                scan_phase_name((enum scan_phase)atomic_load(&ui->progress->phase)));
    } else {
        buf_printf(
            &b,
            "No problems were found%s.\n\nLooked at: %s host clusters, %s L2 tables "
            "and %s refcount blocks.",
            ui->scan->partial ? " up to where the scan was stopped" : "",
            text_group(x, ui->img->geo.n_clusters),
            text_group(y, ui->scan->stats.l2_tables),
            text_group(z, ui->scan->stats.refblocks));
    }
    draw_wrapped(a, 0, 1, a->w - 2,
                 ui->scan && !ui->scan->partial ? ROLE_GOOD : ROLE_TEXT, buf_str(&b), 0);
    draw_cursor(a, 0, 0);
    buf_free(&b);
}

static struct area area_of(const struct area *a, const struct part_at *p)
{
    return area_part(a, p->y, p->x, p->h, p->w);
}

void problems_view_draw(const struct problems_view *v, const struct ui *ui,
                        const struct area *a)
{
    struct problems_layout l = problems_layout(v, a->h, a->w);
    struct area part;

    if (!ui->scan || !v->scan ||
        (ui->scan->problems.n == 0 && !problems_by_cause(v))) {
        draw_none(ui, a);
        return;
    }
    if (a->h >= 4)
        draw_head(v, ui, a);
    part = area_of(a, &l.kinds);
    for (int y = 0; y < part.h && v->kinds.top + (uint64_t)y < v->kinds.n; y++)
        draw_kind(v, &part, y, v->kinds.top + (uint64_t)y);
    if (!v->in_places && !v->in_words)
        draw_cursor(&part, (int)(v->kinds.at - v->kinds.top), 1);
    if (l.words.x)
        draw_vline(a, l.words.y, l.words.x - 1, l.words.h);
    part = area_of(a, &l.words);
    if (part.h)
        problems_words_draw(v, ui, &part);
    part = area_of(a, &l.places);
    if (part.h)
        draw_places(v, ui, &part, l.titles);
}

