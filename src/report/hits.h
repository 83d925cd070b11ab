/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What was found at a place, as listings say it. */
#ifndef QCHECK_REPORT_HITS_H
#define QCHECK_REPORT_HITS_H

#include "inspect/problem_index.h"
#include "report/jw.h"
#include "report/out.h"

/* "  ! refcount-zero l2-table-copied-flag"; nothing when nothing was found. */
void hits_text(const struct problem_hits *hits, struct out *out);
/* The member `problems`, an array of ids; left out when nothing was found. */
void hits_json(const struct problem_hits *hits, struct jw *j);

#endif
