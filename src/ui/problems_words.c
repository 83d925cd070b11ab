/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The explanation in the problems view: a text that scrolls. */
#include "config.h"

#include "ui/problems_view.h"

#include <stdio.h>
#include <string.h>

#include "scan/missing.h"

/* A text that is drawn from line `top` on. */
struct words {
    const struct area *a;
    int w;                      /* columns it is wrapped to */
    int top, y;                 /* y: lines so far, those scrolled away included */
};

static void paragraph(struct words *s, const char *label, const char *text)
{
    struct buf b = BUF_INIT;
    int at = s->y - s->top;
    struct area rest = area_part(s->a, at < 0 ? 0 : at, 0, -1, -1);

    if (!text || !*text)
        return;
    buf_printf(&b, "%s%s", label, text);
    if (at >= s->a->h)                  /* below the last row: only measured */
        rest.h = 0;
    s->y += draw_wrapped(&rest, 0, 0, s->w, ROLE_TEXT, buf_str(&b), at < 0 ? -at : 0);
    if (at >= 0)
        draw_restyle(&rest, 0, 0, (int)strlen(label), ROLE_HEADING, 0);
    buf_free(&b);
}

/* The record that is explained; NULL: only the kind is. */
static const struct pick_row *row_of(const struct problems_view *v)
{
    return v->in_places || v->kind == N_PROBLEMS ? problems_row(v) : NULL;
}

static enum problem_kind kind_of(const struct problems_view *v)
{
    const struct pick_row *row = row_of(v);

    return row ? v->scan->problems.list[row->problem].kind : v->kind;
}

/* What the kind is; with the cursor on a place, what that one is first. */
static int draw_all(const struct problems_view *v, const struct ui *ui,
                    const struct area *a, int w)
{
    const struct pick_row *row = row_of(v);
    const struct problem_info *info = problem_info(kind_of(v));
    struct words s = { a, w, v->words_top, 0 };
    struct buf advice = BUF_INIT;

    if (row) {
        struct buf b = BUF_INIT;

        problem_text(&v->scan->problems.list[row->problem], ui->img, &b);
        paragraph(&s, "", buf_str(&b));
        buf_free(&b);
    } else {
        paragraph(&s, "", info->meaning);
    }
    paragraph(&s, "Guest: ", info->effect);
    problem_advice(kind_of(v), missing_tables(v->scan), &advice);
    paragraph(&s, "What to do: ", buf_str(&advice));
    buf_free(&advice);
    if (row)
        paragraph(&s, "Meaning: ", info->meaning);
    paragraph(&s, "Specification: ", info->spec);
    return s.y;
}

void problems_words_fit(struct problems_view *v, const struct ui *ui,
                        const struct part_at *part)
{
    struct grid measure;

    v->words_n = 0;
    v->words_h = part->h - 1;
    if (part->h > 0 && kind_of(v) != N_PROBLEMS && grid_init(&measure, 1, 1, ui->ascii)) {
        struct area a = grid_area(&measure);

        v->words_n = draw_all(v, ui, &a, part->w - 2);
        grid_free(&measure);
    }
    if (v->words_top > v->words_n - v->words_h)
        v->words_top = v->words_n - v->words_h;
    if (v->words_top < 0)
        v->words_top = 0;
}

void problems_words_draw(const struct problems_view *v, const struct ui *ui,
                         const struct area *a)
{
    const struct problem_info *info;
    struct area in = area_part(a, 1, 1, -1, -2);
    int room = a->w - 4;
    char text[200];
    char more[80] = "";

    if (kind_of(v) == N_PROBLEMS)
        return;
    info = problem_info(kind_of(v));
    if (v->words_n > v->words_h && v->in_words)
        snprintf(more, sizeof more, " %d\u2013%d of %d %s ", v->words_top + 1,
                 v->words_top + v->words_h, v->words_n,
                 v->words_top + v->words_h < v->words_n ? "\u25bc" : "\u25b2");
    else if (v->words_n > v->words_h)
        snprintf(more, sizeof more, " Tab: more %s ", v->words_top ? "\u25b2" : "\u25bc");
    room -= text_columns(a, more);
    snprintf(text, sizeof text, " %s (%s) ", info->title, severity_name(info->severity));
    if (text_columns(a, text) > room)
        snprintf(text, sizeof text, " %s ", info->title);
    draw_hline(a, 0, 0, a->w);
    draw_cut(a, 0, 2, room, v->in_words ? ROLE_STRONG : ROLE_TEXT, text);
    draw_right(a, 0, a->w - 1, ROLE_STRONG, more);
    draw_all(v, ui, &in, in.w);
    if (v->in_words)
        draw_cursor(&in, 0, 0);
}

bool problems_words_act(struct problems_view *v, enum action action, int count)
{
    int page = v->words_h > 1 ? v->words_h - 1 : 1;
    int was = v->words_top;
    int last = v->words_n > v->words_h ? v->words_n - v->words_h : 0;

    switch (action) {
    case ACT_UP: v->words_top -= 1; break;
    case ACT_DOWN: v->words_top += 1; break;
    case ACT_SCROLL_UP: v->words_top -= count; break;
    case ACT_SCROLL_DOWN: v->words_top += count; break;
    case ACT_HALF_UP: v->words_top -= (page + 1) / 2; break;
    case ACT_HALF_DOWN: v->words_top += (page + 1) / 2; break;
    case ACT_PAGE_UP: v->words_top -= page; break;
    case ACT_PAGE_DOWN: v->words_top += page; break;
    case ACT_TOP: v->words_top = 0; break;
    case ACT_BOTTOM: v->words_top = last; break;
    default: break;
    }
    v->words_top = v->words_top < 0 ? 0 : v->words_top > last ? last : v->words_top;
    return v->words_top != was;
}
