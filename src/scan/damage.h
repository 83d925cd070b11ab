/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The parts of the guest disk that cannot be trusted, because problems say so. */
#ifndef QCHECK_SCAN_DAMAGE_H
#define QCHECK_SCAN_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/scan.h"

struct damage_range { uint32_t layer; uint64_t start, end; };   /* guest bytes */

struct damage {
    struct damage_range *list;      /* owned; by layer and start, none touches the next */
    size_t n;
    uint64_t bytes;                 /* all of them together */
};

/* The ranges of one problem: what it says itself, and both users of a cluster that has two.
 * Returns their number. */
unsigned damage_of_problem(const struct problem *p, const struct geometry *geo,
                           struct damage_range out[3]);

/* Of the active layer, or of all that only snapshots hold; as far as records were kept.
 * Clusters with two users are lost for both. It is empty if memory runs out. Free with
 * damage_free. */
void damage_find(const struct scan_result *r, bool active, struct damage *out);
void damage_free(struct damage *d);

#endif
