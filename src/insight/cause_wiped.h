/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables, and pages of them, that are zeros beside clusters that nobody owns. */
#ifndef QCHECK_INSIGHT_CAUSE_WIPED_H
#define QCHECK_INSIGHT_CAUSE_WIPED_H

#include "insight/cause_work.h"

struct wiped {
    uint64_t tables, pages;     /* all zeros, or nearly; pages of zeros amid used ones */
    uint64_t entries;           /* that are left in those tables */
    uint64_t of_snapshots;      /* of those tables; the active disk does not use them */
    bool beside;                /* a leak comes right after such a table, as its first data */
    const struct l2_table *table[EVIDENCE_MAX];
    struct place page[EVIDENCE_MAX];
    struct guest_spans lost_tables, lost_pages;
};

/* Looks for them; finds nothing where every cluster has its owner. */
void wiped_look(struct work *w, struct wiped *out);
/* Clusters that the tables have room for. */
uint64_t wiped_room(const struct work *w, const struct wiped *z);
/* Adds the causes. Leaks go to the first that can have them: after overwritten tables. */
void wiped_tell(struct work *w, const struct wiped *z);
void wiped_free(struct wiped *z);

#endif
