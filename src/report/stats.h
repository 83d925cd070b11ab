/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a scan took. */
#ifndef QCHECK_REPORT_STATS_H
#define QCHECK_REPORT_STATS_H

#include "report/out.h"
#include "scan/scan.h"

void stats_text(const struct scan_stats *st, struct out *out);

#endif
