/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of l2_decode_table: the loops that count references in the cells (l2count.c). */
#ifndef QCHECK_SCAN_L2DECODE_H
#define QCHECK_SCAN_L2DECODE_H

#include "scan/faults.h"
#include "scan/l2pass.h"

#define PREFETCH    24      /* entries between asking for a cell and counting in it */

/* One table on its way through. */
struct decode {
    struct engine *e;
    struct l2_worker *w;
    const struct l2_table *table;
    uint64_t weight;                    /* references that one entry makes */
    struct step *step;                  /* per kind of item */
    uint64_t odd_mask;                  /* bits that send an entry to the judge */
    struct fault_counts faults;         /* of entries that the judge saw */
    uint64_t wrong;                     /* entries whose COPIED disagrees with the cell's flag */
    uint64_t far_off;                   /* from here on an entry leads far past the end */
    struct entry_classes *classes;      /* all zeros, but where has_classes */
    bool has_classes;
    uint64_t n_inside;                  /* clusters from 1 on, into which such an entry may lead */
    uint32_t copied_walks;              /* how often QEMU's check looks at COPIED */
    bool must_explain, preview;
    struct cell_run *run;               /* a ring: cells asked for, but not counted in */
    unsigned n_runs;                    /* ever put there */
};

/* Is it an entry that leads plainly into the file? */
static inline bool is_plain(const struct decode *d, uint64_t entry)
{
    uint64_t cl = (entry & ~OFLAG_COPIED) >> d->e->geo->cluster_bits;

    return !(entry & d->odd_mask) && cl - 1 < d->e->geo->n_clusters - 1;
}

/* Counts references to clusters [cl, cl+len). rule: COPIED, which all of these entries have
 * or none, must agree with the stored refcount. */
void count_run(struct decode *d, uint64_t cl, uint64_t len, enum item_kind kind, bool rule,
               uint64_t copied);

/* The same of data under that rule, in a flat book: asks for the cells of this run, and counts
 * in those of an earlier one. count_rest() counts in what was asked for. */
void count_run_soon(struct decode *d, uint64_t cl, uint64_t len, uint64_t copied);
void count_rest(struct decode *d);

/* Counts the entries from j on that lead somewhere plainly and not to neighbours of each other;
 * of entry j that is known. Returns how many; the last of them in *last. The book must be
 * flat. */
uint64_t count_singles(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                       uint64_t *last);
/* Of extended entries whose subclusters do not contradict. */
uint64_t count_singles_extended(struct decode *d, const uint8_t *p, uint64_t j, uint64_t n,
                                uint64_t *last);

/* Do subclusters of an extended entry contradict: allocated, and read as zeros? */
static inline bool subclusters_conflict(uint64_t bitmap)
{
    return bitmap >> 32 & bitmap;
}

/* Asks for the cell that the entry at p leads to, or for any other. The book must be flat. GCC
 * takes a function of this kind for one without effects, and drops calls that it did not inline
 * early. */
static inline __attribute__((always_inline))
void prefetch_cell(const struct decode *d, const uint8_t *p)
{
    const struct geometry *geo = d->e->geo;
    uint64_t cl = entry_off(geo, be64(p)) >> geo->cluster_bits;

    cl &= 0 - (uint64_t)(cl < geo->n_clusters);         /* without a branch */
    __builtin_prefetch(d->e->cells->flat + cl, 1);
}

#endif
