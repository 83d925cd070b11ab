/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the goal "reused": clusters with two owners, and what is done about them. Nobody
 * but plan/reused*.c includes this. */
#ifndef QCHECK_PLAN_REUSED_H
#define QCHECK_PLAN_REUSED_H

#include "plan/entries.h"
#include "plan/entry_prove.h"
#include "plan/room.h"
#include "scan/refsearch.h"

struct reuse {
    size_t target;                  /* index of the cluster */
    struct referrer r;
    bool movable;
};

struct reused {
    struct trial *t;
    const struct planner_options *opt;
    struct ref_target *target;      /* owned: the clusters, rising */
    size_t n, cap;
    struct reuse *use;              /* owned: who refers to them, by cluster and guest */
    size_t n_uses, cap_uses;
    struct entries changed;
    struct prover prover;
    struct room room;
    struct patches round;
    uint64_t copies, proven, zeroed, left;
    bool failed;                    /* memory ran out, in a callback */
};

/* Fills target, n, use and n_uses: uses by cluster, and there tables first, then by guest
 * byte. */
bool reused_find(struct reused *u, struct error *err);

#endif
