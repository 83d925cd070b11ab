/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order of candidates in the file is a walk over the places that are lost. Its steps cost:
 * to the next place nothing, over places something by what they are said to hold, back or far
 * away much. What a candidate holds costs by how it contradicts the place. The cheapest walk is
 * found by dynamic programming, between pins where the image is too large for it at once. */
#include "config.h"

#include "plan/rescue/align.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "insight/content.h"

#define PARTS 128

/* Costs. */
#define OLD_DATA        3       /* not zeros where it is free, each part */
#define OLD_DATA_MAX    24
#define NO_CONTENT      8       /* zeros where there is content */
#define NO_CONTENT_MAX  48
#define NO_DATA         1       /* zeros where there is data */
#define NO_DATA_MAX     32
#define GAP             6       /* places are skipped */
#define LEFT_OUT        60      /* a candidate that has a refcount gets no place */
#define LEFT_OUT_OLD    4       /* ... without one */
#define JUMP_NEVER      1000    /* where all that is pinned rises */
#define JUMP            14
#define INFINITE        (1 << 28)

#define CELLS_MAX       ((size_t)192 << 20)     /* of the table, a byte each */

void print_take(struct print *p, const uint8_t *bytes, size_t len)
{
    size_t part = len / PARTS > 512 ? len / PARTS : 512;

    *p = (struct print){ { 0, 0 } };
    for (size_t i = 0; i * part < len && i < PARTS; i++)
        if (!content_all_zero(bytes + i * part, part))
            p->nonzero[i / 64] |= UINT64_C(1) << i % 64;
}

/* What is said of a place, part by part. */
struct place_print {
    uint64_t cl;                /* guest cluster */
    uint64_t free[2], content[2], data[2];
    int skip;                   /* cost of leaving it empty */
    uint8_t taken;              /* pinned already */
};

struct order_walk {
    const struct align_order *o;
    struct place_print *place;  /* owned: all lost places, rising */
    size_t n_places;
    size_t n_items;             /* candidates */
    size_t *at;                 /* owned: of each candidate, index of its place + 1; 0: none */
    int jump;
};

static int ones(const uint64_t a[2])
{
    return __builtin_popcountll(a[0]) + __builtin_popcountll(a[1]);
}

