/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Between the two halves of placing candidates of ext2, ext3, ext4: what suggests places, and
 * what chooses among them. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_EXT_PLACING_H
#define QCHECK_PLAN_RESCUE_WITNESS_EXT_PLACING_H

#include "plan/rescue/witness_ext.h"

#define EXT_PLACES_MAX 64       /* tried for one candidate */

/* What is looked for: by checksum, by owner, by count. */
struct ext_key { uint64_t key; size_t item; };
struct ext_keys { struct ext_key *list; size_t n; };

struct ext_claim {
    size_t cand;
    uint64_t guest_cl;
    struct ext_fit fit;
    unsigned score;
    uint64_t bytes_sum;         /* tells whether two candidates hold the same */
    bool closed;                /* decided */
    bool place_tied, cand_tied; /* others are as good */
};

struct ext_placing {
    struct ext_fs *fs;
    struct rescue_guest *g;
    uint8_t *bytes;             /* owned: a cluster */
    uint32_t cluster;
    struct ext_keys sums;           /* bitmaps by checksum, or by kind and number of free bits */
    struct ext_keys owners;         /* directories and extent blocks by seed; without checksums
                                   directories by inode, extent blocks by first block */
    struct ext_keys maps;           /* INDIRECT by offset in the cluster */
    struct ext_keys tables;         /* clusters of inode tables in use; key: guest cluster */
    size_t pairs_left;
    uint64_t place[EXT_PLACES_MAX];
    size_t n_places;
    struct ext_claim *claim;       /* owned */
    size_t n_claims, claims_cap;
    bool starved;
};

void ext_key_add(struct ext_placing *pl, struct ext_keys *k, uint64_t key, size_t item);
void ext_keys_sort(struct ext_keys *k);
/* The run of one key in sorted ones; returns how many. */
size_t ext_key_find(const struct ext_keys *k, uint64_t key, size_t *first);

/* pl->bytes of that candidate fit there. */
void ext_claim_add(struct ext_placing *pl, size_t cand, uint64_t guest_cl,
                   const struct ext_fit *fit);
/* Pins what is claimed, the best first; what is claimed equally well by candidates of different
 * bytes is left open. `like`: of each candidate. */
void ext_choose(struct ext_placing *pl, const uint8_t *like, bool *news);

#endif
