/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The cheapest walk over a stretch of places, by dynamic programming. */
#include "config.h"

#include <stdlib.h>

#include "plan/rescue/align_inside.h"

#define CELLS_MAX       ((size_t)192 << 20)     /* of the table, a byte each */
#define CELLS_EASY      ((size_t)16 << 20)      /* up to so many, all are looked at */
#define SLACK           1024

/* A position is the place that the last item took, counted from 1 in its stretch; 0 is before
 * them all. Two states for each: the item is here, or places up to here were left empty after
 * it. How either was reached is kept in one byte. */
enum { CAME_NEXT = 1, CAME_GAP, CAME_JUMP, CAME_LEFT_OUT, CAME_MASK = 7, GAP_GOES_ON = 8 };

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

/* Where the order is strict, items can be off by no more than the places that stay empty and
 * the items that are left out. */
static size_t row_width(const struct order_walk *w, size_t rows, size_t positions)
{
    size_t spare = positions > rows ? positions - rows : rows - positions, width = positions;

    if (w->jump == JUMP_NEVER && positions > CELLS_EASY / rows && spare < positions / 4)
        width = spare * 4 + SLACK < positions ? spare * 4 + SLACK : positions;
    if (width > CELLS_MAX / rows)
        width = CELLS_MAX / rows > 64 ? CELLS_MAX / rows : 64;
    return width;
}

bool order_walk_sees_all(const struct order_walk *w)
{
    return w->n_places < CELLS_MAX / (w->n_items + 1);
}

static bool make_table(const struct order_walk *w, const struct stretch *s, struct walk_table *t)
{
    size_t rows = s->end - s->first + 1, positions = s->n + 1;

    *t = (struct walk_table){ .width = row_width(w, rows, positions) };
    t->came = calloc(rows, t->width);
    t->row_lo = calloc(rows, sizeof *t->row_lo);
    t->best = calloc(rows, sizeof *t->best);
    t->here = all_infinite(positions);
    t->gap = all_infinite(positions);
    t->here2 = all_infinite(positions);
    t->gap2 = all_infinite(positions);
    return t->came && t->row_lo && t->best && t->here && t->gap && t->here2 && t->gap2;
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
    int other = row > 1 ? print_other_kind(&w->o->print[item - 1], &w->o->print[item],
                                     w->last_block) : 0;
    int out = w->at[item] ? INFINITE : w->o->counted[item] ? LEFT_OUT : LEFT_OUT_OLD;

    for (size_t p = t->row_lo[row - 1]; p < lo; p++)
        t->here2[p] = t->gap2[p] = INFINITE;
    for (size_t p = lo; p < hi && p <= s->n; p++) {
        int c = p ? t->here[p - 1] : INFINITE;
        uint8_t how = CAME_NEXT;

        if (p && w->place[s->from + p - 1].goes_on & 1)
            c += other;

        if (p && t->gap[p - 1] < c) {
            c = t->gap[p - 1];
            how = CAME_GAP;
        }
        if (jump < c) {
            c = jump;
            how = CAME_JUMP;
        }
        c = p ? least(c + order_emission(w, item, s->from + p - 1), INFINITE) : INFINITE;
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

    /* What follows the last item stays empty. Of equals the first is right: disks are filled from
     * their start. */
    for (size_t q = s->n + 1; q-- > t->row_lo[row];) {
        if (q < t->row_lo[row] + t->width && t->here[q] + rest <= least_cost) {
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

bool order_walk_stretch(struct order_walk *w, const struct stretch *s, size_t *path)
{
    size_t rows = s->end - s->first;
    struct walk_table t;
    bool ok = make_table(w, s, &t);

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
