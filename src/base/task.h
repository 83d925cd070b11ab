/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Work that may wait for storage or take long: a function on a thread of its own, which can
 * be told to stop, says how far it is, and whose end wakes a poll(). */
#ifndef QCHECK_BASE_TASK_H
#define QCHECK_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct task;

/* What the work and those who watch it share. */
struct task_run {
    _Atomic bool cancel;                    /* set: the work looks often, and leaves */
    _Atomic uint64_t done, total;           /* progress, in units of the work; total 0:
                                               not known */
};

/* Runs work(arg, run, err) on a thread, all signals blocked. `arg` must stay until
 * task_finish. */
typedef bool task_work(void *arg, struct task_run *run, struct error *err);
bool task_start(task_work *work, void *arg, struct task **out, struct error *err);

int task_fd(const struct task *t);          /* readable when it has ended */
bool task_ended(const struct task *t);
void task_cancel(struct task *t);           /* returns at once */
const struct task_run *task_progress(const struct task *t);

/* Waits for the end, frees, and returns what `work` returned. NULL: true. */
bool task_finish(struct task *t, struct error *err);

#endif
