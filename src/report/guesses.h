/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Header values that were guessed, forced or proposed, in reports. */
#ifndef QCHECK_REPORT_GUESSES_H
#define QCHECK_REPORT_GUESSES_H

#include "qcow2/guess/guess.h"
#include "report/jw.h"
#include "report/out.h"

/* One line each, begun with `label`. */
void guesses_lines(const struct guesses *g, const char *label, struct out *out);

/* The key "header-values", where there are any. */
void guesses_json(const struct guesses *g, struct jw *j);

#endif
