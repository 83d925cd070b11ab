/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/problems_view.h"

static bool problems_create(const struct ui *ui, void **state)
{
    struct problems_view *v = calloc(1, sizeof *v);

    (void)ui;
    if (!v)
        return false;
    v->filter.severity = N_SEVERITIES;
    v->chosen.kind = N_PROBLEMS;
    v->order = ORDER_SEVERITY;
    *state = v;
    return true;
}

static void problems_destroy(void *state)
{
    struct problems_view *v = state;

    pick_free(&v->pick);
    free(v);
}

static void problems_show(void *state, const struct ui *ui, const struct place *place)
{
    (void)place;
    if (ui->scan && ui->cause)
        problems_show_cause(state, ui);
    else if (ui->scan && ui->problem < ui->scan->problems.n)
        problems_show_problem(state, ui);
}

static void problems_reloaded(void *state, const struct ui *ui)
{
    struct problems_view *v = state;

    v->scan = NULL;
    v->insight = NULL;
    v->chosen = (struct problem_choice){ N_PROBLEMS, CAUSE_ANY };
    if (ui->scan) {
        problems_make(v, ui);
        return;
    }
    pick_free(&v->pick);
    v->pick = (struct problem_pick){ .n = 0 };
    v->kinds.n = v->kinds.at = v->places.n = v->places.at = 0;
}

/* --- frame --- */

static void problems_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct problems_view *v = state;
    struct problems_layout l;

    v->rows = rows;
    v->cols = cols;
    if (ui->scan && v->scan != ui->scan)
        problems_make(v, ui);
    if (!v->scan)
        return;
    l = problems_layout(v, rows, cols);
    problems_words_fit(v, ui, &l.words);
    l = problems_layout(v, rows, cols); /* it knows now how long the explanation is */
    problems_words_fit(v, ui, &l.words);
    list_fit(&v->kinds, v->kinds.n, l.kinds.h);
    list_fit(&v->places, v->pick.n, l.places.h - l.titles);
}

static void problems_draw(const void *state, const struct ui *ui, const struct area *a)
{
    problems_view_draw(state, ui, a);
}

static enum lit problems_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct problems_view *v = state;
    const struct pick_row *row = v->scan ? problems_row(v) : NULL;
    struct place place;

    if (!ui->scan || !row)
        return LIT_HERE;
    place = problems_place(v, row);
    if (place.kind == PLACE_NONE || place_equal(&place, &ui->here))
        return LIT_HERE;
    *out = place;
    return LIT_OTHER;
}

/* --- actions --- */

static void moved(const struct problems_view *v, struct request *req)
{
    const struct pick_row *row = problems_row(v);
    struct place place;

    if (!row)
        return;
    place = problems_place(v, row);
    if (place.kind != PLACE_NONE)
        request_moved(req, &place);
}

static void go_there(const struct problems_view *v, struct request *req)
{
    const struct pick_row *row = problems_row(v);
    struct place place;

    if (!row)
        return;
    place = problems_place(v, row);
    if (place.kind == PLACE_NONE) {
        request_message(req, "This concerns the file as a whole");
        return;
    }
    request_go(req, &place, N_VIEWS);
    if (row->part != PICK_EVIDENCE)
        req->problem = row->problem;
}

static void next_severity(struct problems_view *v, const struct ui *ui, struct request *req)
{
    const struct problems *p = &v->scan->problems;
    int s = v->filter.severity == N_SEVERITIES ? 0 : (int)v->filter.severity + 1;

    while (s < N_SEVERITIES && problems_of_severity(p, (enum severity)s) == 0)
        s++;
    v->filter.severity = (enum severity)s;
    problems_choose(v, ui, (struct problem_choice){ N_PROBLEMS, CAUSE_ANY });
    request_message(req, "Shown: %s%s",
                    s == N_SEVERITIES ? "all" : severity_name((enum severity)s),
                    s == N_SEVERITIES ? "" : " only");
}

static bool inside(const struct part_at *part, const struct act_arg *at)
{
    return at->y >= part->y && at->y < part->y + part->h && at->x >= part->x &&
           at->x < part->x + part->w;
}

/* Gives the cursor to kinds or places. */
static void focus(struct problems_view *v, bool places)
{
    if (places != v->in_places)
        v->words_top = 0;
    v->in_places = places;
    v->in_words = false;
}

static void next_order(struct problems_view *v, const struct ui *ui, struct request *req)
{
    v->order = (enum problem_order)((v->order + 1) % N_PROBLEM_ORDERS);
    problems_choose(v, ui, v->chosen);
    request_message(req, "Sorted by %s", problem_order_name(v->order));
}

