/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Judges and counts L2 entries without a branch: of damaged entries none is like the one
 * before, and a branch that cannot be foreseen costs more than all the rest. */
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

/* What l2_judge() says of a standard entry, of an image without a data file; but for
 * FAULT_STREAM_PAST_END, which only what `refers` can have (stream_is_cut()). Faults and facts
 * are bytes of 0 or 1, so that those of 255 entries can be summed: faults in the order of
 * STANDARD_FAULTS, facts in theirs. */
struct judged_standard {
    uint64_t faults, facts;
    bool refers, copied_rule;       /* as in struct judged */
    uint64_t off, len;              /* host bytes it claims; len is cluster_size where it
                                       claims none */
};

/* X(number of the bit in enum judge_fault) */
#define STANDARD_FAULTS(X) X(0) X(1) X(4) X(7) X(8) X(9) X(11)

static inline struct judged_standard judge_standard(const struct geometry *geo, uint64_t e)
{
    const uint64_t cs = geo->cluster_size;
    uint64_t packed = e >> 62 & 1, bare = packed ^ 1, zero = e & bare;
    uint64_t at = e & ENTRY_OFFSET_MASK, plain = (at != 0) & bare, mapped = plain | packed;
    uint64_t mask = 0 - packed;             /* of which half is packed, a branch is a loss */
    uint64_t off = (at & ~mask) | (compressed_off(geo, e) & mask);
    uint64_t len = (cs & ~mask) | (compressed_len(geo, e) & mask);
    uint64_t past = region_past_end(geo, off, len) & mapped;
    uint64_t askew = ((at & (cs - 1)) != 0) & plain;
    uint64_t faults = (((e & L2_RESERVED_MASK) != 0) & bare)    /* RESERVED */
        | (packed & e >> 63) << 8                               /* COMPRESSED_COPIED */
        | (packed & past) << 16                                 /* COMPRESSED_PAST_END */
        | (askew & (zero ^ 1)) << 24                            /* DATA_MISALIGNED */
        | (askew & zero) << 32                                  /* ZERO_MISALIGNED */
        | (plain & past) << 40                                  /* PAST_END */
        | (zero & (geo->version == 2)) << 48;                   /* V2_ZERO */

    return (struct judged_standard){
        .faults = faults,
        .facts = (plain & (zero ^ 1)) | (plain & zero) << 8 | packed << 16
            | (zero & (plain ^ 1)) << 24 | (uint64_t)(faults != 0) << 32,
        .refers = mapped & (past ^ 1), .copied_rule = plain, .off = off, .len = len,
    };
}

/* FAULT_STREAM_PAST_END */
static inline bool stream_is_cut(const struct geometry *geo, uint64_t off, uint64_t len)
{
    return off >= geo->file_len || len > geo->file_len - off;
}

/* Adds sums of faults and of facts. */
static inline void faults_add_sums(struct fault_counts *c, uint64_t faults, uint64_t facts)
{
    unsigned k = 0;

#define X(f) c->n[f] += faults >> k++ * 8 & 255;
    STANDARD_FAULTS(X)
#undef X
    for (k = 0; k < N_FACTS; k++)
        c->fact[k] += facts >> k * 8 & 255;
}

/* Adds what the judge said of any entry. */
static inline void faults_add(struct fault_counts *c, const struct judged *jd)
{
    for (uint32_t f = jd->faults; f; f &= f - 1)
        c->n[__builtin_ctz(f)]++;
    c->fact[FACT_INVALID] += jd->faults != 0;
    c->fact[FACT_ZERO_PLAIN] += jd->type == L2_ZERO_PLAIN;
    c->fact[FACT_NORMAL] += jd->mapped && jd->type == L2_NORMAL;
    c->fact[FACT_ZERO_ALLOC] += jd->mapped && jd->type == L2_ZERO_ALLOC;
    c->fact[FACT_COMPRESSED] += jd->mapped && jd->type == L2_COMPRESSED;
}

/* Of many tables: distinct places, and as QEMU counts them (once per walk). */
struct fault_totals {
    uint64_t n[N_FAULTS], qemu[N_FAULTS], copied, qemu_copied;
};

#endif
