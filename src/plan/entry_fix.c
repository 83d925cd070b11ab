/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/entry_fix.h"

#include "scan/judge.h"

/* Faults after which QEMU reads nothing, or nothing that was written. */
#define FAULTS_HARD (FAULT_COMPRESSED_DATA_FILE | FAULT_COMPRESSED_PAST_END \
    | FAULT_SUBCLUSTER_UNALLOC | FAULT_DATA_MISALIGNED | FAULT_PAST_END \
    | FAULT_DATA_FILE_OFFSET)

static bool aligned(const struct geometry *geo, uint64_t off)
{
    return !(off & (geo->cluster_size - 1));
}

/* The same entry without a host cluster, where none of its bytes are read. */
static struct entry_words without_host(const struct geometry *geo, struct entry_words e)
{
    e.word = geo->extended_l2 ? 0 : OFLAG_ZERO;
    return e;
}

static bool reads_no_host(const struct geometry *geo, struct entry_words e)
{
    return geo->extended_l2 ? !(uint32_t)e.bitmap
        : l2_type_of(geo, e.word) == L2_ZERO_ALLOC;
}

bool entry_claims_unread(const struct geometry *geo, struct entry_words in)
{
    return !(in.word & OFLAG_COMPRESSED) && !aligned(geo, in.word & ENTRY_OFFSET_MASK)
        && reads_no_host(geo, in);
}

bool entry_fix_l2(const struct geometry *geo, struct entry_words in, uint64_t guest_off,
                  struct entry_words *out)
{
    struct entry_words e = in;
    struct judged jd;

    if (e.word & OFLAG_COMPRESSED) {
        e.word &= ~OFLAG_COPIED;
        e.bitmap = 0;
    } else {
        e.word &= ~L2_RESERVED_MASK;
        if (geo->extended_l2 || geo->version == 2)      /* there bit 0 is reserved as well */
            e.word &= ~OFLAG_ZERO;
        /* Of two claims about a subcluster the one that keeps its bytes. */
        if (geo->extended_l2 && e.word & ENTRY_OFFSET_MASK)
            e.bitmap &= ~((e.bitmap & UINT32_MAX) << 32);
    }
    l2_judge(geo, e.word, e.bitmap, guest_off, &jd);
    if (jd.faults & (FAULT_PAST_END | FAULT_ZERO_MISALIGNED) && reads_no_host(geo, e)) {
        e = without_host(geo, e);
        l2_judge(geo, e.word, e.bitmap, guest_off, &jd);
    }
    *out = e;
    return !(jd.faults & FAULTS_HARD);
}

bool entry_fix_l1(const struct geometry *geo, uint64_t in, uint64_t *out)
{
    uint64_t off = in & ENTRY_OFFSET_MASK;

    /* Without an offset QEMU reads nothing; its check takes the header for an L2 table. */
    *out = off ? in & ~L1_RESERVED_MASK : 0;
    return !off || (aligned(geo, off) && !region_past_end(geo, off, geo->cluster_size));
}

bool entry_makes_no_sense(const struct geometry *geo, bool in_l2, struct entry_words in)
{
    uint64_t off = in.word & ENTRY_OFFSET_MASK;
    uint64_t reserved = in_l2 ? L2_RESERVED_MASK : L1_RESERVED_MASK;

    if (in_l2 && in.word & OFLAG_COMPRESSED)
        return true;
    if (in_l2 && geo->extended_l2 && !in.bitmap && !(in.word & reserved))
        return false;               /* reads nothing from there */
    return in.word & reserved || off & (geo->cluster_size - 1)
        || off / 4 > geo->file_size + geo->size;
}

struct entry_words entry_zero_l2(const struct geometry *geo, struct entry_words in)
{
    struct entry_words e = { 0, 0 };

    if (geo->extended_l2) {
        uint64_t zeros = in.word & OFLAG_COMPRESSED ? UINT32_MAX
            : (in.bitmap >> 32) | (in.bitmap & UINT32_MAX);

        e.bitmap = zeros << 32;
    } else if (geo->version >= 3) {
        e.word = OFLAG_ZERO;
    }
    return e;
}

bool entry_is_plain(const struct geometry *geo, uint64_t word)
{
    uint64_t off = word & ENTRY_OFFSET_MASK;

    return !(word & (OFLAG_COMPRESSED | L2_RESERVED_MASK)) && off && aligned(geo, off)
        && range_inside(off, geo->cluster_size, geo->file_size);
}
