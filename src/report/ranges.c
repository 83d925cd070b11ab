/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/ranges.h"

#include "base/num.h"

struct range_walk {
    const struct map *map;
    uint32_t classes;           /* wanted */
    bool merge;                 /* across classes */
    bool (*each)(void *data, const struct range *r);
    void *data;
    struct range open;          /* n 0: none */
};

static bool flush(struct range_walk *w)
{
    bool go_on = w->open.n == 0 || w->each(w->data, &w->open);

    w->open.n = 0;
    return go_on;
}

static bool add(struct range_walk *w, const struct map_run *run)
{
    struct range *r = &w->open;

    if (!(w->classes >> run->cell.cls & 1))
        return true;
    if (r->n == 0 || r->first + r->n != run->first ||
        (!w->merge && r->cls != run->cell.cls)) {
        if (!flush(w))
            return false;
        *r = (struct range){ .first = run->first, .cls = run->cell.cls };
    }
    r->n += run->n;
    r->problems += run->cell.problem ? run->n : 0;
    return true;
}

static void walk(struct range_walk *w, uint64_t first, uint64_t end)
{
    struct map_run run;

    for (uint64_t at = first; at < end && map_run_at(w->map, at, &run);
         at = run.first + run.n) {
        run.n = u64_min(run.n, end - run.first);
        if (!add(w, &run))
            return;
    }
    flush(w);
}

void ranges_each(const struct map *map, uint64_t first, uint64_t end,
                 bool (*each)(void *data, const struct range *r), void *data)
{
    struct range_walk w = { .map = map, .classes = UINT32_MAX, .each = each, .data = data };

    walk(&w, first, end);
}

void ranges_of(const struct map *map, uint32_t classes,
               bool (*each)(void *data, const struct range *r), void *data)
{
    struct range_walk w = { .map = map, .classes = classes, .each = each, .data = data };

    walk(&w, 0, UINT64_MAX);
}

void ranges_merged(const struct map *map, uint32_t classes,
                   bool (*each)(void *data, const struct range *r), void *data)
{
    struct range_walk w = { .map = map, .classes = classes, .merge = true, .each = each,
                      .data = data };

    walk(&w, 0, UINT64_MAX);
}
