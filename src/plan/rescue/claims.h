/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What candidates claim by the addresses they bear. Disks hold old copies of many blocks, so
 * claims are collected and settled together: of several for one place the newest is right. */
#ifndef QCHECK_PLAN_RESCUE_CLAIMS_H
#define QCHECK_PLAN_RESCUE_CLAIMS_H

#include "plan/rescue/rescue.h"

struct claim {
    uint64_t guest_cl;
    uint64_t age;               /* generation or log position: the greater, the newer */
    size_t cand;
    enum rescue_sure sure;
};

/* All zeros: none. */
struct claims {
    struct claim *claim;        /* owned */
    size_t n, cap;
};

#define CLAIMS_MAX (1u << 22)

/* Bytes [in_cand, ...) of the candidate belong at guest_off. Ignored when a cluster cannot
 * begin so. False: no memory. */
bool claims_add(struct claims *c, const struct rescue_guest *g, size_t cand, uint64_t in_cand,
                uint64_t guest_off, uint64_t age, enum rescue_sure sure);

/* Pins the newest of each place. Where the newest are several that differ, the first is LIKELY
 * at best. A candidate that claims several places gets the first that is its own. Empties the
 * list. Returns whether that was news. */
bool claims_settle(struct claims *c, struct rescue_guest *g, const char *why);
void claims_free(struct claims *c);

/* Do two candidates hold the same bytes? */
bool candidates_alike(struct rescue_guest *g, size_t a, size_t b);

#endif
