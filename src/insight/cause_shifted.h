/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* By how much a part of the file lies elsewhere than it should: the search, and what it finds. */
#ifndef QCHECK_INSIGHT_CAUSE_SHIFTED_H
#define QCHECK_INSIGHT_CAUSE_SHIFTED_H

#include "insight/cause_work.h"

struct file_shift {
    const struct l2_table *first;   /* of those that lie elsewhere, so many bytes further: */
    int64_t by;                     /* < 0: as many are missing, > 0: too many */
    uint64_t after;                 /* host byte: up to here all is where it should be */
    uint64_t at;                    /* where the bytes too many begin; UINT64_MAX: not known */
    bool zeros;                     /* they are zeros; else what comes before once more */
    bool sized;                     /* the size of the file says the same */
    size_t found, used;             /* tables that lie there; entries in them */
};

/* How many bytes are missing from a file of which a part lies `by` bytes further, if any. */
static inline uint64_t shift_missing(int64_t by)
{
    return by < 0 ? (uint64_t)-by : 0;
}

/* Looks for tables that seem to be overwritten and are found a fixed number of bytes further on or
 * back; false: there are none such. */
bool shift_find(struct work *w, struct file_shift *out);

#endif
