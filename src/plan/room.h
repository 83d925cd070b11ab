/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where a planner puts new clusters. First choice are free clusters (refcount 0, no
 * reference) that read as zeros, second the end of the file, last free clusters that hold
 * something: after a loss those may be the only copy of it. Leaked clusters are never
 * taken, for the same reason. */
#ifndef QCHECK_PLAN_ROOM_H
#define QCHECK_PLAN_ROOM_H

#include "plan/trial.h"

struct room_run { uint64_t first_cl, n; };

struct room {
    const struct trial *trial;      /* borrowed; must stay the same one */
    uint64_t next_cl;               /* clusters before it are not looked at any more */
    unsigned looked;                /* clusters read to see whether they are zeros */
    uint64_t end_cl;                /* where the file ends, with what was taken */
    bool may_grow;                  /* false for block devices */
    bool only_empty;                /* set after room_init: never clusters that hold something */
    uint64_t gap_cl;                /* clusters after the end of the file as it is, ... */
    uint8_t *beyond;               /* ... owned, a byte for each: 1: something points there */
    bool farther;                   /* something points to what lies after those */
    struct room_run *run;          /* owned: what was taken, in rising order */
    size_t n, cap;
};

void room_init(struct room *s, const struct trial *t);
void room_free(struct room *s);

/* Takes n neighbouring clusters. False when there is no room, or no memory. */
bool room_take(struct room *s, uint64_t n, uint64_t *first_cl, struct error *err);

/* Was this cluster taken? */
bool room_taken(const struct room *s, uint64_t cl);

/* Sets the length in `step` when something was taken behind the end of the file. */
void room_set_length(const struct room *s, struct patches *step);

/* Does this cluster read as nothing but zeros? */
bool room_reads_as_zeros(const struct image *img, uint64_t cl);

#endif
