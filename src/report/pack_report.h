/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is told of a pack: the manifest that goes into it, and the same for people. */
#ifndef QCHECK_REPORT_PACK_REPORT_H
#define QCHECK_REPORT_PACK_REPORT_H

#include "insight/cause.h"
#include "pack/anonymous.h"
#include "pack/pack_write.h"
#include "report/out.h"

struct pack_report {
    const struct scan_result *scan;     /* of the image, */
    const struct insight *insight;
    const struct scan_result *kept;     /* ... and of what is in the pack */
    const struct keep *keep;
    struct anonymous foreign;           /* what is or would be replaced */
    bool anonymous;
};

void pack_manifest_write(const struct pack_report *r, struct out *out);
void pack_report_write(const struct pack_report *r, const char *name,
                       const struct pack_size *size, struct out *out);

/* Does a scan of the pack find what a scan of the image finds? */
bool pack_report_same(const struct pack_report *r);

#endif
