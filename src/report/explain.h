/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The problem table as text and JSON. */
#ifndef QCHECK_REPORT_EXPLAIN_H
#define QCHECK_REPORT_EXPLAIN_H

#include "report/out.h"
#include "scan/problem.h"

/* Every kind: id, severity, title; one line each, grouped by severity. */
void explain_list(struct out *out);

/* One kind in full. */
void explain_kind(enum problem_kind kind, struct out *out);

/* An array with one object for each of the n kinds. */
void explain_json(const enum problem_kind *kind, size_t n, struct out *out);

#endif
