/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The problems of a scan in the order of the file: what n and N step through. */
#ifndef QCHECK_UI_TOUR_H
#define QCHECK_UI_TOUR_H

#include "scan/problem.h"

struct tour {
    const struct problems *problems;    /* borrowed */
    size_t *order; /* owned: indices in problems->list; NULL: no memory */
};

void tour_init(struct tour *t, const struct problems *problems);
void tour_free(struct tour *t);

/* Position in `order` of the next (dir > 0) or previous problem, wrapping round: seen
 * from problem number `from` of the list when `here` is still its place, else from the
 * file offset of `here`. 0 when there are none. */
size_t tour_step(const struct tour *t, const struct place *here, size_t from, int dir);

#endif
