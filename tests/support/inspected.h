/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What src/inspect says of an image, as text to compare: every table with its rows in each
 * order, what lies at bytes all over the file, what snapshots hold; and listings of the tables
 * with each choice of what to list. */
#ifndef QCHECK_TESTS_INSPECTED_H
#define QCHECK_TESTS_INSPECTED_H

#include "reports_of.h"

extern const struct report_part inspected_parts[];      /* one without a name ends them */

#endif
