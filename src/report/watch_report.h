/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One scan of many of an image that is watched, beside the one before. */
#ifndef QCHECK_REPORT_WATCH_REPORT_H
#define QCHECK_REPORT_WATCH_REPORT_H

#include <time.h>

#include "insight/difference.h"
#include "report/out.h"

struct watch_report {
    uint64_t number;                    /* of the scan, from 1 */
    time_t when;
    const struct scan_result *scan;
    uint64_t file_before;               /* bytes, at the scan before */
    const struct difference *diff;      /* from the scan before; NULL: the first */
    bool written;                       /* the file was written to while it was scanned */
};

void watch_text(const struct watch_report *r, struct out *out);
/* One line. */
void watch_json(const struct watch_report *r, struct out *out);

#endif
