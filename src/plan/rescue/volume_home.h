/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where a file system begins. Several volumes of one length are told apart by what else is known
 * of them, so the heads of all file systems are noted before any is looked for. */
#ifndef QCHECK_PLAN_RESCUE_VOLUME_HOME_H
#define QCHECK_PLAN_RESCUE_VOLUME_HOME_H

#include "plan/rescue/rescue.h"

#define VOLUME_HEADS_MAX 256

/* A candidate has a boot sector or super block of a file system of `fs_len` bytes. `id` tells
 * file systems apart; the first candidate of each counts. */
void volume_head(struct rescue_guest *g, uint64_t id, size_t cand, uint64_t fs_len);

/* Reads `len` bytes (4096 at most) from byte `at` on of the disk and of each volume, as far as
 * they are certain. Ends when `match` returns true, and says where that volume begins. */
typedef bool volume_match(void *ctx, const uint8_t *bytes);
bool volume_find(struct rescue_guest *g, uint64_t at, size_t len, volume_match *match, void *ctx,
                 uint64_t *start);

struct volume_query {
    uint64_t id, fs_len;
    uint64_t hint;              /* where it says itself that it begins; 0: it does not */
};
/* Where a file system begins: at a volume that is known, and just long enough; else, with
 * confidence LIKELY, at a usual place such that it ends where the disk ends. CERTAIN when just
 * one volume fits. False: nowhere, or at one of several that cannot be told apart. */
bool volume_home(struct rescue_guest *g, const struct volume_query *q, uint64_t *start,
                 enum rescue_sure *sure);

#endif
