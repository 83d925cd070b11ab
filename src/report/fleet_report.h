/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Figures of many images: a line of JSON for each, or metrics for Prometheus. */
#ifndef QCHECK_REPORT_FLEET_REPORT_H
#define QCHECK_REPORT_FLEET_REPORT_H

#include "insight/cause.h"
#include "report/out.h"

/* Has no pointers: it comes from another process. */
struct fleet_result {
    int status;                 /* as of qcheck check of this image alone */
    bool scanned;               /* the figures below are there; else see fleet_fail */
    char error[400];
    char refused[64];           /* rule of QEMU that the image breaks; "": none */
    uint64_t corruptions, leaks, check_errors;
    uint64_t file_bytes, allocated_bytes, disk_bytes, leaked_bytes, damaged_bytes;
    uint64_t allocated_clusters, fragmented_clusters;
    uint64_t problems[N_PROBLEMS];
    uint32_t causes[N_CAUSES];
    uint8_t data_lost;          /* enum verdict_answer; perhaps: it is not known */
    double seconds;             /* of the scan */
};

void fleet_fill(const struct scan_result *scan, const struct insight *insight,
                struct fleet_result *out);

/* Of an image that could not be scanned, for this reason. `rule`: of QEMU, by which it is refused;
 * NULL: none, or not known. */
void fleet_fail(const char *why, const char *rule, struct fleet_result *out);

/* One line of JSON, which has all members whatever came of the image: null is not known. */
void fleet_line(const char *name, const struct fleet_result *r, struct out *out);

/* OpenMetrics text of all; `now` seconds since 1970. */
void fleet_metrics(char *const *name, const struct fleet_result *list, size_t n, uint64_t now,
                   struct out *out);

#endif
