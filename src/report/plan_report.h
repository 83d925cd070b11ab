/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan in words: its steps, what they mend and cost, and what would come of it. */
#ifndef QCHECK_REPORT_PLAN_REPORT_H
#define QCHECK_REPORT_PLAN_REPORT_H

#include "plan/plan.h"
#include "plan/trial.h"
#include "report/out.h"

/* size_before: bytes of the file as it is. after: the trial in which all steps were taken.
 * file: where the plan was written, or NULL. */
void plan_report(const struct plan *plan, uint64_t size_before,
                 const struct trial *after, const char *file, struct out *out);

#endif
