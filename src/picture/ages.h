/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Since which snapshot a host cluster has held what it holds: the first snapshot, in the order
 * of the table, that refers to it. */
#ifndef QCHECK_PICTURE_AGES_H
#define QCHECK_PICTURE_AGES_H

#include "scan/scan.h"

struct ages;

#define AGE_ACTIVE  0xfe        /* no snapshot, but the active layer */
#define AGE_NONE    0xff        /* no layer, or only as compressed data */

/* Walks the tables of all layers, as far as usage_bytes_max() goes. */
bool ages_build(const struct image *img, struct ages **out, struct error *err);
void ages_free(struct ages *a);                 /* accepts NULL */

/* The least of host clusters [first, first+n): a step of the ramp, AGE_ACTIVE or AGE_NONE. */
unsigned ages_of(const struct ages *a, uint64_t first, uint64_t n);

/* The snapshots of a step: numbers [*first, *end) of the table. False: none has it. */
bool ages_step(const struct ages *a, unsigned step, size_t *first, size_t *end);

/* There were more tables than it was sensible to read. */
bool ages_partial(const struct ages *a);

#endif
