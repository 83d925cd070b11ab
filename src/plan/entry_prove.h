/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where an entry should lead. A guest that writes in order gets clusters in order, so that
 * the entries before and after tell where this one led; and what it led to has lost its only
 * reference: it is leaked. Where neighbours contradict each other, the value must also be a
 * bit or two away from the one that is there. */
#ifndef QCHECK_PLAN_ENTRY_PROVE_H
#define QCHECK_PLAN_ENTRY_PROVE_H

#include "plan/findings.h"

struct prover {
    const struct trial *t;          /* borrowed: the entries in question make no references */
    struct word_reader reader;
    uint8_t *scratch;               /* owned: room for a cluster */
    uint64_t *taken;                /* owned: clusters given to entries so far, by a hash; 0:
                                       nothing */
    size_t n_slots;                 /* a power of two, twice as many as there can be */
};

/* For at most n_max entries. */
bool prover_init(struct prover *p, const struct trial *t, size_t n_max, struct error *err);
void prover_free(struct prover *p);

/* The host byte that the L1 or L2 entry at `place`, whose value is `was`, should hold; 0:
 * nothing is proved. */
uint64_t prover_look(struct prover *p, const struct place *place, uint64_t was);
/* No other entry gets this cluster. */
void prover_take(struct prover *p, uint64_t off);

#endif