static void click(struct problems_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    struct problems_layout l = problems_layout(v, v->rows, v->cols);
    struct act_arg in = *arg;

    if (inside(&l.words, arg)) {
        v->in_words = true;
    } else if (inside(&l.kinds, arg)) {
        in.y -= l.kinds.y;
        focus(v, false);
        if (list_act(&v->kinds, ACT_CLICK, &in))
            problems_choose(v, ui, v->row[v->kinds.at]);
    } else if (inside(&l.places, arg) && arg->y < l.places.y + l.titles) {
        next_order(v, ui, req);
    } else if (inside(&l.places, arg)) {
        in.y -= l.places.y + l.titles;
        focus(v, true);
        list_act(&v->places, ACT_CLICK, &in);
        moved(v, req);
        if (arg->count == 2)
            go_there(v, req);
    }
}

/* The wheel turns what it is over. */
static void scroll(struct problems_view *v, const struct ui *ui, enum action action,
                   const struct act_arg *arg, struct request *req)
{
    struct problems_layout l = problems_layout(v, v->rows, v->cols);

    if (inside(&l.words, arg)) {
        problems_words_act(v, action, arg->count);
    } else if (inside(&l.kinds, arg)) {
        if (list_act(&v->kinds, action, arg))
            problems_choose(v, ui, v->row[v->kinds.at]);
    } else if (list_act(&v->places, action, arg)) {
        moved(v, req);
    }
}

/* By cause or by kind; the place under the cursor stays. */
static void change_grouping(struct problems_view *v, const struct ui *ui,
                            struct request *req)
{
    const struct pick_row *row = problems_row(v);
    size_t problem = row && row->part != PICK_EVIDENCE ? row->problem : NO_PROBLEM;
    uint64_t at;

    if (!v->insight || !v->insight->n) {
        request_message(req, "No cause was found: problems are listed by kind");
        return;
    }
    v->by_kind = !v->by_kind;
    problems_choose(v, ui, problem == NO_PROBLEM || v->chosen.kind == N_PROBLEMS
                      ? (struct problem_choice){ N_PROBLEMS, CAUSE_ANY }
                      : problems_group_of(v, ui, problem));
    if (problem != NO_PROBLEM && problems_find(v, problem, &at))
        list_go(&v->places, at);
    request_message(req, "Problems by %s", v->by_kind ? "kind" : "cause");
}

/* Between kinds and places, by way of the explanation where it is longer than its part. */
static void next_pane(struct problems_view *v)
{
    if (!v->in_words && (v->words_n > v->words_h || v->rows < 10))
        v->in_words = true;
    else
        focus(v, !v->in_places);
}

static void motion(struct problems_view *v, const struct ui *ui, enum action action,
                   const struct act_arg *arg, struct request *req)
{
    size_t problem = problems_row(v) ? problems_row(v)->problem : NO_PROBLEM;

    if (v->in_words)
        problems_words_act(v, action, arg->count);
    else if (!v->in_places && list_act(&v->kinds, action, arg))
        problems_choose(v, ui, v->row[v->kinds.at]);
    else if (v->in_places && list_act(&v->places, action, arg))
        moved(v, req);
    if (problems_row(v) && problems_row(v)->problem != problem && !v->in_words)
        v->words_top = 0;
}

/* What mends the row under the cursor. */
static void propose(const struct problems_view *v, const struct ui *ui, struct request *req)
{
    const struct pick_row *row = v->in_places ? problems_row(v) : NULL;
    const struct cause *cause = problems_cause(v);

    req->kind = REQ_PROPOSE;
    if (row && row->part != PICK_EVIDENCE)
        req->goal = propose_for_problem(ui->scan->problems.list[row->problem].kind);
    else if (cause)
        req->goal = propose_for_cause(cause);
    else if (v->chosen.kind != N_PROBLEMS)
        req->goal = propose_for_problem(v->chosen.kind);
    else
        req->goal = "repair";
}

