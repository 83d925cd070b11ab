/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The explanation in the problems view: a text that scrolls. */
#include "config.h"

#include "ui/problems_view.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scan/missing.h"

#define SPANS_SAID 3

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

/* The record that is explained; NULL: only the kind or the cause is. */
static const struct pick_row *row_of(const struct problems_view *v)
{
    const struct pick_row *row = problems_row(v);
    bool group = v->chosen.kind != N_PROBLEMS || problems_cause(v);

    return (v->in_places || !group) && row && row->part != PICK_EVIDENCE ? row : NULL;
}

static enum problem_kind kind_of(const struct problems_view *v)
{
    const struct pick_row *row = row_of(v);

    return row ? v->scan->problems.list[row->problem].kind : v->chosen.kind;
}

static void say_spans(struct words *s, const char *label, const struct guest_spans *g)
{
    struct buf b = BUF_INIT;
    char n[TEXT_NUM];

    if (g->n == 0)
        return;
    buf_printf(&b, "%s of the guest disk: ", text_size(n, spans_bytes(g)));
    for (size_t i = 0; i < g->n && i < SPANS_SAID; i++) {
        buf_puts(&b, i ? ", " : "");
        text_range(&b, g->list[i].start, g->list[i].end, TEXT_DASH);
    }
    if (g->n > SPANS_SAID)
        buf_printf(&b, " and %s more ranges", text_group(n, g->n - SPANS_SAID));
    paragraph(s, label, buf_str(&b));
    buf_free(&b);
}

/* What happened, what it costs and what to do about it. */
static void say_cause(struct words *s, const struct insight *x, const struct cause *c)
{
    const struct cause_info *info = cause_info(c->kind);
    bool last = info->weight == CAUSE_HARMLESS && x->verdict.may_write == ANSWER_NO;

    paragraph(s, "", c->text ? c->text : info->happened);
    say_spans(s, "Lost: ", &c->lost);
    say_spans(s, "In danger: ", &c->risk);
    if (last)
        paragraph(s, "What to do: ", "Nothing for this alone: the other causes come first.");
    for (size_t i = 0; i < c->n_steps && !last; i++) {
        char number[32];

        snprintf(number, sizeof number, i ? "%zu. " : "What to do: %zu. ", i + 1);
        paragraph(s, number, c->step[i]);
    }
    if (c->n_steps == 0 && !last)
        paragraph(s, "What to do: ", info->next);
    if (c->text)
        paragraph(s, "How it comes about: ", info->happened);
    paragraph(s, "How it is recognised: ", info->told);
    paragraph(s, "What looks alike: ", info->alike);
}

/* What the kind is; with the cursor on a place, what that one is first. */
static int draw_all(const struct problems_view *v, const struct ui *ui,
                    const struct area *a, int w)
{
    const struct pick_row *row = row_of(v);
    const struct cause *cause = row && v->insight
                                    ? insight_cause_of(v->insight, row->problem) : NULL;
    const struct problem_info *info;
    struct words s = { a, w, v->words_top, 0 };
    struct buf advice = BUF_INIT;

    if (!row && problems_cause(v)) {
        say_cause(&s, v->insight, problems_cause(v));
        return s.y;
    }
    if (kind_of(v) == N_PROBLEMS)
        return 0;
    info = problem_info(kind_of(v));
    if (row) {
        struct buf b = BUF_INIT;

        problem_text(&v->scan->problems.list[row->problem], ui->img, &b);
        paragraph(&s, "", buf_str(&b));
        buf_free(&b);
    } else {
        paragraph(&s, "", info->meaning);
    }
    paragraph(&s, "Guest: ", info->effect);
    if (cause) {                        /* it knows better than the kind */
        paragraph(&s, "Cause: ", cause_info(cause->kind)->title);
        paragraph(&s, "What to do: ", cause_info(cause->kind)->next);
    } else {
        problem_advice(kind_of(v), missing_tables(v->scan), &advice);
        paragraph(&s, "What to do: ", buf_str(&advice));
    }
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
    if (part->h > 0 && grid_init(&measure, 1, 1, ui->ascii)) {
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
    const struct cause *cause = row_of(v) ? NULL : problems_cause(v);
    struct area in = area_part(a, 1, 1, -1, -2);
    int room = a->w - 4;
    const char *title, *note;
    char text[200];
    char more[80] = "";

    if (kind_of(v) == N_PROBLEMS && !cause)
        return;
    title = cause ? cause_info(cause->kind)->title : problem_info(kind_of(v))->title;
    note = cause ? confidence_name(cause->confidence)
                 : severity_name(problem_info(kind_of(v))->severity);
    if (v->words_n > v->words_h && v->in_words)
        snprintf(more, sizeof more, " %d\u2013%d of %d %s ", v->words_top + 1,
                 v->words_top + v->words_h, v->words_n,
                 v->words_top + v->words_h < v->words_n ? "\u25bc" : "\u25b2");
    else if (v->words_n > v->words_h)
        snprintf(more, sizeof more, " Tab: more %s ", v->words_top ? "\u25b2" : "\u25bc");
    room -= text_columns(a, more);
    snprintf(text, sizeof text, " %s (%s) ", title, note);
    if (text_columns(a, text) > room)
        snprintf(text, sizeof text, " %s ", title);
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
