/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/curve.h"

#include <stdlib.h>

struct vec { int y, x; };

struct curve_walk {
    struct curve *curve;
    size_t n;                   /* cells walked */
};

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static struct vec unit(struct vec v)
{
    return (struct vec){ sign(v.y), sign(v.x) };
}

static struct vec plus(struct vec a, struct vec b)
{
    return (struct vec){ a.y + b.y, a.x + b.x };
}

static struct vec minus(struct vec a, struct vec b)
{
    return (struct vec){ a.y - b.y, a.x - b.x };
}

static struct vec negative(struct vec v)
{
    return (struct vec){ -v.y, -v.x };
}

static int length(struct vec v)
{
    return abs(v.y + v.x);      /* one of them is 0 */
}

static void visit(struct curve_walk *w, struct vec at)
{
    size_t spot = (size_t)at.y * (size_t)w->curve->cols + (size_t)at.x;

    w->curve->spot[w->n] = (uint32_t)spot;
    w->curve->step[spot] = (uint32_t)w->n++;
}

static void line(struct curve_walk *w, struct vec at, struct vec along)
{
    for (int i = length(along); i > 0; i--, at = plus(at, unit(along)))
        visit(w, at);
}

/* Half of a vector; where that is odd one more, so that the path can turn there. */
static struct vec half(struct vec v)
{
    struct vec h = { v.y / 2, v.x / 2 };

    return length(h) % 2 && length(v) > 2 ? plus(h, unit(v)) : h;
}

/* Fills the rectangle spanned by `along` and `across` from the corner `at`; ends in the
 * corner at the other end of `along`. The depth is the logarithm of the screen. */
static void fill(struct curve_walk *w, struct vec at, struct vec along, struct vec across)
{
    struct vec a = half(along);
    struct vec b = half(across);

    if (length(across) == 1) {
        line(w, at, along);
    } else if (length(along) == 1) {
        line(w, at, across);
    } else if (2 * length(along) > 3 * length(across)) {    /* long: two pieces */
        fill(w, at, a, across);
        fill(w, plus(at, a), minus(along, a), across);
    } else {                                                /* out, along, and back */
        struct vec plain = { along.y / 2, along.x / 2 };
        struct vec end = plus(minus(along, unit(along)), minus(b, unit(b)));

        fill(w, at, b, plain);
        fill(w, plus(at, b), along, minus(across, b));
        fill(w, plus(at, end), negative(b), negative(minus(along, plain)));
    }
}

void curve_fit(struct curve *c, int rows, int cols, bool hilbert)
{
    struct curve_walk w = { c, 0 };
    size_t n = (size_t)rows * (size_t)cols;

    if (c->rows == rows && c->cols == cols && c->hilbert == hilbert)
        return;
    curve_free(c);
    c->rows = rows;
    c->cols = cols;
    c->hilbert = hilbert;
    if (!hilbert || n == 0)
        return;
    c->spot = calloc(n, sizeof *c->spot);
    c->step = calloc(n, sizeof *c->step);
    if (!c->spot || !c->step) {
        free(c->spot);
        free(c->step);
        c->spot = c->step = NULL;
    } else if (cols >= rows) {
        fill(&w, (struct vec){ 0, 0 }, (struct vec){ 0, cols }, (struct vec){ rows, 0 });
    } else {
        fill(&w, (struct vec){ 0, 0 }, (struct vec){ rows, 0 }, (struct vec){ 0, cols });
    }
}

void curve_free(struct curve *c)
{
    free(c->spot);
    free(c->step);
    *c = (struct curve){ 0, 0, false, NULL, NULL };
}

void curve_spot(const struct curve *c, size_t step, int *y, int *x)
{
    size_t spot = c->spot ? c->spot[step] : step;

    *y = (int)(spot / (size_t)c->cols);
    *x = (int)(spot % (size_t)c->cols);
}

size_t curve_step(const struct curve *c, int y, int x)
{
    size_t spot = (size_t)y * (size_t)c->cols + (size_t)x;

    return c->step ? c->step[spot] : spot;
}
