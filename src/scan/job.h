/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A scan on a thread of its own, for the inspector. */
#ifndef QCHECK_SCAN_JOB_H
#define QCHECK_SCAN_JOB_H

#include "scan/scan.h"

struct job;

/* Starts at once, all signals blocked in its threads. The image must outlive the job. */
bool job_start(const struct image *img, const struct scan_options *opt, struct job **out,
               struct error *err);
struct scan_progress *job_progress(struct job *job);
int job_fd(const struct job *job);          /* readable when the scan has ended (poll it) */
void job_cancel(struct job *job);           /* returns at once; the job ends soon after */
bool job_ended(struct job *job);
/* Waits for the end and hands the result over (caller frees). NULL with *err on failure. */
struct scan_result *job_take(struct job *job, struct error *err);
void job_free(struct job *job);             /* cancels and waits when still running */

#endif
