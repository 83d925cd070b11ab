/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* SHA-256 of a disk: that of the raw file that an export makes of it. */
#ifndef QCHECK_DISK_SUM_H
#define QCHECK_DISK_SUM_H

#include <stdatomic.h>

#include "base/digest.h"
#include "disk/disk.h"

#define SUM_RANGE (UINT64_C(1) << 30)       /* bytes of one range of --ranges */

struct sum_options {
    unsigned threads;                       /* 0: as many as there are cores */
    /* Called with the sum of each SUM_RANGE in order; NULL: not wanted. */
    void (*range)(void *ctx, uint64_t off, uint64_t len, const uint8_t sum[DIGEST_LEN]);
    void *ctx;
};

struct sum_result {
    uint8_t sum[DIGEST_LEN];
    uint64_t bytes[N_DISK_STATES];          /* of each state; what is lost counts as zeros */
};

/* False when cancelled (ERR_CANCELLED), when memory runs out, and in builds without
 * libcrypto. *done goes from 0 to the size of the disk. */
bool sum_disk(struct disk *d, const struct sum_options *opt, _Atomic uint64_t *done,
              _Atomic bool *cancel, struct sum_result *out, struct error *err);

#endif
