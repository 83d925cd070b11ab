/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan in the making: steps that a person adds, chooses, moves and takes away again, with
 * undo and redo. A step of "set" rests on nothing; any other rests on the steps that were
 * chosen when it was planned, and can be taken only with them.
 *
 * Not for several threads; steps handed out stay as they are until draft_free. */
#ifndef QCHECK_PLAN_DRAFT_H
#define QCHECK_PLAN_DRAFT_H

#include "plan/plan.h"

struct draft;

bool draft_new(struct draft **out, struct error *err);
void draft_free(struct draft *d);           /* accepts NULL */

size_t draft_n(const struct draft *d);
const struct plan_step *draft_step(const struct draft *d, size_t i);
bool draft_chosen(const struct draft *d, size_t i);
size_t draft_n_chosen(const struct draft *d);
/* Guest bytes, of all layers, that chosen steps give up, and that they put back. */
void draft_guest_bytes(const struct draft *d, uint64_t *given_up, uint64_t *put_back);
/* Grows with every change of what is chosen. */
uint64_t draft_version(const struct draft *d);

/* Each of these is one unit of undo. */
/* Appends the steps of a plan, each chosen as it says, and leaves none in it. */
bool draft_add(struct draft *d, struct plan *steps, struct error *err);
/* Chooses a step, and all that it rests on; or leaves it out, and all that rest on it. */
bool draft_toggle(struct draft *d, size_t i, struct error *err);
/* Takes a step away, and all that rest on it. */
bool draft_remove(struct draft *d, size_t i, struct error *err);
/* Changes places with the step before (dir < 0) or after it. */
bool draft_move(struct draft *d, size_t i, int dir, struct error *err);
bool draft_may_move(const struct draft *d, size_t i, int dir, struct error *err);

/* False: there is nothing to undo, or to do again. */
bool draft_undo(struct draft *d);
bool draft_redo(struct draft *d);

/* What a scan said before and after all chosen steps is noted in a step of "set". */
void draft_note_counts(struct draft *d, size_t i, const uint64_t before[N_PROBLEMS],
                       const uint64_t after[N_PROBLEMS]);

/* The first chosen step of which it is not known what it does to the guest's disk; false: there is
 * none. */
bool draft_next_unknown(const struct draft *d, size_t *i);
/* That is known now of a step that was handed out: takes losses and owners of `found`; NULL: they
 * stay as they are. */
void draft_note_guest(struct draft *d, const struct plan_step *step, struct plan_step *found);

/* All patches of the chosen steps, flattened. */
bool draft_patches(const struct draft *d, struct patches *out, struct error *err);

/* The plan as a file has it: chosen steps first. It borrows the steps: end it with
 * draft_plan_end, not with plan_free. */
bool draft_plan(const struct draft *d, struct plan *out, struct error *err);
void draft_plan_end(struct plan *p);

#endif
