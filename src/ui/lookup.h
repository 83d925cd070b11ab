/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Who refers to some host clusters, found out on a thread. The person moves on meanwhile:
 * the newest wish counts, an older walk is stopped. */
#ifndef QCHECK_UI_LOOKUP_H
#define QCHECK_UI_LOOKUP_H

#include "scan/referrers.h"
#include "base/task.h"
#include "ui/view.h"

enum lookup_state {
    LOOKUP_IDLE,            /* nothing was wished */
    LOOKUP_RUNNING,
    LOOKUP_DONE,            /* found: the answer */
    LOOKUP_STOPPED,         /* by lookup_stop */
    LOOKUP_FAILED,          /* err says why */
};

/* What to look for. */
struct lookup_wish {
    struct referrers_query what;
    unsigned rest_ms;               /* begin when it has been the wish for so long: wishes
                                       that follow a moving cursor cost nothing then */
};

struct lookup {
    enum lookup_state state;
    struct lookup_wish wish;
    struct referrers found;         /* owned; DONE */
    struct error err;
    /* The walk that goes on; it may be for an older wish. Its thread owns `walk` and
     * `result` until the task has ended. */
    struct task *task;
    struct lookup_wish walk;
    struct referrers result;
    _Atomic uint64_t tables_done;
};

/* Nothing happens when that is the wish already. wait: the answer is there on return
 * (small images only). */
void lookup_want(struct lookup *l, const struct lookup_wish *wish, bool wait);
/* Takes the outcome of a walk that has ended, begins the next one. Call in prepare(). */
void lookup_poll(struct lookup *l);
void lookup_stop(struct lookup *l); /* gives the wish up; poll until it ends */
void lookup_forget(struct lookup *l);           /* the same wish will be walked again */
int lookup_fd(const struct lookup *l);          /* of the walk going on; -1: none */
void lookup_free(struct lookup *l);             /* stops and waits */

/* Bytes of tables that a walk reads, as far as is known. */
uint64_t lookup_cost(const struct ui *ui);

#endif
