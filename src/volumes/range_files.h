/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which files own bytes of each of a list of lost ranges. */
#ifndef QCHECK_VOLUMES_RANGE_FILES_H
#define QCHECK_VOLUMES_RANGE_FILES_H

#include "volumes/volume_items.h"

#define RANGE_FILES_MAX 64              /* named of one range; more are only counted */
#define RANGE_PAIRS_MAX ((size_t)1 << 20)       /* named of all ranges */
_Static_assert(RANGE_PAIRS_MAX <= VOLUME_ITEMS_MAX, "each item that is named can be kept");

struct range_file { uint32_t range, item; };

struct range_files {
    struct volumes volumes;
    struct volume_items items;          /* files and directories */
    struct range_file *pair;            /* by range, then by item */
    size_t n, cap;
    uint32_t *n_files;                  /* of each range: how many own bytes of it */
    size_t n_ranges;
};
#define RANGE_FILES_INIT { { NULL, 0 }, VOLUME_ITEMS_INIT, NULL, 0, 0, NULL, 0 }

/* Asks whose the ranges of `lost` are, of which those count that are not DISK_ABSENT. *out has
 * what was had even where it fails; free it either way. */
bool range_files_find(struct volumes_helper *h, struct disk *d, const struct disk_spans *lost,
                      const _Atomic bool *cancel, _Atomic uint64_t *permille,
                      struct range_files *out, struct error *err);
void range_files_free(struct range_files *f);

#endif
