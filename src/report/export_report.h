/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What an export came to, as JSON (qcheck-json(5)). */
#ifndef QCHECK_REPORT_EXPORT_REPORT_H
#define QCHECK_REPORT_EXPORT_REPORT_H

#include "disk/export.h"
#include "report/out.h"
#include "volumes/range_files.h"

/* files: whose r->lost is; NULL: nobody has looked. */
void export_json(const char *image, const char *output, struct disk_layer layer, bool qcow2,
                 const struct export_result *r, const struct range_files *files,
                 struct out *out);

#endif
