/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a broken entry of an L1, L2 or bitmap table can become, by its own bits alone.
 * Spec: "Cluster mapping", "Bitmap table". */
#ifndef QCHECK_PLAN_ENTRY_FIX_H
#define QCHECK_PLAN_ENTRY_FIX_H

#include "qcow2/geometry.h"

struct entry_words { uint64_t word, bitmap; };      /* bitmap: extended L2 entries, else 0 */

/* Does an L2 entry claim bytes that are no whole cluster, and of which nothing is read? */
bool entry_claims_unread(const struct geometry *geo, struct entry_words in);

/* Makes of an L2 entry one that is valid and of which a guest reads the same, or reads
 * something where QEMU read nothing. False: there is none, *out is as near as it gets. */
bool entry_fix_l2(const struct geometry *geo, struct entry_words in, uint64_t guest_off,
                  struct entry_words *out);
/* The same of an L1 entry. */
bool entry_fix_l1(const struct geometry *geo, uint64_t in, uint64_t *out);

/* Is it an entry that a file cut short does not explain? */
bool entry_makes_no_sense(const struct geometry *geo, bool in_l2, struct entry_words in);

/* An L2 entry that reads as zeros; in version 2, which cannot say so, one that is not
 * allocated. Subclusters of `in` that are not allocated stay as they are. */
struct entry_words entry_zero_l2(const struct geometry *geo, struct entry_words in);

/* Does an L2 entry lead to a whole, aligned cluster of the file? */
bool entry_is_plain(const struct geometry *geo, uint64_t word);

#endif
