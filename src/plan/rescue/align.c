/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order of candidates in the file is a walk over the places that are lost. Its steps cost:
 * to the next place nothing, over places something by what they are said to hold, back or far
 * away much. What a candidate holds costs by how it contradicts the place. The cheapest walk is
 * found by dynamic programming, between pins where the image is too large for it at once. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/thread.h"
#include "plan/rescue/align_inside.h"

/* --- where nothing is left to choose --- */

static bool settle(struct order_walk *w, size_t item, size_t place, enum rescue_sure sure,
                   const char *why)
{
    return rescue_pin(w->o->g, item, w->place[place].cl, sure, why);
}

static bool contradicts(const struct print *c, const struct place_print *p)
{
    return place_cost(c, p) - p->unknown * NOTHING_SAID > DOUBT;
}

enum between { ALL_PLACES, NOT_FREE, NOT_EMPTY, BETWEEN_END };

/* Is it one of the places that hold something? */
static bool holds(const struct order_walk *w, size_t place, enum between what)
{
    const struct place_print *p = &w->place[place];

    return what == ALL_PLACES
        || (!p->taken && (what == NOT_EMPTY ? p->skip > DOUBT : !p->n_free || p->unknown
                          || p->n_content || p->n_data));
}

/* Between two pins as many candidates as places; or in an order that rises, as many as places
 * that are not free, or that cannot be empty. */
static bool settle_between(struct order_walk *w, size_t a, size_t b, enum between what)
{
    size_t from = w->at[a], to = w->at[b] - 1, n = b - a - 1, full = 0;
    bool news = false;

    if (to < from || !n)
        return false;
    for (size_t p = from; p < to; p++)
        full += holds(w, p, what);
    if (full != n || (w->jump != JUMP_NEVER && (what != ALL_PLACES || n > 64)))
        return false;
    for (int pass = 0; pass < 2; pass++) {
        size_t k = a + 1;

        for (size_t p = from; p < to; p++) {
            if (!holds(w, p, what))
                continue;
            if (w->place[p].taken || contradicts(&w->o->print[k], &w->place[p]))
                return false;
            if (pass)
                news |= settle(w, k, p, SURE_LIKELY,
                               "neighbours in the file whose places are known");
            k++;
        }
    }
    return news;
}

static bool settle_exact(struct order_walk *w)
{
    size_t last = SIZE_MAX;
    bool news = false;

    for (size_t i = 0; i < w->n_items; i++) {
        if (!w->at[i])
            continue;
        for (int k = ALL_PLACES; last != SIZE_MAX && w->at[i] > w->at[last] && k < BETWEEN_END; k++)
            if (settle_between(w, last, i, (enum between)k)) {
                news = true;
                break;
            }
        last = i;
    }
    return news;
}

#define THREADS_MAX 8
#define LARGE_CELLS ((size_t)8 << 20)

/* --- all the others --- */

/* Items that follow each other to neighbouring places. */
struct item_run { size_t first, n; int cost; };

static int by_length(const void *a, const void *b)
{
    const struct item_run *x = a, *y = b;
    /* long ones that cost little come first */
    long p = (long)x->n * 16 - x->cost, q = (long)y->n * 16 - y->cost;

    return p > q ? -1 : p < q ? 1 : x->first < y->first ? -1 : x->first > y->first;
}

/* What a step of the walk costs, that of two runs the one which lies on the way is taken. */
static int step_cost(const struct order_walk *w, const size_t *path, size_t from, size_t to)
{
    size_t a = w->at[from] ? w->at[from] : path[from], b = w->at[to] ? w->at[to] : path[to];
    size_t far = a < b ? b - a : a - b;

    if (!a || !b)
        return JUMP;
    return (b <= a ? JUMP : far > 1 ? GAP : 0) + (int)(far / 16 > 24 ? 24 : far / 16);
}

/* Gives runs the places of the walk, the best first; those whose place is taken wait for the
 * next walk. Returns how many items got one. */
