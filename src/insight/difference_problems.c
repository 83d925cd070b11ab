/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A record of a problem stands for a run of places, and two scans may cut runs in different
 * places: so runs are compared as intervals of entries of a table, or of clusters. */
#include "config.h"

#include <stdlib.h>

#include "insight/difference.h"

struct run {
    enum problem_kind kind;
    enum place_kind where;
    uint32_t layer;
    uint64_t table;             /* which table, where there are several */
    uint64_t start, n;
    size_t record;              /* number in the list of problems */
};

static struct run run_of(const struct problem *p)
{
    const struct place *at = &p->place;
    bool second = at->kind == PLACE_L2 || at->kind == PLACE_REFBLOCK
        || at->kind == PLACE_BITMAP_TABLE;

    return (struct run){ p->kind, at->kind, at->layer, second ? at->i : 0,
                         second ? at->j : at->i, p->count, 0 };
}

static int by_table(const struct run *a, const struct run *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->where != b->where)
        return a->where < b->where ? -1 : 1;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    return (a->table > b->table) - (a->table < b->table);
}

static int by_place(const void *x, const void *y)
{
    const struct run *a = x, *b = y;
    int order = by_table(a, b);

    return order ? order : (a->start > b->start) - (a->start < b->start);
}

static bool runs_of(const struct problems *from, struct run **out, size_t *n)
{
    *n = from->n;
    *out = malloc((from->n + 1) * sizeof **out);
    if (!*out)
        return false;
    for (size_t i = 0; i < from->n; i++) {
        (*out)[i] = run_of(&from->list[i]);
        (*out)[i].record = i;
    }
    if (from->n)
        qsort(*out, from->n, sizeof **out, by_place);
    return true;
}

/* How many of the places of run x are among the runs, from *k on. */
static uint64_t common(const struct run *x, const struct run *runs, size_t n, size_t *k)
{
    uint64_t sum = 0, end = x->start + x->n;

    while (*k < n && (by_table(&runs[*k], x) < 0
                      || (by_table(&runs[*k], x) == 0
                          && runs[*k].start + runs[*k].n <= x->start)))
        ++*k;
    for (size_t i = *k; i < n && by_table(&runs[i], x) == 0 && runs[i].start < end; i++) {
        uint64_t from = u64_max(runs[i].start, x->start);
        uint64_t to = u64_min(runs[i].start + runs[i].n, end);

        sum += to > from ? to - from : 0;
    }
    return u64_min(sum, x->n);
}

static bool same_cause(const struct cause *a, const struct cause *b)
{
    if (a->kind != b->kind)
        return false;
    if (!a->n_evidence || !b->n_evidence)
        return a->n_evidence == b->n_evidence;
    return place_equal(&a->evidence[0].place, &b->evidence[0].place);
}

/* For each cause of x: is it missing in y? */
static bool *missing_causes(const struct insight *x, const struct insight *y, uint64_t *missing)
{
    bool *list = calloc(x->n + 1, sizeof *list);

    for (size_t i = 0; list && i < x->n; i++) {
        list[i] = true;
        for (size_t k = 0; k < y->n && list[i]; k++)
            list[i] = !same_cause(&x->list[i], &y->list[k]);
        *missing += list[i];
    }
    return list;
}

bool difference_problems(const struct difference_side *a, const struct difference_side *b,
                         struct difference *out, struct error *err)
{
    struct run *x = NULL, *y = NULL;
    size_t n_x, n_y, k = 0;
    bool ok = false;

    if (!runs_of(&a->scan->problems, &x, &n_x) || !runs_of(&b->scan->problems, &y, &n_y)) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < n_x; i++)
        out->problem[x[i].kind].same += common(&x[i], y, n_y, &k);
    for (int kind = 0; kind < N_PROBLEMS; kind++) {
        struct problem_change *c = &out->problem[kind];
        uint64_t was = a->scan->problems.count[kind], is = b->scan->problems.count[kind];

        /* Of places without a record nothing is known: as many as there can be are the same. */
        if (a->scan->problems.cut[kind] || b->scan->problems.cut[kind])
            c->same = u64_min(was, is);
        c->same = u64_min(c->same, u64_min(was, is));
        c->added = is - c->same;
        c->gone = was - c->same;
    }
    out->problem_new = calloc(n_y + 1, sizeof *out->problem_new);
    k = 0;
    for (size_t i = 0; out->problem_new && i < n_y; i++)
        out->problem_new[y[i].record] = common(&y[i], x, n_x, &k) < y[i].n;
    out->cause_gone = missing_causes(a->insight, b->insight, &out->causes_gone);
    out->cause_new = missing_causes(b->insight, a->insight, &out->causes_added);
    ok = out->problem_new && out->cause_gone && out->cause_new;
    if (ok)
        out->causes_same = b->insight->n - out->causes_added;
    else
        err_set(err, ERR_NOMEM, "out of memory");
out:
    free(x);
    free(y);
    return ok;
}
