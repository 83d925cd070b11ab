/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A team of threads that carries out one function together. Signals are blocked in all
 * but the calling thread. */
#ifndef QCHECK_SCAN_TEAM_H
#define QCHECK_SCAN_TEAM_H

#include <pthread.h>

#include "base/error.h"

/* Calls fn(ctx, 0) ... fn(ctx, n-1) at once, number 0 on the calling thread, and returns
 * when all have. When threads cannot be started, false: nothing was called. */
bool team_run(unsigned n, void (*fn)(void *ctx, unsigned worker), void *ctx,
              struct error *err);

/* As many workers as the machine has cores, at most THREADS_MAX; `wanted` > 0 wins. */
unsigned team_size(unsigned wanted);


#endif
