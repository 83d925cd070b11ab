/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Runs in a guest's order, by what few clusters have in common: the exact byte at which a file
 * ends, and which parts are free. Where an item and a place share such a mark they lie on a
 * diagonal (place - item), and so do their neighbours of the same run. Marks on one diagonal add
 * up; a run is believed when it is most unlikely by chance. */
#include "config.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "plan/rescue/align_inside.h"

#define PLACES_PER_MARK 24      /* a mark of more places tells nothing */
#define HITS_MAX        (1u << 22)
#define RUN_MAX         4096    /* items */
#define DROP_MAX        24      /* cost after which a run has ended */
#define PASSES_MAX      8

/* Bits of evidence. */
#define TAIL_BITS       12
#define MASK_BITS       4
#define MAGIC_BITS      3
#define PINNED_BITS     24
#define NEAR_BITS       20      /* begins where another run ends */
#define NEAR_MAX        4096    /* places */
#define SURPLUS_BITS    8

struct mark { uint32_t key; uint32_t place; };
struct hit { int64_t diagonal; size_t item; };
struct seed_run {
    int64_t diagonal;
    size_t first, end;          /* items */
    int bits;
};

struct seeding {
    struct order_walk *w;
    struct mark *mark;          /* owned, by key */
    size_t n_marks, marks_cap;
    struct hit *hit;            /* owned */
    size_t n_hits, hits_cap;
    struct seed_run *run;       /* owned */
    size_t n_runs, runs_cap;
};

static uint32_t tail_key(const struct print_tail *t)
{
    return (uint32_t)t->part << 16 | t->zeros;
}

/* Of the parts that are zeros. */
static uint32_t mask_key(uint64_t a, uint64_t b)
{
    uint64_t h = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + 1) * UINT64_C(0xc2b2ae3d27d4eb4f);

    return (uint32_t)(h >> 33) | UINT32_C(1) << 31;
}

/* Parts of a cluster, as a mask. */
static void all_parts(const struct order_walk *w, uint64_t out[2])
{
    uint32_t cluster = rescue_cluster(w->o->g);
    unsigned n = cluster / PARTS > 512 ? PARTS : cluster / 512;

    for (unsigned i = 0; i < 2; i++)
        out[i] = n >= 64 * (i + 1) ? UINT64_MAX
                 : n > 64 * i ? (UINT64_C(1) << (n - 64 * i)) - 1 : 0;
}

