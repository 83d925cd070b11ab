/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which clusters belong to two places, and who refers to them. */
#include "config.h"

#include "base/grow.h"
#include "plan/reused.h"

#include <stdlib.h>

#define CLUSTERS_MAX    65536       /* that are looked at; more are left */
#define REFERRERS_MAX   (1u << 20)

static bool note_cluster(void *ctx, const struct problem *p, struct error *err)
{
    struct reused *u = ctx;

    for (uint64_t k = 0; k < p->count; k++) {
        if (u->n == CLUSTERS_MAX) {
            u->left += p->count - k;
            return true;
        }
        if (!list_room(&u->target, u->n, &u->cap, sizeof *u->target))
            return err_set(err, ERR_NOMEM, "out of memory");
        u->target[u->n++] = (struct ref_target){ p->place.i + k, 1 };
    }
    return true;
}

static int by_cluster(const void *a, const void *b)
{
    const struct ref_target *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static void drop_doubles(struct reused *u)
{
    size_t n = 0;

    if (u->n)
        qsort(u->target, u->n, sizeof *u->target, by_cluster);
    for (size_t i = 0; i < u->n; i++)
        if (!n || u->target[n - 1].first != u->target[i].first)
            u->target[n++] = u->target[i];
    u->n = n;
}

static void note_use(void *ctx, size_t target, const struct referrer *r)
{
    struct reused *u = ctx;

    if (u->failed || u->n_uses == REFERRERS_MAX) {
        u->failed = true;
        return;
    }
    if (!list_room(&u->use, u->n_uses, &u->cap_uses, sizeof *u->use)) {
        u->failed = true;
        return;
    }
    u->use[u->n_uses++] = (struct reuse){ target, *r, false };
}

/* By cluster, and there tables first, then by guest byte: entries for the same guest byte, of the active layer
 * and of snapshots, share a cluster by right. */
static int by_guest(const void *a, const void *b)
{
    const struct reuse *x = a, *y = b;

    bool x_table = x->r.place.kind != PLACE_L2, y_table = y->r.place.kind != PLACE_L2;

    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    if (x_table != y_table)
        return x_table ? -1 : 1;
    if (x->r.place.guest_off != y->r.place.guest_off)
        return x->r.place.guest_off < y->r.place.guest_off ? -1 : 1;
    return referrer_compare(&x->r, &y->r);
}

bool reused_find(struct reused *u, struct error *err)
{
    static const bool wanted[N_PROBLEMS] = {
        [PROBLEM_OVERLAP] = true, [PROBLEM_DOUBLE_ALLOCATION] = true,
    };
    struct ref_search search = {
        .img = u->t->img, .l2 = u->t->scan->l2, .n_l2 = u->t->scan->n_l2,
        .threads = u->t->opt.scan.threads, .hit = note_use, .ctx = u,
    };

    if (!findings_each(u->t, wanted, note_cluster, u, err))
        return false;
    drop_doubles(u);
    search.target = u->target;
    search.n_targets = u->n;
    if (!u->n)
        return true;
    if (!ref_search_run(&search, err))
        return false;
    if (u->failed)
        return err_set(err, ERR_LIMIT, "too many references to clusters with two owners");
    if (u->n_uses)
        qsort(u->use, u->n_uses, sizeof *u->use, by_guest);
    return true;
}
