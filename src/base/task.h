/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Work of a view that takes longer than a frame may: a function on a thread of its own,
 * with a descriptor that tells the frame when it has ended (view_class.waiting). */
#ifndef QCHECK_BASE_TASK_H
#define QCHECK_BASE_TASK_H

#include <stdbool.h>

#include "base/error.h"

struct task;

/* Runs work(arg, cancel, err) on a thread, all signals blocked. `work` looks at *cancel
 * often and leaves when it is set. `arg` must stay until task_finish. */
typedef bool task_work(void *arg, _Atomic bool *cancel, struct error *err);
bool task_start(task_work *work, void *arg, struct task **out, struct error *err);

int task_fd(const struct task *t);          /* readable when it has ended */
bool task_ended(const struct task *t);
void task_cancel(struct task *t);           /* returns at once */

/* Waits for the end, frees, and returns what `work` returned. NULL: true. */
bool task_finish(struct task *t, struct error *err);

#endif
