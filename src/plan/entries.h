/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Planner of entries of L1, L2 and bitmap tables that are not valid or lead nowhere. */
#ifndef QCHECK_PLAN_ENTRIES_H
#define QCHECK_PLAN_ENTRIES_H

#include "plan/entry_fix.h"
#include "plan/planner.h"

#define ENTRIES_MAX     (1u << 20)      /* broken entries that are looked at; more are left */

enum entry_fix {
    ENTRY_LEFT,             /* stays as it is */
    ENTRY_SAME,             /* is valid afterwards and reads the same */
    ENTRY_PROVEN,           /* gets the value that its surroundings prove */
    ENTRY_ZEROED,           /* gives up its range */
    ENTRY_ALL_SET,          /* bitmap table: calls its range changed */
    N_ENTRY_FIXES
};

struct broken_entry {
    struct place place;             /* PLACE_L1, PLACE_L2 or PLACE_BITMAP_TABLE */
    struct entry_words was, now;
    enum entry_fix fix;
    bool shaky;                     /* its table is something else as well, as things are */
    bool foreign;                   /* one of many in a table that holds something else */
};

/* All broken entries of a trial in tables that are nothing but tables, in the order of the
 * file. */
struct entries {
    struct trial *t;                /* borrowed */
    struct broken_entry *list;      /* owned */
    size_t n, cap;
    uint64_t untouched;             /* broken as well, but too many, or in a table that is
                                       something else too */
};

/* Fills `out`; the caller frees it. */
bool entries_collect(struct trial *t, struct entries *out, struct error *err);
void entries_free(struct entries *e);

/* Marks those of tables of which most entries make no sense: something was written over them, what
 * stands there are no entries, and nothing is gained by making them look like some. Not so where
 * all clusters have their owners and all entries can be mended so that they read the same. */
void entries_mark_foreign(struct entries *e);
/* Does the entry at this byte lie in such a table? */
bool entries_foreign(const struct entries *e, uint64_t file_off);

/* Adds what the entries are to become. */
void entries_patch(const struct entries *e, struct patches *step);

/* Is the cluster that holds the entry at `place` one table and nothing else? Entries of what
 * is also a header or a refcount block are none. */
bool entries_in_a_table(const struct trial *t, const struct place *place);

/* Is the cluster of an L2 entry, with owners of these kinds, an L2 table alone? */
bool entries_only_l2(const struct trial *t, const struct place *place, uint32_t kinds);

/* Gives an L2 or L1 entry a value that is proved. */
void entry_take_proven(struct broken_entry *b, uint64_t off, bool copied);

/* Appends an entry to the list. */
bool entries_add(struct entries *e, const struct place *place, struct entry_words was,
                 struct error *err);
/* Sorts by offset and drops doubles. */
void entries_sort(struct entries *e);

/* Looks for proof of those that are ENTRY_LEFT (entry_prove.c). */
bool entries_prove(struct entries *e, struct error *err);

/* Of a sorted list: adds the guest ranges of entries that are given up, or read differently, to the losses of
 * the step, for every layer that reads them (entry_layers.c). */
bool entries_name_losses(const struct entries *e, struct plan_step *step, struct error *err);

#endif
