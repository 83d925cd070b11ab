/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the problems view lists, and which of it is chosen. */
#include "config.h"

#include "ui/problems_view.h"

const struct cause *problems_cause(const struct problems_view *v)
{
    return v->insight && v->chosen.cause != CAUSE_ANY && v->chosen.cause <= v->insight->n
               ? &v->insight->list[v->chosen.cause - 1] : NULL;
}

static size_t list_causes(struct problems_view *v, size_t n)
{
    for (size_t i = 0; i < v->insight->n && n + 1 < PROBLEM_GROUPS_MAX; i++)
        v->row[n++] = (struct problem_choice){ N_PROBLEMS, i + 1 };
    if (v->insight->explained < v->insight->problems)
        v->row[n++] = (struct problem_choice){ N_PROBLEMS, CAUSE_NONE };
    return n;
}

static size_t list_kinds(struct problems_view *v, size_t n)
{
    for (int s = 0; s < N_SEVERITIES; s++)
        for (int k = 0; k < N_PROBLEMS; k++)
            if (v->pick.kept[k] && (int)problem_info((enum problem_kind)k)->severity == s)
                v->row[n++] = (struct problem_choice){ (enum problem_kind)k, CAUSE_ANY };
    return n;
}

void problems_make(struct problems_view *v, const struct ui *ui)
{
    size_t n = 0;
    uint64_t at = 0;

    v->scan = ui->scan;
    v->insight = ui->insight;
    pick_make(&v->pick, v->scan, v->insight, &v->filter, &v->chosen, v->order);
    v->row[n++] = (struct problem_choice){ N_PROBLEMS, CAUSE_ANY };
    n = problems_by_cause(v) ? list_causes(v, n) : list_kinds(v, n);
    for (size_t i = 0; i < n; i++)
        if (v->row[i].kind == v->chosen.kind && v->row[i].cause == v->chosen.cause)
            at = i;
    if (v->row[at].kind != v->chosen.kind || v->row[at].cause != v->chosen.cause) {
        v->chosen = v->row[0];              /* what was chosen has been filtered out */
        pick_make(&v->pick, v->scan, v->insight, &v->filter, &v->chosen, v->order);
    }
    v->kinds.n = n;
    v->kinds.at = at;
    v->places.n = v->pick.n;
}

void problems_choose(struct problems_view *v, const struct ui *ui,
                   struct problem_choice choice)
{
    v->chosen = choice;
    v->places.at = v->places.top = 0;
    v->words_top = 0;
    problems_make(v, ui);
}

bool problems_find(const struct problems_view *v, size_t problem, uint64_t *row)
{
    for (size_t i = 0; i < v->pick.n; i++) {
        if (v->pick.row[i].problem == problem && v->pick.row[i].part == PICK_RECORD) {
            *row = i;
            return true;
        }
    }
    return false;
}

/* The group of the list that a problem is in. */
struct problem_choice problems_group_of(const struct problems_view *v, const struct ui *ui,
                                      size_t problem)
{
    if (problems_by_cause(v))
        return (struct problem_choice){ N_PROBLEMS, pick_cause_of(ui->insight, problem) };
    return (struct problem_choice){ ui->scan->problems.list[problem].kind, CAUSE_ANY };
}

void problems_show_problem(struct problems_view *v, const struct ui *ui)
{
    uint64_t row;

    problems_make(v, ui);
    if (!problems_find(v, ui->problem, &row)) {
        problems_choose(v, ui, problems_group_of(v, ui, ui->problem));
        if (!problems_find(v, ui->problem, &row)) {
            v->filter = (struct problem_filter){ .severity = N_SEVERITIES };
            problems_choose(v, ui, (struct problem_choice){ N_PROBLEMS, CAUSE_ANY });
        }
        if (!problems_find(v, ui->problem, &row))
            return;
    }
    list_go(&v->places, row);
    v->in_places = true;
    v->in_words = false;
    v->words_top = 0;
}

void problems_show_cause(struct problems_view *v, const struct ui *ui)
{
    v->by_kind = false;
    v->filter = (struct problem_filter){ .severity = N_SEVERITIES };
    problems_choose(v, ui, (struct problem_choice){ N_PROBLEMS, ui->cause });
    v->in_places = v->pick.n > 0;
    v->in_words = false;
}

const struct pick_row *problems_row(const struct problems_view *v)
{
    return v->places.at < v->pick.n ? &v->pick.row[v->places.at] : NULL;
}

struct place problems_place(const struct problems_view *v, const struct pick_row *row)
{
    const struct problem *p;

    if (row->part == PICK_EVIDENCE)
        return problems_cause(v)->evidence[row->problem].place;
    p = &v->scan->problems.list[row->problem];
    return row->part == PICK_OWNER   ? p->owner
           : row->part == PICK_OTHER ? p->other
                                     : p->place;
}
