/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a step does to the guest's disks: the ranges that it changes, and who has bytes in those
 * it gives up: files by name, and what else the file systems there tell. */
#ifndef QCHECK_PLAN_OWNERS_H
#define QCHECK_PLAN_OWNERS_H

#include "plan/plan.h"
#include "volumes/volumes.h"

/* Adds what the guest reads differently, by the tables of both images, to what the step gives up:
 * what is stored no more, or elsewhere with other bytes (of the first OWNERS_BYTES_MAX that are;
 * the rest is taken to be others); of the disk and of up to OWNERS_LAYERS_MAX snapshots. For
 * steps set by hand, which say only what they write. False only when memory runs out. */
bool plan_step_note_guest(struct plan_step *step, const struct image *before,
                          const struct image *after, struct error *err);
#define OWNERS_LAYERS_MAX   64
#define OWNERS_BYTES_MAX    (UINT64_C(64) << 20)

struct owners_how {
    struct volumes_helper *helper;
    struct disk_options disk;
    const _Atomic bool *cancel;         /* NULL: nobody stops it */
};

/* Adds the owners of what a step gives up, as far as the disks of `before`, the image without
 * the step, can be read. False only when memory runs out. */
bool plan_step_find_owners(const struct owners_how *how, const struct image *before,
                           struct plan_step *step, struct error *err);

/* The same for all steps of a plan for `src`. */
bool plan_find_owners(const struct owners_how *how, const struct image_options *opt,
                      struct source *src, struct plan *plan, struct error *err);

#endif
