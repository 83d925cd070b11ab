/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The problems view: its state, and the parts it is made of. */
#ifndef QCHECK_UI_PROBLEMS_VIEW_H
#define QCHECK_UI_PROBLEMS_VIEW_H

#include "plan/propose.h"
#include "ui/list.h"
#include "ui/problem_pick.h"
#include "ui/view.h"

#define PROBLEM_GROUPS_MAX (N_PROBLEMS + N_CAUSES + 2)

struct problems_view {
    struct problem_filter filter;
    enum problem_order order;
    bool by_kind;                       /* as asked for; else by cause, where causes are */
    struct problem_choice chosen;
    struct problem_pick pick;
    const struct scan_result *scan;     /* what it was made from; NULL: nothing yet */
    const struct insight *insight;      /* of that; NULL: no causes */
    struct problem_choice row[PROBLEM_GROUPS_MAX];  /* the list of kinds or causes, all
                                                       of them first */
    struct list kinds, places;
    bool in_places;                     /* which of the two has the cursor ... */
    bool in_words;                      /* ... unless the explanation has it */
    int words_top, words_n, words_h;    /* of the explanation: first line shown, all
                                           lines, rows */
    int rows, cols;
};

/* Where the parts lie; h 0: not there. */
struct part_at { int y, x, h, w; };
struct problems_layout { struct part_at kinds, words, places; bool titles; };

struct problems_layout problems_layout(const struct problems_view *v, int rows, int cols);

/* What passes a filter is counted by kind only. */
static inline bool problems_by_cause(const struct problems_view *v)
{
    return !v->by_kind && v->insight && v->insight->n && filter_is_open(&v->filter);
}

/* problems_list.c: lists what passes the filter and is chosen; chooses. */
void problems_make(struct problems_view *v, const struct ui *ui);
void problems_choose(struct problems_view *v, const struct ui *ui, struct problem_choice choice);
/* The row of places that is the record of a problem; false: it is not listed. */
bool problems_find(const struct problems_view *v, size_t problem, uint64_t *row);
/* The group of the list that a problem is in. */
struct problem_choice problems_group_of(const struct problems_view *v, const struct ui *ui,
                                        size_t problem);
/* Puts the cursor on ui->problem, or chooses ui->cause. */
void problems_show_problem(struct problems_view *v, const struct ui *ui);
void problems_show_cause(struct problems_view *v, const struct ui *ui);

/* The cause that is chosen; NULL: all, or what none explains. */
const struct cause *problems_cause(const struct problems_view *v);

/* The row under the cursor of the places; NULL: none. */
const struct pick_row *problems_row(const struct problems_view *v);
struct place problems_place(const struct problems_view *v, const struct pick_row *row);

/* problems_words.c: the explanation. The first one after the choice or the size changed:
 * counts its lines and keeps words_top in range. */
void problems_words_fit(struct problems_view *v, const struct ui *ui,
                        const struct part_at *part);
void problems_words_draw(const struct problems_view *v, const struct ui *ui,
                         const struct area *a);
bool problems_words_act(struct problems_view *v, enum action action, int count);

/* problems_draw.c */
void problems_view_draw(const struct problems_view *v, const struct ui *ui,
                        const struct area *a);

#endif
