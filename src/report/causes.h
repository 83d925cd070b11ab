/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What happened to an image and what to do, as text and as JSON. */
#ifndef QCHECK_REPORT_CAUSES_H
#define QCHECK_REPORT_CAUSES_H

#include "base/error.h"
#include "insight/cause.h"
#include "report/jw.h"

/* The verdict, the causes with their evidence, and the steps. Of an image in which nothing
 * is found: nothing. */
void causes_text(const struct insight *x, struct out *out);

/* The members `verdict`, `causes` and `unexplained` of an open object. */
void causes_json(const struct insight *x, struct jw *j);

/* The member `verdict` of a file that cannot be read as a qcow2 image. */
void verdict_refused_json(const struct error *err, struct jw *j);

/* One cause of the table, for `explain`. */
void causes_explain(enum cause_kind kind, struct out *out);
void causes_explain_json(enum cause_kind kind, struct jw *j);

#endif