static size_t accept_runs(struct order_walk *w, const size_t *path, struct item_run *run)
{
    size_t n = 0, placed = 0;

    for (size_t i = 0; i < w->n_items; i++) {
        int cost;

        if (!path[i] || w->at[i])
            continue;
        cost = place_cost(&w->o->print[i], &w->place[path[i] - 1]);
        if (n && run[n - 1].first + run[n - 1].n == i && path[i] == path[i - 1] + 1) {
            run[n - 1].n++;
            run[n - 1].cost += cost;
        } else {
            run[n++] = (struct item_run){ i, 1, cost };
        }
    }
    for (size_t k = 0; k < n; k++) {
        size_t end = run[k].first + run[k].n;

        run[k].cost += run[k].first ? step_cost(w, path, run[k].first - 1, run[k].first) : 0;
        run[k].cost += end < w->n_items ? step_cost(w, path, end - 1, end) : 0;
    }
    if (n)
        qsort(run, n, sizeof *run, by_length);
    for (size_t k = 0; k < n; k++)
        for (size_t i = run[k].first; i < run[k].first + run[k].n; i++) {
            struct place_print *p = &w->place[path[i] - 1];

            if (p->taken)
                continue;
            p->taken = true;
            p->cand = (uint32_t)i;
            w->at[i] = path[i];
            placed++;
        }
    return placed;
}

/* Stretches of one walk; threads take them by turns. */
struct walk_work {
    struct order_walk *w;
    size_t *path;
    struct stretch *list;               /* owned */
    size_t n;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t large;              /* held by who has a table that is large */
};

static void *walk_stretches(void *arg)
{
    struct walk_work *k = arg;
    size_t i;

    while ((i = atomic_fetch_add(&k->next, 1)) < k->n && !k->failed) {
        const struct stretch *s = &k->list[i];
        bool large = s->n >= LARGE_CELLS / (s->end - s->first);

        if (large)
            pthread_mutex_lock(&k->large);
        if (!order_walk_stretch(k->w, s, k->path + s->first))
            k->failed = true;
        if (large)
            pthread_mutex_unlock(&k->large);
        for (size_t item = s->first; item < s->end; item++)
            if (k->path[item])
                k->path[item] += s->from;
    }
    return NULL;
}

static bool walk_list(struct walk_work *k)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t thread[THREADS_MAX];
    size_t n = 0, want = cpus > THREADS_MAX ? THREADS_MAX : cpus > 1 ? (size_t)cpus - 1 : 0;

    pthread_mutex_init(&k->large, NULL);
    while (n < want && n + 1 < k->n && thread_start(&thread[n], walk_stretches, k) == 0)
        n++;
    walk_stretches(k);                  /* this thread as well, and alone where there is no other */
    while (n)
        pthread_join(thread[--n], NULL);
    pthread_mutex_destroy(&k->large);
    return !k->failed;
}

/* One walk over everything, or between pins where that is too much at once. */
static bool walk_all(struct order_walk *w, size_t *path)
{
    struct walk_work k = { .w = w, .path = path };
    struct stretch s = { 0, 0, 0, 0 };
    bool split = w->jump == JUMP_NEVER, ok = true;

    memset(path, 0, w->n_items * sizeof *path);
    for (size_t i = 0; ok && i <= w->n_items; i++) {
        bool pinned = i < w->n_items && w->at[i];

        if (i < w->n_items && (!pinned || !split || w->at[i] - 1 < s.from))
            continue;
        s.end = i;
        s.n = (pinned ? w->at[i] - 1 : w->n_places) - s.from;
        if (s.end > s.first && s.n) {
            ok = list_double(&k.list, k.n, sizeof *k.list);
            if (ok)
                k.list[k.n++] = s;
        }
        if (!pinned)
            break;
        s.first = i + 1;
        s.from = w->at[i];
    }
    ok = ok && walk_list(&k);
    free(k.list);
    return ok;
}

