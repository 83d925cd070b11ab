/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Work on a disk with progress on standard error, that SIGINT and SIGTERM end in order. */
#ifndef QCHECK_CMD_WATCH_H
#define QCHECK_CMD_WATCH_H

#include "base/task.h"
#include "cmd/cmd_common.h"

struct watch {
    const char *phase;              /* "exporting" */
    const char *_Atomic *part;      /* NULL, or the part of it that goes on, which counts from its
                                       own beginning: "planning: compact" */
    _Atomic uint64_t *done;         /* bytes, of */
    uint64_t total;
    _Atomic bool *cancel;           /* set when a signal comes */
};

/* Runs work(arg, ...) on a thread until it ends, and returns what it returns. */
bool watch_run(const struct settings *s, const struct watch *w, task_work *work, void *arg,
               struct error *err);

/* Has a signal asked to stop? */
bool watch_stopped(void);

#endif
