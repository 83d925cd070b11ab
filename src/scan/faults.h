/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Counts what is wrong with the L2 entries of a table.
 *
 * No damaged entry is like the one before it, and branches that cannot be predicted cost more
 * than everything else. Most of them lead far past the end of the file. Those are sorted into
 * a few classes, without a branch, and one of each class is judged for all. */
#ifndef QCHECK_SCAN_FAULTS_H
#define QCHECK_SCAN_FAULTS_H

#include <stdint.h>

#include "scan/judge.h"

/* What an entry counts as in the statistics. */
enum entry_fact {
    FACT_NORMAL, FACT_ZERO_ALLOC, FACT_COMPRESSED, FACT_ZERO_PLAIN,
    FACT_INVALID,                   /* some fault */
    N_FACTS
};

/* Of one table; all zeros at first. */
struct fault_counts {
    uint64_t n[N_FAULTS], fact[N_FACTS];
    uint64_t copied;                /* COPIED is wrong, of entries that are counted nowhere */
};

/* Standard entries of an image without a data file: of those in one class that lead far past the
 * end, and of those that are inside (entry_is_inside), the judge says the same. */
#define ENTRY_CLASSES 32

struct entry_class {
    uint64_t n;                     /* entries */
    uint64_t entry;                 /* the last of them */
};

/* Of one table. */
struct entry_classes {
    struct entry_class far[ENTRY_CLASSES];
    struct entry_class inside[ENTRY_CLASSES];       /* counted in the cells as well */
};

/* The classes of those that are as they should be, but for COPIED. */
#define CLASS_IS_PLAIN(class)       (!((class) & ~2u))
#define CLASS_IS_MISALIGNED(class)  ((class) >> 4 != 0)

/* Does an entry that leads to this byte lead far past the end, so that it cannot refer to any
 * cluster, nor to one that has a refcount? counted_cl: clusters that refcounts can describe. */
static inline uint64_t far_begins(const struct geometry *geo, uint64_t counted_cl)
{
    uint64_t past = geo->file_len + geo->cluster_size;

    if (counted_cl > UINT64_MAX >> geo->cluster_bits)
        return UINT64_MAX;
    return u64_max(past, counted_cl << geo->cluster_bits);
}

/* The host byte that a standard entry leads to, if it leads anywhere. */
static inline uint64_t entry_off(const struct geometry *geo, uint64_t e)
{
    uint64_t packed = 0 - (e >> 62 & 1);        /* half are: no branch pays */

    return e & ((geo->coffset_mask & packed) | (ENTRY_OFFSET_MASK & ~packed));
}

static inline unsigned entry_class_of(const struct geometry *geo, uint64_t e)
{
    return (unsigned)(e >> 62 | (e & OFLAG_ZERO) << 2
                      | (uint64_t)((e & L2_RESERVED_MASK) != 0) << 3
                      | (uint64_t)((e & ENTRY_OFFSET_MASK & (geo->cluster_size - 1)) != 0) << 4);
}

/* Clusters from 1 on into which an entry leads that is inside: all that it may refer to is in the
 * file, be it misaligned or not. */
static inline uint64_t clusters_inside(const struct geometry *geo)
{
    return geo->n_clusters > 2 ? geo->n_clusters - 2 : 0;
}

static inline bool entry_is_inside(const struct geometry *geo, uint64_t e)
{
    return !(e & OFLAG_COMPRESSED)
        && ((e & ENTRY_OFFSET_MASK) >> geo->cluster_bits) - 1 < clusters_inside(geo);
}

/* Adds what the judge said of each of n entries. */
static inline void faults_add(struct fault_counts *c, const struct judged *jd, uint64_t n)
{
    for (uint32_t f = jd->faults; f; f &= f - 1)
        c->n[__builtin_ctz(f)] += n;
    if (jd->faults)
        c->fact[FACT_INVALID] += n;
    if (jd->type == L2_ZERO_PLAIN)
        c->fact[FACT_ZERO_PLAIN] += n;
    if (jd->mapped)
        c->fact[jd->type == L2_NORMAL ? FACT_NORMAL : jd->type == L2_ZERO_ALLOC
                ? FACT_ZERO_ALLOC : FACT_COMPRESSED] += n;
}

/* Adds all entries of a class. Returns what the judge says of each. */
static inline struct judged faults_add_class(struct fault_counts *c, const struct geometry *geo,
                                             const struct entry_class *class)
{
    struct judged jd = { .faults = 0 };

    if (class->n) {
        l2_judge(geo, class->entry, 0, 0, &jd);
        faults_add(c, &jd, class->n);
    }
    return jd;
}

/* Of entries that lead far past the end. */
static inline void faults_add_far(struct fault_counts *c, const struct geometry *geo,
                                  const struct entry_class *far)
{
    struct judged jd = faults_add_class(c, geo, far);

    if (jd.copied_rule && far->entry & OFLAG_COPIED)
        c->copied += far->n;            /* there is no refcount */
}

/* Of many tables: distinct places, and as QEMU counts them (once per walk). */
struct fault_totals {
    uint64_t n[N_FAULTS], qemu[N_FAULTS], copied, qemu_copied;
};

#endif
