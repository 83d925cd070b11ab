/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The tables of problems and of causes as text and JSON. */
#ifndef QCHECK_REPORT_EXPLAIN_H
#define QCHECK_REPORT_EXPLAIN_H

#include "insight/cause.h"
#include "report/out.h"
#include "scan/problem.h"

/* Every kind and every cause: id and title; one line each, grouped by severity and weight. */
void explain_list(struct out *out);

/* One kind in full. */
void explain_kind(enum problem_kind kind, struct out *out);

/* An array with one object for each of the n kinds and n_causes causes. */
void explain_json(const enum problem_kind *kind, size_t n, const enum cause_kind *cause,
                  size_t n_causes, struct out *out);

#endif
