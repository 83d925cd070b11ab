/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/draft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A step that was ever part of the draft, and on which others it rests. */
struct drafted {
    struct plan_step step;
    bool known;                     /* what it does to the guest's disk */
    size_t *basis;                  /* owned: numbers in draft.all */
    size_t n_basis;
};

struct draft_row { size_t id; bool chosen; };   /* id: number in draft.all */

/* One state of the list: undo goes from one to another. */
struct draft_list { struct draft_row *row; size_t n; };

struct draft {
    struct drafted **all;           /* owned */
    size_t n_all;
    struct draft_list *state;       /* owned; those after `now` can be done again */
    size_t n_states, now;
    uint64_t version;
};

bool draft_new(struct draft **out, struct error *err)
{
    struct draft *d = calloc(1, sizeof *d);

    if (d)
        d->state = calloc(1, sizeof *d->state);
    if (!d || !d->state) {
        free(d);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    d->n_states = 1;
    *out = d;
    return true;
}

void draft_free(struct draft *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_all; i++) {
        plan_step_free(&d->all[i]->step);
        free(d->all[i]->basis);
        free(d->all[i]);
    }
    for (size_t i = 0; i < d->n_states; i++)
        free(d->state[i].row);
    free(d->all);
    free(d->state);
    free(d);
}

static const struct draft_list *now(const struct draft *d)
{
    return &d->state[d->now];
}

size_t draft_n(const struct draft *d)
{
    return now(d)->n;
}

const struct plan_step *draft_step(const struct draft *d, size_t i)
{
    return &d->all[now(d)->row[i].id]->step;
}

bool draft_chosen(const struct draft *d, size_t i)
{
    return now(d)->row[i].chosen;
}

size_t draft_n_chosen(const struct draft *d)
{
    size_t n = 0;

    for (size_t i = 0; i < draft_n(d); i++)
        n += draft_chosen(d, i);
    return n;
}

void draft_guest_bytes(const struct draft *d, uint64_t *given_up, uint64_t *put_back)
{
    *given_up = *put_back = 0;
    for (size_t i = 0; i < draft_n(d); i++)
        if (draft_chosen(d, i))
            plan_step_guest_bytes(draft_step(d, i), given_up, put_back);
}

uint64_t draft_version(const struct draft *d)
{
    return d->version;
}

/* --- states --- */

/* A copy of the list as it is, with room for more rows. */
static bool copy_now(const struct draft *d, size_t more, struct draft_list *out,
                     struct error *err)
{
    out->n = now(d)->n;
    out->row = calloc(out->n + more + 1, sizeof *out->row);
    if (!out->row)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (out->n)
        memcpy(out->row, now(d)->row, out->n * sizeof *out->row);
    return true;
}

/* Makes a list (taken, whatever comes of it) the present one. What could be done again is
 * gone then. */
static bool enter(struct draft *d, struct draft_list *list, struct error *err)
{
    struct draft_list *state = realloc(d->state, (d->now + 2) * sizeof *state);

    if (!state) {
        free(list->row);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    d->state = state;
    for (size_t i = d->now + 1; i < d->n_states; i++)
        free(state[i].row);
    state[++d->now] = *list;
    d->n_states = d->now + 1;
    d->version++;
    return true;
}

bool draft_undo(struct draft *d)
{
    if (!d->now)
        return false;
    d->now--;
    d->version++;
    return true;
}

bool draft_redo(struct draft *d)
{
    if (d->now + 1 >= d->n_states)
        return false;
    d->now++;
    d->version++;
    return true;
}

/* --- who rests on whom --- */

static bool rests_on(const struct draft *d, size_t id, size_t other)
{
    const struct drafted *s = d->all[id];

    for (size_t i = 0; i < s->n_basis; i++)
        if (s->basis[i] == other)
            return true;
    return false;
}

static struct draft_row *row_of(const struct draft_list *list, size_t id)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->row[i].id == id)
            return &list->row[i];
    return NULL;
}

/* What a step that is added now rests on: all chosen ones of the list, none for "set". */
static bool note_basis(struct drafted *s, const struct draft_list *list)
{
    if (plan_step_alone(&s->step))
        return true;
    s->basis = calloc(list->n + 1, sizeof *s->basis);
    if (!s->basis)
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (list->row[i].chosen)
            s->basis[s->n_basis++] = list->row[i].id;
    return true;
}

