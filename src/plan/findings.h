/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* All problem records of a trial, one by one and without a cap, for planners that mend what
 * each of them is about. */
#ifndef QCHECK_PLAN_FINDINGS_H
#define QCHECK_PLAN_FINDINGS_H

#include "plan/trial.h"

/* Called for every record of a wanted kind; false ends the work with what it put in err. */
typedef bool finding_fn(void *ctx, const struct problem *p, struct error *err);

/* Scans the trial once more. wanted: N_PROBLEMS flags. */
bool findings_each(const struct trial *t, const bool *wanted, finding_fn *fn, void *ctx,
                   struct error *err);

/* Reads words of 8 bytes that mostly lie near each other. */
struct word_reader {
    struct source *src;             /* borrowed */
    uint64_t at;                    /* where the bytes come from */
    size_t got;
    uint8_t bytes[4096];
};
bool word_read(struct word_reader *r, uint64_t off, uint64_t *out, struct error *err);

#endif
