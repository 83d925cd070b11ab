/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of salvage_l1: L2 tables without an owner, and the L1 table they are put under. */
#ifndef QCHECK_PLAN_RESCUE_SALVAGE_L1_H
#define QCHECK_PLAN_RESCUE_SALVAGE_L1_H

#include "plan/rescue/salvage.h"

enum how {
    BY_SHARED,          /* a snapshot has the same table, and something else refers to it */
    BY_FLIP,            /* the entry leads there but for one bit */
    BY_SNAPSHOT, BY_ADDRESS, BY_FIT,
    BY_OLD,             /* of a snapshot, as nothing else is known of its place */
    BY_ORDER,
};

/* An L2 table without an owner. */
struct lone {
    uint64_t off;
    size_t used, copied;            /* entries in use; of these, with the COPIED flag */
    size_t normal, owned;           /* ... that are not compressed; whose cluster has an owner */
    uint64_t strays;                /* clusters before it in the file that no table maps */
    int64_t index;                  /* in the L1 table; -1: not known */
    enum how how;
};

struct l1_work {
    struct salvage *s;
    struct layer_l1 l1;             /* as it is */
    uint64_t n;                     /* entries the table is to have */
    uint64_t *entry;                /* owned */
    bool *usable;                   /* owned: of each entry, or it is zero and may be */
    size_t n_bad;                   /* entries that are neither */
    struct lone *lone;              /* owned */
    size_t n_lone;
    struct orphans others;          /* what nobody owns, with the tables */
};

/* The L1 table as it is; false: no memory. */
bool l1_read_entries(struct l1_work *w, struct error *err);
/* L2 tables that no entry leads to, by rising offset; copies and tables of snapshots are left
 * out. */
bool l1_find_lone(struct l1_work *w, struct error *err);
/* Gives those their index that an entry leads to but for one bit, unless it leads to a table. */
void l1_find_flipped(struct l1_work *w);
/* Adds those that snapshots have as well. */
bool l1_find_shared(struct l1_work *w, struct error *err);
/* For qsort, of struct lone. */
int lone_by_off(const void *a, const void *b);

#endif
