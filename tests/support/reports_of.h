/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the reports say about an image, for tests that compare it with golden files. Causes and
 * the verdict are left out: other tests judge them. */
#ifndef QCHECK_TESTS_REPORTS_OF_H
#define QCHECK_TESTS_REPORTS_OF_H

#include "report/out.h"
#include "scan/scan.h"

struct report_part {
    const char *name;
    void (*put)(const struct scan_result *scan, struct out *out);
};

extern const struct report_part report_parts[];         /* one without a name ends them */

#endif