static bool add_mark(struct seeding *s, uint32_t key, size_t place)
{
    if (!list_room(&s->mark, s->n_marks, &s->marks_cap, sizeof *s->mark))
        return false;
    s->mark[s->n_marks++] = (struct mark){ key, (uint32_t)place };
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static bool list_marks(struct seeding *s)
{
    const struct order_walk *w = s->w;

    s->n_marks = 0;
    for (size_t i = 0; i < w->n_places; i++) {
        const struct place_print *p = &w->place[i];
        uint64_t a = p->free[0] | p->zero[0], b = p->free[1] | p->zero[1];

        if (p->taken || p->unknown)
            continue;
        for (unsigned k = 0; k < p->n_tails; k++)
            if (!add_mark(s, tail_key(&p->tail[k]), i))
                return false;
        if ((a | b) && (p->n_data || p->n_content) && !add_mark(s, mask_key(a, b), i))
            return false;
    }
    if (s->n_marks)
        qsort(s->mark, s->n_marks, sizeof *s->mark, by_key);
    return true;
}

static bool look_up(struct seeding *s, uint32_t key, size_t item)
{
    size_t lo, n = 0;

    BISECT(lo, s->n_marks, mid, s->mark[mid].key >= key);
    while (lo + n < s->n_marks && s->mark[lo + n].key == key && n <= PLACES_PER_MARK)
        n++;
    if (n > PLACES_PER_MARK)
        return true;
    for (size_t i = lo; i < lo + n && s->n_hits < HITS_MAX; i++) {
        const struct place_print *p = &s->w->place[s->mark[i].place];

        if (place_cost(&s->w->o->print[item], p) > DOUBT)
            continue;
        if (!list_room(&s->hit, s->n_hits, &s->hits_cap, sizeof *s->hit))
            return false;
        s->hit[s->n_hits++] = (struct hit){ (int64_t)s->mark[i].place - (int64_t)item, item };
    }
    return true;
}

static int by_diagonal(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;

    if (x->diagonal != y->diagonal)
        return x->diagonal < y->diagonal ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

static bool list_hits(struct seeding *s)
{
    const struct order_walk *w = s->w;
    uint64_t all[2];

    all_parts(w, all);
    s->n_hits = 0;
    for (size_t i = 0; i < w->n_items; i++) {
        const struct print *c = &w->o->print[i];
        uint64_t a = all[0] & ~c->nonzero[0], b = all[1] & ~c->nonzero[1];

        if (w->at[i])
            continue;
        for (unsigned k = 0; k < c->n_tails && k < PRINT_TAILS; k++)
            if (!look_up(s, tail_key(&c->tail[k]), i))
                return false;
        if ((a | b) && !look_up(s, mask_key(a, b), i))
            return false;
    }
    if (s->n_hits)
        qsort(s->hit, s->n_hits, sizeof *s->hit, by_diagonal);
    return true;
}

/* --- runs --- */

int order_evidence(const struct order_walk *w, size_t item, size_t place)
{
    const struct print *c = &w->o->print[item];
    const struct place_print *p = &w->place[place];
    uint64_t a = p->free[0] | p->zero[0], b = p->free[1] | p->zero[1];
    int bits = ones_and(c->magic, p->typed) * MAGIC_BITS;
    uint64_t all[2];

    all_parts(w, all);

    for (unsigned i = 0; i < p->n_tails; i++)
        for (unsigned k = 0; k < c->n_tails && k < PRINT_TAILS; k++)
            bits += tail_key(&p->tail[i]) == tail_key(&c->tail[k]) ? TAIL_BITS : 0;
    if ((a | b) && a == (all[0] & ~c->nonzero[0]) && b == (all[1] & ~c->nonzero[1]))
        bits += MASK_BITS;
    return bits;
}

/* What one step along a diagonal adds, to the item from the one before it or after it. False: the
 * run has ended. */
static bool step(const struct order_walk *w, size_t item, int64_t diagonal, int64_t back,
                 int *bits)
{
    int64_t at = (int64_t)item + diagonal;
    const struct place_print *p;
    int cost;

    if (at < 0 || at >= (int64_t)w->n_places)
        return false;
    p = &w->place[at];
    if (back && (at - back < 0 || at - back >= (int64_t)w->n_places ||
                 p[-back].cl != p->cl - (uint64_t)back))
        return false;
    if (w->at[item]) {
        *bits += PINNED_BITS;
        return w->at[item] == (size_t)at + 1;
    }
    if (p->taken || (!p->n_data && !p->n_content))
        return false;
    cost = place_cost(&w->o->print[item], p);
    if (back == 1 && p->goes_on & 1)
        cost += print_other_kind(&w->o->print[item - 1], &w->o->print[item], w->last_block);
    if (back == -1 && p[1].goes_on & 1)
        cost += print_other_kind(&w->o->print[item], &w->o->print[item + 1], w->last_block);
    *bits += order_evidence(w, item, (size_t)at) - cost;
    return true;
}

/* Goes from an item on as long as more speaks for it; returns the last for which something did. */
static size_t extend(const struct order_walk *w, size_t item, int64_t diagonal, int64_t by,
                     int *bits)
{
    size_t best = item;
    int sum = *bits, top = sum;

    for (size_t n = 0; n < RUN_MAX && (by > 0 ? item + 1 < w->n_items : item > 0); n++) {
        item = by > 0 ? item + 1 : item - 1;
        if (!step(w, item, diagonal, by, &sum) || sum < top - DROP_MAX)
            break;
        if (sum > top) {
            top = sum;
            best = item;
        }
    }
    *bits = top;
    return best;
}

/* Bits that the place where it begins adds, next to a run that is believed. */
static int nearness(const struct order_walk *w, const struct seed_run *r)
{
    size_t far;
    int bits = NEAR_BITS;

    if (!r->first || !w->at[r->first - 1])
        return 0;
    far = (size_t)((int64_t)r->first + r->diagonal) + 1;        /* as at[] counts */
    if (far <= w->at[r->first - 1] || far - w->at[r->first - 1] > NEAR_MAX)
        return 0;
    for (far -= w->at[r->first - 1]; far > 1; far /= 2)
        bits--;
    return bits;
}

static bool list_runs(struct seeding *s)
{
    const struct order_walk *w = s->w;

    s->n_runs = 0;
    for (size_t i = 0; i < s->n_hits;) {
        struct seed_run r = { .diagonal = s->hit[i].diagonal };
        size_t item = s->hit[i].item;
        int bits = 0;

        if (!step(w, item, r.diagonal, 0, &bits)) {
            i++;
            continue;
        }
        r.bits = bits;
        r.end = extend(w, item, r.diagonal, 1, &r.bits) + 1;
        r.first = extend(w, item, r.diagonal, -1, &r.bits);
        r.bits += nearness(w, &r);
        while (i < s->n_hits && s->hit[i].diagonal == r.diagonal && s->hit[i].item < r.end)
            i++;
        if (!list_room(&s->run, s->n_runs, &s->runs_cap, sizeof *s->run))
            return false;
        s->run[s->n_runs++] = r;
    }
    return true;
}

static int by_bits(const void *a, const void *b)
{
    const struct seed_run *x = a, *y = b;

    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* May all of it be had still? */
static bool is_open(const struct order_walk *w, const struct seed_run *r)
{
    for (size_t i = r->first; i < r->end; i++) {
        size_t at = (size_t)((int64_t)i + r->diagonal);

        if (w->at[i] ? w->at[i] != at + 1 : w->place[at].taken)
            return false;
    }
    return true;
}

/* Bits that a run has by chance, among so many items and places. */
static int bits_needed(const struct order_walk *w)
{
    int bits = SURPLUS_BITS;

    for (size_t n = w->n_items; n; n /= 2)
        bits++;
    for (size_t n = w->n_places; n; n /= 2)
        bits++;
    return bits;
}

static void take(struct order_walk *w, size_t item, size_t at)
{
    w->at[item] = at;
    w->place[at - 1].taken = true;
    w->place[at - 1].cand = (uint32_t)item;
}

static size_t accept(struct seeding *s)
{
    struct order_walk *w = s->w;
    int needed = bits_needed(w);
    size_t n = 0;

    if (s->n_runs)
        qsort(s->run, s->n_runs, sizeof *s->run, by_bits);
    for (size_t k = 0; k < s->n_runs && s->run[k].bits >= needed; k++) {
        const struct seed_run *r = &s->run[k];

        if (!is_open(w, r))
            continue;
        for (size_t i = r->first; i < r->end; i++) {
            if (w->at[i]
                || place_cost(&w->o->print[i], &w->place[(int64_t)i + r->diagonal]) > DOUBT)
                continue;
            take(w, i, (size_t)((int64_t)i + r->diagonal) + 1);
            w->proved[i] = order_evidence(w, i, w->at[i] - 1) >= TAIL_BITS;
            n++;
        }
    }
    return n;
}

bool order_seed(struct order_walk *w)
{
    struct seeding s = { .w = w };
    bool ok = true;

    for (int pass = 0; ok && pass < PASSES_MAX && !(w->o->cancel && *w->o->cancel); pass++) {
        ok = list_marks(&s) && list_hits(&s) && list_runs(&s);
        if (ok && !accept(&s))
            break;
    }
    free(s.mark);
    free(s.hit);
    free(s.run);
    return ok;
}

/* --- between runs --- */

/* How far a run goes on from an item that has a place; cost[] of each step, from 1 on. */
static size_t reach(const struct order_walk *w, size_t item, int64_t by, size_t most, int *cost)
{
    int64_t diagonal = (int64_t)w->at[item] - 1 - (int64_t)item;
    int sum = 0;

    cost[0] = 0;
    for (size_t n = 1; n <= most; n++) {
        int bits = 0;

        item = by > 0 ? item + 1 : item - 1;
        if (!step(w, item, diagonal, by, &bits) || bits < -DOUBT)
            return n - 1;
        sum -= bits;
        cost[n] = sum;
    }
    return most;
}

#define GAP_REACH 64

/* Items (a, b) between two that have places; SIZE_MAX: there is none at that end. */
static void fill_gap(struct order_walk *w, size_t a, size_t b, size_t n)
{
    int right[GAP_REACH + 1] = { 0 }, left[GAP_REACH + 1] = { 0 }, best = INFINITE;
    size_t most = n < GAP_REACH ? n : GAP_REACH, x = 0, y = 0, split = 0;

    if (a != SIZE_MAX)
        x = reach(w, a, 1, most, right);
    if (b != SIZE_MAX)
        y = reach(w, b, -1, most, left);
    if (x + y > n) {            /* they overlap: where it costs least, in the middle of equals */
        size_t from = n - y, lo = from;

        for (size_t k = from; k <= x; k++)
            if (right[k] + left[n - k] < best) {
                best = right[k] + left[n - k];
                lo = k;
            }
        for (split = lo; split < x && right[split + 1] + left[n - split - 1] == best;)
            split++;
        x = lo + (split - lo) / 2;
        y = n - x;
    }
    for (size_t k = 1; k <= x; k++)
        if (!w->place[w->at[a] + k - 1].taken)
            take(w, a + k, w->at[a] + k);
    for (size_t k = 1; k <= y; k++)
        if (!w->place[w->at[b] - k - 1].taken)
            take(w, b - k, w->at[b] - k);
}

void order_fill(struct order_walk *w)
{
    size_t last = SIZE_MAX;

    for (size_t i = 0; i <= w->n_items; i++) {
        size_t n = last == SIZE_MAX ? i : i - last - 1;

        if (i < w->n_items && !w->at[i])
            continue;
        if (n && (last != SIZE_MAX || i < w->n_items))
            fill_gap(w, last, i < w->n_items ? i : SIZE_MAX, n);
        last = i;
    }
}