bool draft_add(struct draft *d, struct plan *steps, struct error *err)
{
    struct drafted **all = realloc(d->all, (d->n_all + steps->n + 1) * sizeof *all);
    struct draft_list list = { NULL, 0 };

    if (!all)
        return err_set(err, ERR_NOMEM, "out of memory");
    d->all = all;
    if (!copy_now(d, steps->n, &list, err))
        return false;
    for (size_t i = 0; i < steps->n; i++) {
        struct drafted *s = calloc(1, sizeof *s);

        if (!s || (s->step.goal = steps->step[i].goal, !note_basis(s, &list))) {
            free(s);
            free(list.row);
            return err_set(err, ERR_NOMEM, "out of memory");
        }
        s->step = steps->step[i];
        s->known = s->step.n_owners != 0;
        steps->step[i] = (struct plan_step){ .goal = s->step.goal };
        all[d->n_all] = s;
        list.row[list.n++] = (struct draft_row){ d->n_all++, s->step.chosen };
    }
    steps->n = 0;
    return enter(d, &list, err);
}

bool draft_toggle(struct draft *d, size_t i, struct error *err)
{
    size_t id = now(d)->row[i].id;
    bool on = !now(d)->row[i].chosen;
    struct draft_list list;

    if (!copy_now(d, 0, &list, err))
        return false;
    for (size_t k = 0; on && k < d->all[id]->n_basis; k++) {
        struct draft_row *row = row_of(&list, d->all[id]->basis[k]);

        if (!row) {
            free(list.row);
            return err_set(err, ERR_USAGE, "It rests on a step that was taken away");
        }
        row->chosen = true;
    }
    for (size_t k = 0; !on && k < list.n; k++)
        if (rests_on(d, list.row[k].id, id))
            list.row[k].chosen = false;
    list.row[i].chosen = on;
    return enter(d, &list, err);
}

bool draft_remove(struct draft *d, size_t i, struct error *err)
{
    size_t id = now(d)->row[i].id, n = 0;
    struct draft_list list;

    if (!copy_now(d, 0, &list, err))
        return false;
    for (size_t k = 0; k < list.n; k++)
        if (k != i && !rests_on(d, list.row[k].id, id))
            list.row[n++] = list.row[k];
    list.n = n;
    return enter(d, &list, err);
}

bool draft_may_move(const struct draft *d, size_t i, int dir, struct error *err)
{
    size_t to = dir < 0 ? i - 1 : i + 1;

    if (to >= draft_n(d))
        return err_set(err, ERR_USAGE, "It is the %s step", dir < 0 ? "first" : "last");
    if (rests_on(d, now(d)->row[i].id, now(d)->row[to].id)
        || rests_on(d, now(d)->row[to].id, now(d)->row[i].id))
        return err_set(err, ERR_USAGE, "One of the two rests on the other");
    return true;
}

bool draft_move(struct draft *d, size_t i, int dir, struct error *err)
{
    size_t to = dir < 0 ? i - 1 : i + 1;
    struct draft_list list;
    struct draft_row row;

    if (!draft_may_move(d, i, dir, err) || !copy_now(d, 0, &list, err))
        return false;
    row = list.row[i];
    list.row[i] = list.row[to];
    list.row[to] = row;
    return enter(d, &list, err);
}

void draft_note_counts(struct draft *d, size_t i, const uint64_t before[N_PROBLEMS],
                       const uint64_t after[N_PROBLEMS])
{
    struct plan_step *s = &d->all[now(d)->row[i].id]->step;

    memcpy(s->before, before, sizeof s->before);
    memcpy(s->after, after, sizeof s->after);
}

bool draft_next_unknown(const struct draft *d, size_t *i)
{
    for (*i = 0; *i < draft_n(d); ++*i)
        if (draft_chosen(d, *i) && !d->all[now(d)->row[*i].id]->known)
            return true;
    return false;
}

void draft_note_guest(struct draft *d, const struct plan_step *step, struct plan_step *found)
{
    struct drafted *s = NULL;

    for (size_t i = 0; i < d->n_all; i++)
        if (&d->all[i]->step == step)
            s = d->all[i];
    assert(s);
    s->known = true;
    if (found)
        plan_step_take_guest(&s->step, found);
}

/* --- what it amounts to --- */

bool draft_patches(const struct draft *d, struct patches *out, struct error *err)
{
    struct patches all = { 0 };

    for (size_t i = 0; i < draft_n(d); i++)
        if (draft_chosen(d, i))
            patches_append(&all, &draft_step(d, i)->patches);
    if (!patches_flatten(&all, err)) {
        patches_free(&all);
        return false;
    }
    *out = all;
    return true;
}

bool draft_plan(const struct draft *d, struct plan *out, struct error *err)
{
    *out = (struct plan){ .step = calloc(draft_n(d) + 1, sizeof *out->step) };
    if (!out->step)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (int chosen = 1; chosen >= 0; chosen--) {
        for (size_t i = 0; i < draft_n(d); i++) {
            if (draft_chosen(d, i) != chosen)
                continue;
            out->step[out->n] = *draft_step(d, i);
            out->step[out->n++].chosen = chosen;
        }
    }
    return true;
}

void draft_plan_end(struct plan *p)
{
    free(p->step);
    p->step = NULL;
    p->n = 0;
    plan_free(p);
}
