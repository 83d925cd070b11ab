/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of align: places that are lost and what is said of them, the costs of giving one to a
 * candidate, and the walk over them. */
#ifndef QCHECK_PLAN_RESCUE_ALIGN_INSIDE_H
#define QCHECK_PLAN_RESCUE_ALIGN_INSIDE_H

#include "plan/rescue/align.h"

#define PARTS   128             /* of a cluster, or fewer of 512 bytes */
#define BLOCKS  16              /* ... of 4 KiB */

/* Costs. */
#define OLD_DATA        3       /* not zeros where it is free, each part */
#define OLD_DATA_MAX    24
#define NO_CONTENT      8       /* zeros where there is content */
#define NO_CONTENT_MAX  48
#define NO_DATA         1       /* zeros where there is data */
#define NO_DATA_MAX     6
#define NOT_ZERO        10      /* not zeros past the end of a file, each part */
#define NOT_ZERO_MAX    60
#define OTHER_DENSE     8       /* a file goes on as something else */
#define OTHER_TEXT      1
#define OTHER_KIND_MAX  30
#define NO_START        14      /* what begins as a file is in the middle of one */
#define NO_MAGIC        14      /* a file of a type begins as none does */
#define NO_TAIL         16      /* a file ends here, but its bytes go on */
#define FILES_MAX       60
#define TAIL_MIN        4       /* bytes of zeros that are worth a note */
#define NOTHING_SAID    20      /* of the place */
#define EMPTY_MAX       32      /* a place of data is left empty */
#define GAP             6       /* places are skipped */
#define LEFT_OUT        60      /* a candidate that has a refcount gets no place */
#define LEFT_OUT_OLD    4       /* ... without one */
#define JUMP_NEVER      1000    /* where all that is pinned rises */
#define JUMP            14
#define JUMP_LOOSE      6       /* ... where clusters are compressed */
#define INFINITE        (1 << 28)
#define DOUBT           8       /* cost of a place above which there is some */

/* What is said of a place, part by part. */
struct place_print {
    uint64_t cl;                /* guest cluster */
    uint64_t free[2], content[2], data[2];
    uint64_t zero[2];           /* past the end of a file, in its last block */
    int skip, empty;            /* cost of going over it; ... of leaving it empty at last */
    uint8_t n_free, n_content, n_data, n_typed; /* bits set; order_note_extents() counts them */
    uint32_t cand;              /* that is here, when taken */
    bool taken;                 /* nobody else may have it */
    bool unknown;               /* nothing is said of most of it */
    uint16_t goes_on;           /* blocks into which a file goes on from the one before */
    uint64_t starts[2];         /* parts at which a file starts, */
    uint64_t typed[2];          /* ... of a type whose files begin with a mark */
    uint64_t inside[2];         /* parts that start in the middle of a file */
    struct print_tail tail[PRINT_TAILS];        /* of parts in which a file ends */
    uint8_t n_tails;
};

struct order_walk {
    const struct align_order *o;
    struct place_print *place;  /* owned: all lost places, rising */
    size_t n_places;
    size_t n_items;             /* candidates */
    size_t *at;                 /* owned: of each candidate, index of its place + 1; 0: none */
    bool *proved;               /* owned: of each candidate, by what few have in common */
    int jump;
    unsigned last_block;        /* of a cluster */
};

/* Bytes of a block of a cluster. */
uint32_t print_block_len(size_t cluster);
/* Cost of a file that goes on from the end of one candidate at the head of the next. `last`: the
 * last block of a cluster. */
int print_other_kind(const struct print *a, const struct print *b, unsigned last);

/* How much what a candidate looks like contradicts what is said of a place. */
int place_cost(const struct print *c, const struct place_print *p);

/* Fill `place` and `at` (with `jump`); false: no memory. Then what files say is noted. */
bool order_list_places(struct order_walk *w);
bool order_list_pins(struct order_walk *w);
void order_note_extents(struct order_walk *w);

/* What it costs to give this place to this item, with the neighbours that have theirs. */
int order_emission(const struct order_walk *w, size_t item, size_t place);

/* Bits of evidence for an item at a place, in what few have in common: none, or 3 and more. */
int order_evidence(const struct order_walk *w, size_t item, size_t place);

/* Items [first, end) over places [from, from + n). */
struct stretch { size_t first, end, from, n; };

/* The cheapest walk: path[] of each item is its place in the stretch, counted from 1, or 0.
 * Untouched when it was told to stop. False: no memory. */
bool order_walk_stretch(struct order_walk *w, const struct stretch *s, size_t *path);

/* Is there room for a walk over everything at once? */
bool order_walk_sees_all(const struct order_walk *w);
/* Runs that marks prove get their places (at[], taken). False: no memory. */
bool order_seed(struct order_walk *w);
/* What lies next to those that have places goes on as they do. */
void order_fill(struct order_walk *w);

/* Most words are 0, and __builtin_popcountll() is a call where the processor need not have
 * an instruction for it. */
static inline int ones_of(uint64_t x)
{
    if (!x)
        return 0;
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

static inline int ones(const uint64_t a[2])
{
    return ones_of(a[0]) + ones_of(a[1]);
}

static inline int ones_and(const uint64_t a[2], const uint64_t b[2])
{
    return ones_of(a[0] & b[0]) + ones_of(a[1] & b[1]);
}

static inline int least(int a, int b)
{
    return a < b ? a : b;
}

#endif
