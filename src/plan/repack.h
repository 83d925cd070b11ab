/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed streams laid out anew: one after the other, byte by byte, from the first free
 * cluster on. Clusters that hold nothing but streams count as free while this is done. Where a
 * stream ends is found by unpacking it, as its entry tells no more than the last sector. */
#ifndef QCHECK_PLAN_REPACK_H
#define QCHECK_PLAN_REPACK_H

#include "plan/trial.h"

struct repacking {
    uint64_t moved;             /* streams */
    uint64_t before, after;     /* host clusters that streams take */
    const char *kept;           /* why they stay as they are, a sentence; NULL: they do not, or
                                   there is nothing to gain */
};

/* Adds copies and entries to `step`, when fewer clusters are taken afterwards, or the last one
 * lies further to the front. in_order: the streams follow the guest disk, gain or not.
 * Refcounts are not touched. */
bool repack_patches(const struct trial *t, bool in_order, struct patches *step,
                    struct repacking *out, struct error *err);

#endif
