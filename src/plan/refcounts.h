/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Planners of the refcounts: makes the stored ones those that the scan counted.
 * Spec: "Host cluster management". */
#ifndef QCHECK_PLAN_REFCOUNTS_H
#define QCHECK_PLAN_REFCOUNTS_H

#include "plan/trial.h"

enum refcounts_goal {
    REFCOUNTS_RAISE = 1,    /* those lower than counted: what protects live clusters */
    REFCOUNTS_LOWER = 2,    /* those higher than counted: frees leaks */
    REFCOUNTS_KEEP = 4,     /* in blocks written anew: clusters that hold something are used,
                               whoever they belong to */
};

struct refcounts_outcome {
    uint64_t raised, lowered;       /* clusters */
    uint64_t new_blocks;            /* refcount blocks written anew */
    bool new_table;                 /* the refcount table was written anew */
    uint64_t too_wide;              /* clusters with more references than the width can tell */
};

/* Takes the changes in `trial` and adds them to `step`. goal: bits of enum refcounts_goal;
 * a refcount table or block that is missing, unreadable, misaligned or used for something
 * else as well is replaced whatever the goal. */
bool refcounts_plan(struct trial *trial, unsigned goal, struct patches *step,
                    struct refcounts_outcome *out, struct error *err);

/* Raises and lowers the refcounts of those clusters whose number of references is another one
 * than in the scan `before`, by the difference: what was wrong before stays as it was. */
bool refcounts_follow(struct trial *trial, const struct scan_result *before,
                      struct patches *step, struct error *err);

#endif
