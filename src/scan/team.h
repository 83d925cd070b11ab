/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A team of threads that carries out one function together. Signals are blocked in all
 * but the calling thread. */
#ifndef QCHECK_SCAN_TEAM_H
#define QCHECK_SCAN_TEAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Calls fn(ctx, 0) ... fn(ctx, m-1) at once, number 0 on the calling thread, and returns
 * when all have. m is n, or fewer where so many threads cannot be started. Before that calls
 * ready(ctx, m) on the calling thread, where it is not NULL; when it is false, so is this,
 * with no fn called and *err left to it. */
bool team_run(unsigned n, bool (*ready)(void *ctx, unsigned m, struct error *err),
              void (*fn)(void *ctx, unsigned worker), void *ctx, struct error *err);

/* As many workers as the machine has cores, at most THREADS_MAX; `wanted` > 0 wins. */
unsigned team_size(unsigned wanted);

/* Units of work done by a team in rounds: in each, the workers take one unit after the
 * other; when all of the round are done, one of them goes through what came out, in the
 * order of the units, while the others wait. So the number of workers never shows. */
struct rounds {
    uint64_t n_units, per_round;
    /* Units [first, first + n) are done; false: no more rounds. On worker 0, which is the
     * thread that called team_run. Not called when a unit failed. */
    bool (*done)(void *ctx, uint64_t first, uint64_t n);
    void *ctx;
    /* inside */
    uint64_t first;                 /* of this round */
    bool stop;
    _Atomic uint64_t cursor;
    _Atomic bool failed;
    bool there;                     /* the barrier */
    pthread_barrier_t barrier;
};

/* Before a team of n begins (from `ready`); sets all that is inside. rounds_free also of what
 * is all zeros. */
bool rounds_init(struct rounds *r, unsigned n, struct error *err);
void rounds_free(struct rounds *r);

/* The next unit for this worker; *slot: its number within the round. False: that was all.
 * Every worker must call it until then, also one that failed. */
bool rounds_next(struct rounds *r, unsigned worker, uint64_t *unit, uint64_t *slot);

/* A worker could not do its work: there are no more units for anybody. */
void rounds_fail(struct rounds *r);

#endif
