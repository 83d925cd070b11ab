/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters that change places: their contents are copied and every pointer to them follows,
 * from whatever table. Refcounts are not touched. */
#ifndef QCHECK_PLAN_RELOCATE_H
#define QCHECK_PLAN_RELOCATE_H

#include "plan/trial.h"

struct relocation {
    uint64_t *to;               /* owned: new host cluster of each of the file; 0: it stays */
    uint64_t n;                 /* clusters of the file */
    uint64_t moved;
};

/* False when memory is too short for one number per cluster. */
bool relocation_init(struct relocation *r, const struct trial *t, struct error *err);
void relocation_free(struct relocation *r);

/* Neighbouring clusters that can only move together. */
struct relocation_unit { uint64_t first_cl, n; };

/* May this cluster be moved, and with which others? Its owners are all known and of a kind
 * whose pointers can follow, and no problem concerns it. *why, when it may not: a sentence
 * without its stop. */
bool relocation_possible(const struct trial *t, uint64_t cl, struct relocation_unit *unit,
                         const char **why);

/* Does nobody use this cluster, as far as the scan knows? */
bool relocation_vacant(const struct trial *t, uint64_t cl);

/* Why no cluster of this image can be moved; NULL: they can. */
const char *relocation_refused(const struct trial *t);

/* Adds copies and pointers to `step`. */
bool relocation_patches(const struct trial *t, const struct relocation *r,
                        struct patches *step, struct error *err);

#endif
