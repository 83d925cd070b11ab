/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Planner of the COPIED flags: bit 63 of L1 and L2 entries of the active layer tells whether
 * the refcount of what they point to is exactly 1. Spec: "Cluster mapping". */
#ifndef QCHECK_PLAN_COPIED_H
#define QCHECK_PLAN_COPIED_H

#include "plan/trial.h"

/* Takes the changes in `trial`, whose refcounts should be right already, and adds them to
 * `step`. *changed: entries. by_count: where a refcount is higher than the references, a flag that
 * agrees with the references stays. What was written over a table is left alone. */
bool copied_plan(struct trial *trial, bool by_count, struct patches *step, uint64_t *changed,
                 struct error *err);

#endif
