/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What must be so of any scan, whatever the image. */
#ifndef QCHECK_TESTS_SUPPORT_CONSISTENT_H
#define QCHECK_TESTS_SUPPORT_CONSISTENT_H

#include "scan/scan.h"

/* Fails the test unless records add up to the counts, the map's answers are those of its cells,
 * and counted references those that "who points here" finds. */
void scan_is_consistent(const struct scan_result *scan);

#endif
