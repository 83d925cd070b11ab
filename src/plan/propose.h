/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which goal mends a problem or a cause, and planning it on a thread. */
#ifndef QCHECK_PLAN_PROPOSE_H
#define QCHECK_PLAN_PROPOSE_H

#include "base/task.h"
#include "insight/cause.h"
#include "plan/planner.h"

/* The goal that mends what is wrong: one of plan_goals(). */
const char *propose_for_problem(enum problem_kind kind);
const char *propose_for_cause(const struct cause *cause);

struct proposal {
    const struct image *img;        /* borrowed: as it is */
    struct trial_options how;       /* progress and look_beside are its own */
    struct patches start;           /* owned: of the steps that are chosen */
    const char *goal;
    bool accept_loss;               /* give up guest data where nothing else helps */
    struct scan_progress progress;
    struct plan plan;               /* owned: the outcome */
};

/* A task_work; arg is the proposal. To stop it set progress.cancel as well. */
bool propose_work(void *arg, struct task_run *run, struct error *err);
void proposal_free(struct proposal *p);     /* accepts NULL; frees p itself */

#endif
