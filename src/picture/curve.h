/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The path on which a map lays its cells: rows, or a Hilbert curve that fills any
 * rectangle and keeps neighbours in the file near each other on the screen. */
#ifndef QCHECK_PICTURE_CURVE_H
#define QCHECK_PICTURE_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curve {
    int rows, cols;
    bool hilbert;
    uint32_t *spot;         /* owned; step on the path -> y * cols + x; NULL: rows */
    uint32_t *step;         /* owned; the other way round */
};

/* Makes the path for a rectangle; does nothing when it is that one already. Without
 * memory it becomes rows. */
void curve_fit(struct curve *c, int rows, int cols, bool hilbert);
void curve_free(struct curve *c);

static inline size_t curve_cells(const struct curve *c)
{
    return (size_t)c->rows * (size_t)c->cols;
}

/* Cell number `step` lies at *y, *x; step < curve_cells(). */
void curve_spot(const struct curve *c, size_t step, int *y, int *x);
size_t curve_step(const struct curve *c, int y, int x);     /* inside the rectangle */

#endif
