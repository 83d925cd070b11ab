/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/damage.h"

#include <stdlib.h>

#include "base/num.h"

static int by_start(const void *a, const void *b)
{
    const struct damage_range *x = a, *y = b;

    if (x->layer != y->layer)
        return u64_order(x->layer, y->layer);
    return u64_order(x->start, y->start);
}

static unsigned add_range(struct damage_range *to, const struct geometry *geo, uint32_t layer,
                          uint64_t start, uint64_t len)
{
    if (start >= geo->size || len == 0)     /* NO_ADDRESS as well */
        return 0;
    *to = (struct damage_range){ layer, start, start + u64_min(len, geo->size - start) };
    return 1;
}

/* Of one cluster with two users both have lost it, or will. */
static unsigned add_user(struct damage_range *to, const struct problem *p,
                         const struct place *user, const struct geometry *geo)
{
    uint64_t len;

    if ((p->kind != PROBLEM_DOUBLE_ALLOCATION && p->kind != PROBLEM_OVERLAP) ||
        user->kind != PLACE_L2 || !u64_mul(p->count, geo->cluster_size, &len))
        return 0;
    return add_range(to, geo, user->layer, user->guest_off, len);
}

unsigned damage_of_problem(const struct problem *p, const struct geometry *geo,
                           struct damage_range out[3])
{
    uint32_t layer = p->place.kind == PLACE_CLUSTER ? p->owner.layer : p->place.layer;
    unsigned n = add_user(out, p, &p->owner, geo);

    n += add_user(out + n, p, &p->other, geo);
    if (problem_info(p->kind)->loses_data)
        n += add_range(out + n, geo, layer, p->guest_off, p->guest_len);
    return n;
}

/* Makes one of ranges that touch. */
static void merge(struct damage *d)
{
    size_t n = 0;

    if (d->n)
        qsort(d->list, d->n, sizeof *d->list, by_start);
    for (size_t i = 0; i < d->n; i++) {
        struct damage_range *last = n ? &d->list[n - 1] : NULL;

        if (last && last->layer == d->list[i].layer && last->end >= d->list[i].start)
            last->end = u64_max(last->end, d->list[i].end);
        else
            d->list[n++] = d->list[i];
    }
    d->n = n;
    for (size_t i = 0; i < n; i++)
        d->bytes += d->list[i].end - d->list[i].start;
}

void damage_find(const struct scan_result *r, bool active, struct damage *out)
{
    const struct problems *ps = &r->problems;
    const struct geometry *geo = &r->img->geo;

    *out = (struct damage){ .list = calloc(ps->n + 1, 3 * sizeof *out->list) };
    if (!out->list)
        return;
    for (size_t i = 0; i < ps->n; i++) {
        struct damage_range found[3];
        unsigned n = damage_of_problem(&ps->list[i], geo, found);

        for (unsigned k = 0; k < n; k++)
            if ((found[k].layer == LAYER_ACTIVE) == active)
                out->list[out->n++] = found[k];
    }
    merge(out);
}

void damage_free(struct damage *d)
{
    free(d->list);
    *d = (struct damage){ NULL, 0, 0 };
}
