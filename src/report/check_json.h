/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The result of a check as JSON: the keys of `qemu-img check --output=json` with its
 * rules for absent ones, and next to them one object `qcheck` with everything that is
 * ours. Described in qcheck-json(5). */
#ifndef QCHECK_REPORT_CHECK_JSON_H
#define QCHECK_REPORT_CHECK_JSON_H

#include "insight/cause.h"
#include "insight/figures.h"
#include "report/out.h"
#include "scan/scan.h"

#define JSON_SCHEMA_VERSION 1       /* of every JSON form this program writes */

struct check_json {
    const char *filename;           /* as the person gave it */
    const struct scan_result *scan;
    const struct insight *insight;  /* of this scan; NULL: no verdict, no causes */
    const struct figures *figures;  /* NULL: not asked for */
    bool metadata;                  /* add `viscera` */
    bool stats;                     /* add what the scan took */
    int status;                     /* with which the program will exit */
};

/* The rule by which QEMU refuses a file of which this is the error; NULL: the error is about
 * something else than the content of the file. A constant. */
const char *refused_rule(const struct error *err);

/* Of a file that cannot be read as a qcow2 image: its name, `refused` and why. Nothing where
 * there is no such rule. */
void refused_json_write(const char *filename, const struct error *err, struct out *out);

/* False when memory runs out. */
bool check_json_write(const struct check_json *c, struct out *out, struct error *err);

#endif
