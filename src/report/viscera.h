/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The places of all metadata as the JSON tree `viscera`, in the form proposed for
 * `qemu-img check -M`. Written as a stream: each table is read when its turn comes. */
#ifndef QCHECK_REPORT_VISCERA_H
#define QCHECK_REPORT_VISCERA_H

#include "report/jw.h"
#include "scan/scan.h"

/* Adds the member `viscera` to the open object. Sections that the image does not have are
 * absent, and so are entries that cannot be read. False when memory runs out. */
bool viscera_write(struct jw *j, const struct scan_result *scan, struct error *err);

#endif