/* Items that lie badly, and were not pinned, give their place back. */
static void give_up_bad(struct order_walk *w, const bool *pinned)
{
    for (size_t i = 0; i < w->n_items; i++) {
        struct place_print *p = w->at[i] ? &w->place[w->at[i] - 1] : NULL;

        if (!p || pinned[i] || place_cost(&w->o->print[i], p) <= DOUBT)
            continue;
        p->taken = false;
        w->at[i] = 0;
    }
}

static void set_skips(struct order_walk *w, bool first)
{
    for (size_t p = 0; p < w->n_places; p++)
        w->place[p].skip = first || w->place[p].taken ? 0 : w->place[p].empty;
}

/* Few pins may rise in a guest's order too; then what lies between them fits nowhere. */
static bool fits_badly(const struct order_walk *w, const size_t *path)
{
    size_t bad = 0;

    for (size_t i = 0; i < w->n_items; i++)
        if (!w->at[i])
            bad += path[i] ? place_cost(&w->o->print[i], &w->place[path[i] - 1]) > DOUBT
                           : w->o->counted[i];
    return bad * 50 > w->n_items;
}

/* Would it contradict what is said if it lay one place earlier or later? */
static bool is_anchor(const struct order_walk *w, size_t item, const bool *pinned)
{
    const struct print *c = &w->o->print[item];
    size_t at = w->at[item] - 1;
    int cost = place_cost(c, &w->place[at]) + DOUBT;

    return pinned[item] || w->proved[item]
        || ((!at || place_cost(c, &w->place[at - 1]) >= cost)
            && (at + 1 == w->n_places || place_cost(c, &w->place[at + 1]) >= cost));
}

/* A run of items [first, end) at neighbouring places, and its anchors; n_anchors 0: none. */
struct settled_run { size_t first, end, first_anchor, last_anchor, n_anchors; };

static void find_anchors(const struct order_walk *w, struct settled_run *r, const bool *pinned)
{
    for (size_t i = r->first; i < r->end; i++) {
        if (!is_anchor(w, i, pinned))
            continue;
        if (!r->n_anchors++)
            r->first_anchor = i;
        r->last_anchor = i;
    }
}

#define WHY_ORDER "order in the file"
#define REACH 64                /* items from an anchor */

/* How sure is the place of an item of that run? False: less likely than not. Where nothing is
 * said of it, it is not; nor is old data at the edge. Where the order is a guest's, what lies
 * between two anchors was never found wrong in thousands, and what lies far from one mostly. */
static bool is_credible(const struct order_walk *w, size_t item, const struct settled_run *r,
                        enum rescue_sure *sure)
{
    const struct place_print *p = &w->place[w->at[item] - 1];
    bool edge = item == r->first || item + 1 == r->end;

    *sure = SURE_POSSIBLE;
    if (p->unknown || (edge && !p->n_data && !p->n_content))
        return false;
    if (w->jump != JUMP)
        return true;
    if (!r->n_anchors || r->end - r->first == 1)
        return false;
    if (item >= r->first_anchor && item <= r->last_anchor) {
        if (r->n_anchors > 1 && place_cost(&w->o->print[item], p) <= DOUBT
            && ((item > r->first_anchor && item < r->last_anchor)
                || order_evidence(w, item, w->at[item] - 1)))
            *sure = SURE_LIKELY;
        return true;
    }
    return item < r->first_anchor ? r->first_anchor - item < REACH : item - r->last_anchor < REACH;
}

static bool settle_credible(struct order_walk *w, const bool *pinned)
{
    struct settled_run r = { 0 };
    enum rescue_sure sure;
    bool news = false;

    for (; r.first < w->n_items; r = (struct settled_run){ .first = r.end }) {
        r.end = r.first + 1;
        if (!w->at[r.first])
            continue;
        while (r.end < w->n_items && w->at[r.end] == w->at[r.end - 1] + 1)
            r.end++;
        find_anchors(w, &r, pinned);
        for (size_t k = r.first; k < r.end; k++)
            if (!pinned[k] && is_credible(w, k, &r, &sure))
                news |= settle(w, k, w->at[k] - 1, sure,
                               sure == SURE_LIKELY ? "order in the file, between neighbours that "
                                                     "fit nowhere else near by"
                                                   : WHY_ORDER) && sure == SURE_LIKELY;
    }
    return news;
}

