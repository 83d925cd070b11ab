/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The classic text report: sections in the order of the scan, each stream of it switched
 * by a filter letter (report/streams.h). */
#ifndef QCHECK_REPORT_CLASSIC_H
#define QCHECK_REPORT_CLASSIC_H

#include <stdint.h>

#include "insight/cause.h"
#include "insight/figures.h"
#include "report/out.h"
#include "scan/scan.h"

struct classic {
    uint32_t streams;       /* STREAM_BIT set */
    struct out *out;        /* borrowed */
    struct out err;         /* for the streams that go to standard error */
    const char *name;       /* of the image, as the person gave it */
    const struct insight *insight;      /* borrowed: the verdict and the causes; NULL: neither */
    const struct figures *figures;      /* borrowed; NULL: not wanted */
    bool stats;             /* end with what the scan took */
    int status;             /* with which the program will exit */
};

/* False when a table cannot be read again or memory runs out. */
bool classic_report(struct classic *c, const struct scan_result *scan, struct error *err);

#endif
