/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#ifndef QCHECK_REPORT_DIFF_REPORT_H
#define QCHECK_REPORT_DIFF_REPORT_H

#include "insight/difference.h"
#include "report/out.h"

struct diff_report {
    const char *name_a, *name_b;        /* as people gave them, "IMAGE under PLAN" */
    struct difference_side a, b;
    const struct difference *diff;
};

void diff_text(const struct diff_report *r, struct out *out);
void diff_json(const struct diff_report *r, struct out *out);

#endif