#define WALKS_MAX 4

/* Where the order is not strict a later run may fill what this one skips. What is empty after
 * the first walk has its price in those that follow. */
static bool walk_often(struct order_walk *w, size_t *path, struct item_run *run,
                       const bool *pinned)
{
    for (int i = 0; i < WALKS_MAX; i++) {
        set_skips(w, i == 0);
        if (!walk_all(w, path))
            return false;
        if (!accept_runs(w, path, run))
            break;
        if (i + 1 < WALKS_MAX)
            give_up_bad(w, pinned);
    }
    return true;
}

static bool settle_all(struct order_walk *w, bool *news)
{
    size_t *path = calloc(w->n_items + 1, sizeof *path);
    struct item_run *run = calloc(w->n_items + 1, sizeof *run);
    bool *pinned = calloc(w->n_items + 1, sizeof *pinned);
    bool ok = path && run && pinned;

    for (size_t i = 0; ok && i < w->n_items; i++)
        pinned[i] = w->at[i] != 0;
    ok = ok && (w->jump == JUMP_LOOSE || order_seed(w));
    if (ok && w->jump == JUMP_NEVER) {
        ok = walk_all(w, path);
        if (ok && fits_badly(w, path))
            w->jump = JUMP;
        else if (ok)
            accept_runs(w, path, run);
    }
    if (ok && w->jump == JUMP && !order_walk_sees_all(w))
        order_fill(w);
    else if (ok && w->jump != JUMP_NEVER)
        ok = walk_often(w, path, run, pinned);
    if (ok)
        *news |= settle_credible(w, pinned);
    free(path);
    free(run);
    free(pinned);
    return ok;
}

#define PAIRS_MAX ((size_t)128 << 20)       /* of items and places, that are looked at */

/* Where there are very many, places that are free stay so: what is old data gets no place. */
static void drop_free(struct order_walk *w)
{
    size_t *now, n = 0;

    if (w->jump != JUMP_NEVER || !w->n_items || w->n_places < PAIRS_MAX / w->n_items)
        return;
    now = calloc(w->n_places + 1, sizeof *now);
    if (!now)
        return;                         /* it takes longer then */
    for (size_t p = 0; p < w->n_places; p++) {
        const struct place_print *it = &w->place[p];

        if (!it->taken && !it->unknown && !(it->data[0] | it->data[1])
            && !(it->content[0] | it->content[1]))
            continue;
        w->place[n++] = *it;
        now[p] = n;
    }
    for (size_t i = 0; i < w->n_items; i++)
        if (w->at[i])
            w->at[i] = now[w->at[i] - 1];
    w->n_places = n;
    free(now);
}

void align_forget(struct rescue_guest *g)
{
    struct rescue_pin pin;

    for (size_t i = 0; i < rescue_candidates(g); i++)
        if (rescue_pinned(g, i, &pin) && pin.sure == SURE_POSSIBLE
            && strcmp(pin.why, WHY_ORDER) == 0)
            rescue_unpin(g, i);
}

bool align(const struct align_order *o, bool all, bool *news, struct error *err)
{
    struct order_walk w = { .o = o };
    uint32_t cluster = rescue_cluster(o->g);
    bool ok = order_list_places(&w) && order_list_pins(&w);

    w.last_block = cluster / print_block_len(cluster) - 1;
    if (ok)
        order_note_extents(&w);
    *news = false;
    if (ok && !all) {
        *news = settle_exact(&w);
    } else if (ok) {
        drop_free(&w);
        ok = settle_all(&w, news);
    }
    free(w.place);
    free(w.at);
    free(w.proved);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
