/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"

bool claims_add(struct claims *c, const struct rescue_guest *g, size_t cand, uint64_t in_cand,
                uint64_t guest_off, uint64_t age, enum rescue_sure sure)
{
    uint32_t cluster = rescue_cluster(g);

    if (guest_off < in_cand || (guest_off - in_cand) % cluster ||
        !rescue_lost(g, (guest_off - in_cand) / cluster))
        return true;
    if (c->n == CLAIMS_MAX)
        return true;
    if (!list_room(&c->claim, c->n, &c->cap, sizeof *c->claim))
        return false;
    c->claim[c->n++] = (struct claim){ (guest_off - in_cand) / cluster, age, cand, sure };
    return true;
}

/* By place, the newest first, then by candidate, the surest first. */
static int by_place(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;

    if (x->guest_cl != y->guest_cl)
        return x->guest_cl < y->guest_cl ? -1 : 1;
    if (x->age != y->age)
        return x->age > y->age ? -1 : 1;
    if (x->cand != y->cand)
        return x->cand < y->cand ? -1 : 1;
    return (int)y->sure - (int)x->sure;
}

static int by_candidate(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;

    if (x->cand != y->cand)
        return x->cand < y->cand ? -1 : 1;
    if (x->guest_cl != y->guest_cl)
        return x->guest_cl < y->guest_cl ? -1 : 1;
    return x->age > y->age ? -1 : x->age < y->age;
}

bool candidates_alike(struct rescue_guest *g, size_t a, size_t b)
{
    uint32_t cluster = rescue_cluster(g);
    uint8_t *x = malloc(cluster), *y = malloc(cluster);
    bool same = x && y && rescue_candidate_read(g, a, x, NULL) &&
                rescue_candidate_read(g, b, y, NULL) && !memcmp(x, y, cluster);

    free(x);
    free(y);
    return same;
}

/* One claim of each candidate for each place, with the newest age and the best confidence. A
 * candidate that claims places that exclude each other is not believed entirely. */
static void merge(struct claims *c)
{
    size_t m = 0;

    qsort(c->claim, c->n, sizeof *c->claim, by_candidate);
    for (size_t i = 0; i < c->n; i++) {
        struct claim *last = m ? &c->claim[m - 1] : NULL;

        if (last && last->cand == c->claim[i].cand && last->guest_cl == c->claim[i].guest_cl) {
            if (c->claim[i].sure > last->sure)
                last->sure = c->claim[i].sure;
        } else {
            c->claim[m++] = c->claim[i];
        }
    }
    c->n = m;
    for (size_t i = 1; i < m; i++)
        if (c->claim[i].cand == c->claim[i - 1].cand)
            c->claim[i].sure = c->claim[i - 1].sure = SURE_POSSIBLE;
    qsort(c->claim, c->n, sizeof *c->claim, by_place);
}

bool claims_settle(struct claims *c, struct rescue_guest *g, const char *why)
{
    bool news = false;

    if (c->n)
        merge(c);
    for (size_t i = 0, end; i < c->n; i = end) {
        enum rescue_sure sure = c->claim[i].sure;

        for (end = i + 1; end < c->n && c->claim[end].guest_cl == c->claim[i].guest_cl; end++)
            if (sure == SURE_CERTAIN && c->claim[end].age == c->claim[i].age &&
                !candidates_alike(g, c->claim[i].cand, c->claim[end].cand))
                sure = SURE_LIKELY;
        news |= rescue_pin(g, c->claim[i].cand, c->claim[i].guest_cl, sure, why);
    }
    c->n = 0;
    return news;
}

void claims_free(struct claims *c)
{
    free(c->claim);
    *c = (struct claims){ 0 };
}