static void problems_act(void *state, const struct ui *ui, enum action action,
                         const struct act_arg *arg, struct request *req)
{
    struct problems_view *v = state;

    if (!v->scan || (v->scan->problems.n == 0 && !problems_by_cause(v)))
        return;
    switch (action) {
    case ACT_PANE:
        next_pane(v);
        break;
    case ACT_LEFT:
        focus(v, false);
        break;
    case ACT_RIGHT:
        focus(v, true);
        break;
    case ACT_OPEN:
        if (v->in_places)
            go_there(v, req);
        else
            focus(v, v->pick.n > 0);
        if (v->in_places && req->kind == REQ_NONE)
            moved(v, req);
        break;
    case ACT_FILTER:
        next_severity(v, ui, req);
        break;
    case ACT_FILTER_NONE:
        v->filter = (struct problem_filter){ .severity = N_SEVERITIES };
        problems_choose(v, ui, v->chosen);
        request_message(req, "All problems are shown");
        break;
    case ACT_PROPOSE:
        propose(v, ui, req);
        break;
    case ACT_GROUP:
        change_grouping(v, ui, req);
        break;
    case ACT_SORT:
        next_order(v, ui, req);
        break;
    case ACT_CLICK:
        click(v, ui, arg, req);
        break;
    case ACT_SCROLL_UP: case ACT_SCROLL_DOWN:
        scroll(v, ui, action, arg, req);
        break;
    default:
        motion(v, ui, action, arg, req);
    }
}

/* Searching filters; the same once more steps through what is left. */
static void problems_search(void *state, const struct ui *ui, const char *text, int dir,
                            struct request *req)
{
    struct problems_view *v = state;
    struct problem_filter f = v->filter;
    char n[TEXT_NUM];

    if (!v->scan) {
        request_message(req, "Problems are known when the scan has ended");
    } else if (!filter_parse(text, &f)) {
        request_message(req, "Not a guest range; type guest 1G-2G or guest 1.5G");
    } else if (memcmp(&f, &v->filter, sizeof f) == 0) {
        focus(v, true);
        if (list_act(&v->places, dir > 0 ? ACT_DOWN : ACT_UP,
                     &(struct act_arg){ 0, 0, 1 }))
            moved(v, req);
    } else {
        v->filter = f;
        problems_choose(v, ui, (struct problem_choice){ N_PROBLEMS, CAUSE_ANY });
        focus(v, v->pick.n > 0);
        request_message(req, "%s places; F shows all again",
                        text_group(n, v->pick.records));
        moved(v, req);
    }
}

static void problems_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct problems_view *v = state;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (v->in_places && v->pick.n)
        buf_printf(out, "%s of %s", text_group(a, v->places.at + 1),
                   text_group(b, v->pick.n));
}

static void problems_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct qemu_counts *q = ui->scan ? &ui->scan->qemu : NULL;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)state;
    buf_puts(
        out,
        "Every cluster of the file has a refcount: how many entries may point to it. "
        "The scan counts who really does and compares. A cluster with a higher refcount "
        "than references is leaked: space is wasted, nothing is lost. One with a lower "
        "refcount is in danger: the next write may take it for free and overwrite "
        "it.\n\n");
    buf_puts(
        out,
        "Other problems are in the entries themselves: a pointer past the end of the "
        "file, not at the start of a cluster, with bits set that must be zero, or to "
        "something that belongs to somebody else.\n\n"
        "corruption: guest data is damaged, or will be. leak: wasted space. error: "
        "something could not be read. warning: dangerous or odd, but no tool of QEMU "
        "says so. note: worth knowing.\n\n");
    if (q && !q->refused)
        buf_printf(out,
                   "qemu-img check would count %s errors and %s leaks in this image. Its "
                   "numbers and ours can differ: an error in a table that snapshots "
                   "share is one "
                   "place here, but counts once for each snapshot there.\n\n",
                   text_group(a, q->corruptions), text_group(b, q->leaks));
    buf_puts(out,
             "Problems side by side are one run here: one line can stand for thousands. "
             "When there are too many runs only the first of each kind are kept; the "
             "counts stay exact.\n");
}

static bool problems_idle(const void *state, const struct ui *ui, enum action action)
{
    bool none = ui->scan && !ui->scan->problems.n && !(ui->insight && ui->insight->n);

    (void)state;
    return none && (action == ACT_GROUP || action == ACT_FILTER || action == ACT_SEARCH ||
                    action == ACT_SORT || action == ACT_OPEN || action == ACT_PROPOSE);
}

const struct view_class view_problems = {
    .name = "Problems",
    .brief = "Prob",
    .title = "Problems, by cause and by kind",
    .create = problems_create,
    .destroy = problems_destroy,
    .show = problems_show,
    .lit = problems_lit,
    .reloaded = problems_reloaded,
    .prepare = problems_prepare,
    .draw = problems_draw,
    .act = problems_act,
    .idle = problems_idle,
    .search = problems_search,
    .sought = "text, or a range of the guest: guest 1G-2G",
    .teach = problems_teach,
    .status = problems_status,
};
