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

/* Reads `len` bytes (4096 at most) from byte `at` on of the disk and of each volume, as far as
 * they are certain. Ends when `match` returns true, and says where that volume begins. */
typedef bool volume_match(void *ctx, const uint8_t *bytes);
bool volume_find(struct rescue_guest *g, uint64_t at, size_t len, volume_match *match, void *ctx,
                 uint64_t *start);

/* Where a file system of `fs_len` bytes begins: at a volume that is known, and just long enough;
 * else, with confidence LIKELY, at a usual place such that it ends where the disk ends. CERTAIN
 * when just one volume fits. False: nowhere. */
bool volume_home(const struct rescue_guest *g, uint64_t fs_len, uint64_t *start,
                 enum rescue_sure *sure);

#endif
