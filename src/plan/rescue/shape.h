/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The shape of an image of which header, L1 table and refcount table are gone: size of
 * clusters and width of L2 entries, by the L2 tables that are left. */
#ifndef QCHECK_PLAN_RESCUE_SHAPE_H
#define QCHECK_PLAN_RESCUE_SHAPE_H

#include "plan/planner.h"

struct image_shape {
    uint32_t cluster_bits;
    bool extended_l2;
    uint64_t compression;           /* enum compression_type */
    uint64_t tables, entries;       /* L2 tables found, and their entries in use */
    bool likely;                    /* without tables: more than a guess */
};

/* Opens a trial for a rescue: as trial_open where the image opens, and else, where tables are
 * found, with a header made for them, which is the first step of the plan. */
bool rescue_open(struct source *src, const struct trial_options *how, struct plan *plan,
                 struct trial **out, struct error *err);

#endif
