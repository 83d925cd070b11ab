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
        return x->layer < y->layer ? -1 : 1;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* There is room for three per problem. */
static void add_range(struct damage *to, const struct geometry *geo, uint32_t layer,
                      uint64_t start, uint64_t len)
{
    if (start >= geo->size || len == 0)     /* NO_ADDRESS as well */
        return;
    to->list[to->n++] = (struct damage_range){ layer, start,
                                               start + u64_min(len, geo->size - start) };
}

/* Of one cluster with two users both have lost it, or will. */
static void add_user(struct damage *to, const struct problem *p,
                     const struct place *user, const struct geometry *geo, bool active)
{
    uint64_t len;

    if ((p->kind == PROBLEM_DOUBLE_ALLOCATION || p->kind == PROBLEM_OVERLAP)
        && user->kind == PLACE_L2 && (user->layer == LAYER_ACTIVE) == active
        && u64_mul(p->count, geo->cluster_size, &len))
        add_range(to, geo, user->layer, user->guest_off, len);
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
        const struct problem *p = &ps->list[i];
        uint32_t layer = p->place.kind == PLACE_CLUSTER ? p->owner.layer : p->place.layer;

        add_user(out, p, &p->owner, geo, active);
        add_user(out, p, &p->other, geo, active);
        if (problem_info(p->kind)->loses_data && (layer == LAYER_ACTIVE) == active)
            add_range(out, geo, layer, p->guest_off, p->guest_len);
    }
    merge(out);
}

void damage_free(struct damage *d)
{
    free(d->list);
    *d = (struct damage){ NULL, 0, 0 };
}