static int ones_and(const uint64_t a[2], const uint64_t b[2])
{
    return __builtin_popcountll(a[0] & b[0]) + __builtin_popcountll(a[1] & b[1]);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int cost_of(const struct print *c, const struct place_print *p)
{
    int nz_free = ones_and(c->nonzero, p->free);
    int z_content = ones(p->content) - ones_and(c->nonzero, p->content);
    int z_data = ones(p->data) - ones_and(c->nonzero, p->data);

    return least(nz_free * OLD_DATA, OLD_DATA_MAX)
        + least(z_content * NO_CONTENT, NO_CONTENT_MAX) + least(z_data * NO_DATA, NO_DATA_MAX);
}

/* --- places --- */

static void look_at_place(const struct rescue_guest *g, struct place_print *p)
{
    uint32_t cluster = rescue_cluster(g);
    uint32_t part = cluster / PARTS > 512 ? cluster / PARTS : 512;
    unsigned unknown = 0, n = cluster / part;
    uint64_t off = p->cl * cluster;

    for (unsigned i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << i % 64;

        switch (rescue_use_at(g, off + (uint64_t)i * part)) {
        case USE_FREE: p->free[i / 64] |= bit; break;
        case USE_CONTENT: p->content[i / 64] |= bit; break;
        case USE_DATA: p->data[i / 64] |= bit; break;
        case USE_UNKNOWN: unknown++; break;
        }
    }
    p->skip = least(ones(p->content) * NO_CONTENT, NO_CONTENT_MAX)
        + least(ones(p->data) * NO_DATA, NO_DATA_MAX) + (unknown * 2 >= n);
}

static bool list_places(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    uint64_t n = rescue_n_lost(g), cl = 0, len;

    if (n > UINT32_MAX / 2)
        return false;
    w->place = calloc((size_t)n + 1, sizeof *w->place);
    if (!w->place)
        return false;
    for (; rescue_next_lost(g, &cl, &len); cl += len)
        for (uint64_t i = 0; i < len && w->n_places < n; i++) {
            struct place_print *p = &w->place[w->n_places++];

            p->cl = cl + i;
            look_at_place(g, p);
        }
    return true;
}

static size_t place_index(const struct order_walk *w, uint64_t cl)
{
    size_t lo = 0, hi = w->n_places;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (w->place[mid].cl < cl)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool list_pins(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    size_t n = rescue_candidates(g), last = 0, rising = 0, falling = 0;
    struct rescue_pin pin;

    w->at = calloc(n + 1, sizeof *w->at);
    if (!w->at)
        return false;
    w->n_items = n;
    for (size_t i = 0; i < n; i++) {
        size_t at;

        if (!rescue_pinned(g, i, &pin) || pin.sure == SURE_POSSIBLE)
            continue;
        at = place_index(w, pin.guest_cl);
        if (at == w->n_places || w->place[at].cl != pin.guest_cl)
            continue;
        w->at[i] = at + 1;
        w->place[at].taken = 1;
        if (last)
            *(at + 1 > last ? &rising : &falling) += 1;
        last = at + 1;
    }
    /* A stray pin does not make a guest's order of one that rises. */
    w->jump = falling * 50 <= rising ? JUMP_NEVER : JUMP;
    return true;
}

/* --- the cheapest walk --- */

/* A position is the place that the last item took, counted from 1 in its stretch; 0 is before
 * them all. Two states for each: the item is here, or places up to here were left empty after
 * it. How either was reached is kept in one byte. */
enum { CAME_NEXT = 1, CAME_GAP, CAME_JUMP, CAME_LEFT_OUT, CAME_MASK = 7, GAP_GOES_ON = 8 };

/* Items [first, end) over places [from, from + n). */
struct stretch { size_t first, end, from, n; };

struct walk_table {
    size_t width;                       /* positions of a row */
    uint8_t *came;                      /* owned: a row for each item, and one before */
    size_t *row_lo;                     /* owned: position of the first cell of each row */
    size_t *best;                       /* owned: of each row, its cheapest position */
    int *here, *gap, *here2, *gap2;     /* owned: costs of all positions, and of the next row */
};

static void free_table(struct walk_table *t)
{
    free(t->came);
    free(t->row_lo);
    free(t->best);
    free(t->here);
    free(t->gap);
    free(t->here2);
    free(t->gap2);
}

static int *all_infinite(size_t n)
{
    int *cost = malloc(n * sizeof *cost);

    for (size_t i = 0; cost && i < n; i++)
        cost[i] = INFINITE;
    return cost;
}

static bool make_table(const struct stretch *s, struct walk_table *t)
{
    size_t rows = s->end - s->first + 1, positions = s->n + 1;

    *t = (struct walk_table){ .width = positions };
    if (positions > CELLS_MAX / rows)
        t->width = CELLS_MAX / rows > 64 ? CELLS_MAX / rows : 64;
    t->came = calloc(rows, t->width);
    t->row_lo = calloc(rows, sizeof *t->row_lo);
    t->best = calloc(rows, sizeof *t->best);
    t->here = all_infinite(positions);
    t->gap = all_infinite(positions);
    t->here2 = all_infinite(positions);
    t->gap2 = all_infinite(positions);
    return t->came && t->row_lo && t->best && t->here && t->gap && t->here2 && t->gap2;
}

static int emission(const struct order_walk *w, size_t item, size_t place)
{
    if (w->at[item])
        return w->at[item] == place + 1 ? 0 : INFINITE;
    return w->place[place].taken ? INFINITE
        : cost_of(&w->o->print[item], &w->place[place]);
}

/* The gaps after the row's item, from costs `here`. */
static void make_gaps(const struct order_walk *w, const struct stretch *s, struct walk_table *t, size_t row,
                      int start, int *here, int *gap)
{
    uint8_t *came = t->came + row * t->width;
    size_t lo = t->row_lo[row], hi = lo + t->width;

    gap[lo] = INFINITE;
    for (size_t p = lo + 1; p < hi && p <= s->n; p++) {
        int skip = w->place[s->from + p - 1].skip;
        int opened = here[p - 1] + start + skip, on = gap[p - 1] + skip;

        if (on < opened)
            came[p - lo] |= GAP_GOES_ON;
        gap[p] = least(least(on, opened), INFINITE);
    }
}

static void make_row(const struct order_walk *w, const struct stretch *s, struct walk_table *t, size_t row)
{
    uint8_t *came = t->came + row * t->width;
    size_t item = s->first + row - 1, lo = t->row_lo[row], hi = lo + t->width;
    int jump = t->here[t->best[row - 1]] + w->jump;
    int out = w->at[item] ? INFINITE : w->o->counted[item] ? LEFT_OUT : LEFT_OUT_OLD;

    for (size_t p = t->row_lo[row - 1]; p < lo; p++)
        t->here2[p] = t->gap2[p] = INFINITE;
    for (size_t p = lo; p < hi && p <= s->n; p++) {
        int c = p ? t->here[p - 1] : INFINITE;
        uint8_t how = CAME_NEXT;

        if (p && t->gap[p - 1] < c) {
            c = t->gap[p - 1];
            how = CAME_GAP;
        }
        if (jump < c) {
            c = jump;
            how = CAME_JUMP;
        }
        c = p ? least(c + emission(w, item, s->from + p - 1), INFINITE) : INFINITE;
        if (t->here[p] + out < c) {
            c = t->here[p] + out;
            how = CAME_LEFT_OUT;
        }
        t->here2[p] = c;
        came[p - lo] = how;
    }
    make_gaps(w, s, t, row, GAP, t->here2, t->gap2);
}

static void next_row(const struct stretch *s, struct walk_table *t, size_t row)
{
    size_t lo = t->row_lo[row], hi = lo + t->width, best = lo;
    int *here = t->here, *gap = t->gap;

    t->here = t->here2;
    t->gap = t->gap2;
    t->here2 = here;
    t->gap2 = gap;
    for (size_t p = lo; p < hi && p <= s->n; p++)
        if (t->here[p] < t->here[best])
            best = p;
    t->best[row] = best;
}

/* Rows are narrower than the stretch where that is long; then they follow the best walk. */
static size_t row_start(const struct stretch *s, const struct walk_table *t, size_t row)
{
    size_t lo = t->row_lo[row - 1], best = t->best[row - 1], back = t->width / 4;

    if (t->width > s->n)
        return 0;
    if (best > back && best - back > lo)
        lo = best - back;
    return lo + t->width > s->n + 1 ? s->n + 1 - t->width : lo;
}

/* Goes back from the end and writes down where each item was. */
static void trace(struct order_walk *w, const struct stretch *s, const struct walk_table *t, size_t *path)
{
    size_t row = s->end - s->first, p = t->row_lo[row];
    int least_cost = INFINITE, rest = 0;

    /* what follows the last item stays empty */
    for (size_t q = s->n + 1; q-- > t->row_lo[row];) {
        if (q < t->row_lo[row] + t->width && t->here[q] + rest < least_cost) {
            least_cost = t->here[q] + rest;
            p = q;
        }
        if (q)
            rest = least(rest + w->place[s->from + q - 1].skip, INFINITE / 2);
    }
    while (row) {
        const uint8_t *came = t->came + (row - 1) * t->width;
        uint8_t how = t->came[row * t->width + p - t->row_lo[row]] & CAME_MASK;
        size_t lo = t->row_lo[row - 1];

        path[row - 1] = how == CAME_LEFT_OUT ? 0 : p;
        if (how == CAME_JUMP) {
            p = t->best[row - 1];
        } else if (how != CAME_LEFT_OUT) {
            if (!p)
                break;
            p--;
            if (how == CAME_GAP) {
                while (p > lo && came[p - lo] & GAP_GOES_ON)
                    p--;
                if (p > lo)
                    p--;
            }
        }
        row--;
        if (p < lo || p >= lo + t->width)
            break;
    }
}

static bool walk_stretch(struct order_walk *w, const struct stretch *s, size_t *path)
{
    size_t rows = s->end - s->first;
    struct walk_table t;
    bool ok = make_table(s, &t);

    if (ok) {
        t.here[0] = 0;
        make_gaps(w, s, &t, 0, 0, t.here, t.gap);
    }
    for (size_t row = 1; ok && row <= rows; row++) {
        if (w->o->cancel && *w->o->cancel)
            break;
        t.row_lo[row] = row_start(s, &t, row);
        make_row(w, s, &t, row);
        next_row(s, &t, row);
        if (row == rows)
            trace(w, s, &t, path);
    }
    free_table(&t);
    return ok;
}

/* --- where nothing is left to choose --- */

#define DOUBT 8                 /* cost of a place above which there is some */

static bool settle(struct order_walk *w, size_t item, size_t place, enum rescue_sure sure,
                   const char *why)
{
    return rescue_pin(w->o->g, item, w->place[place].cl, sure, why);
}

/* Between two pins as many candidates as places, or as many as places that cannot be empty. */
static bool settle_between(struct order_walk *w, size_t a, size_t b)
{
    size_t from = w->at[a], to = w->at[b] - 1, n = b - a - 1, full = 0, k = 0;
    bool all = to >= from && to - from == n, news = false;

    if (to < from || !n)
        return false;
    for (size_t p = from; p < to; p++)
        full += w->place[p].skip > DOUBT && !w->place[p].taken;
    if (!all && (full != n || w->jump != JUMP_NEVER))
        return false;
    if (all && w->jump != JUMP_NEVER && n > 64)
        return false;
    for (int pass = 0; pass < 2; pass++) {
        k = 0;
        for (size_t p = from; p < to; p++) {
            if (!all && (w->place[p].skip <= DOUBT || w->place[p].taken))
                continue;
            if (w->place[p].taken || cost_of(&w->o->print[a + 1 + k], &w->place[p]) > DOUBT)
                return false;
            if (pass)
                news |= settle(w, a + 1 + k, p, SURE_LIKELY,
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
        if (last != SIZE_MAX && w->at[i] > w->at[last])
            news |= settle_between(w, last, i);
        last = i;
    }
    return news;
}

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

/* Gives runs the places of the walk, the best first; those whose place is taken wait for the
 * next walk. Returns how many items got one. */
static size_t accept_runs(struct order_walk *w, const size_t *path, struct item_run *run, bool *news)
{
    size_t n = 0, placed = 0;

    for (size_t i = 0; i < w->n_items; i++) {
        int cost;

        if (!path[i] || w->at[i])
            continue;
        cost = cost_of(&w->o->print[i], &w->place[path[i] - 1]);
        if (n && run[n - 1].first + run[n - 1].n == i && path[i] == path[i - 1] + 1) {
            run[n - 1].n++;
            run[n - 1].cost += cost;
        } else {
            run[n++] = (struct item_run){ i, 1, cost };
        }
    }
    if (n)
        qsort(run, n, sizeof *run, by_length);
    for (size_t k = 0; k < n; k++)
        for (size_t i = run[k].first; i < run[k].first + run[k].n; i++) {
            struct place_print *p = &w->place[path[i] - 1];

            if (p->taken)
                continue;
            p->taken = 1;
            w->at[i] = path[i];
            placed++;
            *news |= settle(w, i, path[i] - 1, SURE_POSSIBLE, "order in the file");
        }
    return placed;
}

/* One walk over everything, or between pins where that is too much at once. */
static bool walk_all(struct order_walk *w, size_t *path)
{
    struct stretch s = { 0, 0, 0, 0 };
    bool split = w->jump == JUMP_NEVER, ok = true;

    memset(path, 0, w->n_items * sizeof *path);
    for (size_t i = 0; ok && i <= w->n_items; i++) {
        bool pinned = i < w->n_items && w->at[i];

        if (i < w->n_items && (!pinned || !split || w->at[i] - 1 < s.from))
            continue;
        s.end = i;
        s.n = (pinned ? w->at[i] - 1 : w->n_places) - s.from;
        if (s.end > s.first && s.n)
            ok = walk_stretch(w, &s, path + s.first);
        for (size_t k = s.first; k < s.end; k++)
            if (path[k])
                path[k] += s.from;
        if (!pinned)
            break;
        s.first = i + 1;
        s.from = w->at[i];
    }
    return ok;
}

#define WALKS_MAX 4

static bool settle_all(struct order_walk *w, bool *news)
{
    size_t *path = calloc(w->n_items + 1, sizeof *path);
    struct item_run *run = calloc(w->n_items + 1, sizeof *run);
    bool ok = path && run;

    if (w->jump != JUMP_NEVER)
        for (size_t p = 0; p < w->n_places; p++)
            w->place[p].skip = 0;       /* a later run may be there */
    for (int i = 0; ok && i < WALKS_MAX; i++) {
        ok = walk_all(w, path);
        if (!ok || !accept_runs(w, path, run, news))
            break;
    }
    free(path);
    free(run);
    return ok;
}

bool align(const struct align_order *o, bool all, bool *news, struct error *err)
{
    struct order_walk w = { .o = o };
    bool ok = list_places(&w) && list_pins(&w);

    *news = false;
    if (ok && !all)
        *news = settle_exact(&w);
    else if (ok)
        ok = settle_all(&w, news);
    free(w.place);
    free(w.at);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
