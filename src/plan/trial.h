/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A trial: an image as it would be after the steps taken so far, scanned. Planners look at a
 * trial, never at the image itself, so that each step rests on the outcome of those before
 * it and nothing is proposed that was not scanned. */
#ifndef QCHECK_PLAN_TRIAL_H
#define QCHECK_PLAN_TRIAL_H

#include "base/patch.h"
#include "scan/scan.h"

struct trial_options {
    struct image_options image;
    struct scan_options scan;
    struct scan_progress *progress;     /* of the scans and of what planners do; NULL: none */
    bool keep_partial;                  /* a scan that was stopped is used as far as it came */
    /* Says which of the files that an image names are there; NULL: nobody can look. */
    void (*look_beside)(void *ctx, struct image *img);
    void *beside_ctx;
};

/* What was found last by streams_end_before(): the last byte of a cluster that streams need. */
struct stream_reach { uint64_t cl, end, walks; unsigned looks; };

struct trial {
    struct source *below;           /* borrowed: the image as it is */
    struct trial_options opt;
    struct patches *all;            /* owned: of the steps taken, flattened */
    struct image *img;              /* owned, with all of them laid over `below` */
    struct scan_result *scan;       /* owned, of img */
    struct stream_reach *reach;     /* owned, of img */
};

/* Opens and scans `below` without any change. Patches may be given to start from (copied);
 * NULL: none. */
bool trial_open(struct source *below, const struct trial_options *opt,
                const struct patches *start, struct trial **out, struct error *err);
void trial_close(struct trial *t);          /* accepts NULL */

/* Takes a step: lays its patches over the trial, opens and scans the outcome. When that
 * fails the trial stays as it was. img and scan are new objects afterwards. */
bool trial_take(struct trial *t, const struct patches *step, struct error *err);

/* What a trial was before a step: image and scan, for planners that compare. */
struct trial_past {
    struct patches *all;
    struct image *img;
    struct scan_result *scan;
};

/* As trial_take, and keeps what was before; trial_past_free ends it. */
bool trial_take_past(struct trial *t, const struct patches *step, struct trial_past *past,
                     struct error *err);
void trial_past_free(struct trial_past *past);

/* Notes how far a planner is with something that takes long. False: it is to stop. */
bool trial_going_on(const struct trial *t, uint64_t done, uint64_t total, struct error *err);

/* Adds to `step` a copy of bytes [from, from + len) of the trial. They are copied from the
 * file where no step has changed them, and carried along otherwise. */
bool trial_copy(const struct trial *t, struct patches *step, uint64_t off, uint64_t from,
                uint64_t len, struct error *err);

#endif
