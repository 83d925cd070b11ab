/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What no witness can place is placed by its order in the file. Images that were converted have
 * their clusters in the order of the disk, with those of zeros left out; images that a guest
 * wrote consist of runs of neighbours. Where the gaps are is told by which parts of a cluster
 * are zeros, compared with which parts of the disk are free. */
#ifndef QCHECK_PLAN_RESCUE_ALIGN_H
#define QCHECK_PLAN_RESCUE_ALIGN_H

#include "plan/rescue/rescue_guest.h"

/* What a candidate looks like. Its 16 blocks (fewer of 4 KiB) are told by kinds that mostly
 * stay the same within a file. */
#define PRINT_TAILS 6
struct print_tail { uint8_t part; uint16_t zeros; };    /* bytes of zeros at the end of a part */

struct print {
    uint64_t nonzero[2];        /* parts that are not all zeros: 128, or fewer of 512 bytes */
    uint16_t text, dense;       /* blocks of text; as even as what is packed or encrypted */
    uint16_t text_edge, dense_edge;     /* blocks that differ in that from the one before */
    uint64_t magic[2];          /* parts that begin as files of some type do */
    struct print_tail tail[PRINT_TAILS];
    uint8_t n_tails;            /* more than PRINT_TAILS: not all are listed */
};

void print_take(struct print *p, const uint8_t *bytes, size_t len);

struct align_order {
    struct rescue_guest *g;             /* borrowed */
    const struct print *print;          /* of each candidate */
    const bool *counted;                /* of each candidate: it must have a place */
    bool loose;                         /* the order is not strict: some are compressed */
    const _Atomic bool *cancel;         /* NULL: never */
};

/* Places candidates that are not pinned. With `all` unset only those of which there is no
 * doubt, as LIKELY; then witnesses may know more. Else all whose place is more likely than not,
 * as POSSIBLE or LIKELY. *news: something was placed, with `all` as LIKELY. */
bool align(const struct align_order *o, bool all, bool *news, struct error *err);

/* Takes back what was placed as POSSIBLE. */
void align_forget(struct rescue_guest *g);

/* A candidate is entry `entry` of a block of `per` places that belong together. */
struct align_block { uint32_t block, entry; };

/* Finds places for blocks (index -1) among those that no other has: index * per is the guest
 * cluster of entry 0. Blocks are lost as a whole. Leaves those at -1 that fit nowhere better than
 * anywhere else, and all where there are too many. */
bool align_blocks(struct rescue_guest *g, const struct print *print,
                  const struct align_block *item, size_t n, size_t n_blocks, uint64_t per,
                  int64_t *index, struct error *err);

#endif
