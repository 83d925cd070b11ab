/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of a disk that is being rescued. Nobody but rescue.c, rescue_marks.c,
 * rescue_joined.c and volume_home.c includes this. */
#ifndef QCHECK_PLAN_RESCUE_RESCUE_INSIDE_H
#define QCHECK_PLAN_RESCUE_RESCUE_INSIDE_H

#include "plan/rescue/rescue_guest.h"

#define PLACE_PAGE 4096             /* guest clusters of which places are made at once */

struct pin_place {
    const char *why;
    uint32_t cand;
    uint8_t held;                   /* a candidate is there */
    uint8_t sure;                   /* how sure */
    uint8_t disputed;               /* nothing up to this confidence is heard any more */
    bool below;                     /* something lies below */
};

struct lost_range { uint64_t first, n; };       /* guest clusters */

#define CACHE_N 16

struct cache_slot {
    size_t cand;                    /* SIZE_MAX: empty */
    uint64_t used;
    uint8_t *bytes;                 /* owned */
};

struct rescue_found_list { struct rescue_volume_found *found; size_t n; };  /* owned */

/* A candidate that begins a file system. */
struct volume_seen {
    uint64_t id, fs_len;
    uint64_t home;                  /* where it was found to begin; UINT64_MAX: not yet */
    size_t cand;
};

#define MARK_PAGE 65536             /* bytes of marks, 4 grains each, made at once */

struct rescue_guest {
    struct rescue_store store;
    uint64_t size, n_clusters;
    unsigned bits;                  /* log2 of bytes of a cluster */
    size_t n_cands;
    struct pin_place **page;        /* owned: n_pages, NULL where nothing was said */
    size_t n_pages;
    uint64_t *at;                   /* owned: of each candidate, guest cluster + 1; 0: none */
    uint8_t *cand_disputed;         /* owned */
    struct lost_range *lost;        /* owned, rising */
    size_t n_lost;
    uint64_t lost_sum;
    struct cache_slot cache[CACHE_N];
    uint64_t clock;
    uint8_t *compare;               /* owned: a cluster */
    bool starved;                   /* out of memory */

    unsigned grain_bits;
    uint8_t **mark;                 /* owned: pages of 2 bits a grain; NULL: unknown */
    size_t n_mark_pages;
    struct rescue_file_extent *extent;          /* owned */
    size_t n_extents, extents_cap;
    bool extents_sorted;
    struct rescue_found_list volumes, holders;
    struct volume_seen *head;                   /* owned: of file systems */
    size_t n_heads;
    struct rescue_piece *piece;                 /* owned: of joined volumes, rising */
    size_t n_pieces, n_joined;
};

/* The bytes of a candidate, valid until the next call; NULL: cannot be read. */
const uint8_t *rescue_cached(struct rescue_guest *g, size_t cand);

/* The byte of the disk that an address stands for, and of *len bytes those that are on the disk
 * and follow it there. */
bool rescue_real(const struct rescue_guest *g, uint64_t *off, uint64_t *len);
/* Likewise for a guest cluster, all of which must lie on the disk as it does here. */
bool rescue_real_cl(const struct rescue_guest *g, uint64_t *cl);

bool rescue_marks_init(struct rescue_guest *g);
void rescue_marks_free(struct rescue_guest *g);

#endif
