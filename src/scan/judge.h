/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Judges one L2 entry: which reference it makes, how it counts in the statistics, and
 * which rules it breaks. The one place that knows; counting, explaining, "who points
 * here" and the views ask it. Spec: "Cluster mapping", "Extended L2 Entries". */
#ifndef QCHECK_SCAN_JUDGE_H
#define QCHECK_SCAN_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "qcow2/entry.h"
#include "qcow2/image.h"
#include "scan/problem.h"

/* Faults of an entry by itself, as bits; judge_kind() names the problem. */
enum judge_fault {
    FAULT_RESERVED              = 1 << 0,
    FAULT_COMPRESSED_COPIED     = 1 << 1,
    FAULT_COMPRESSED_DATA_FILE  = 1 << 2,
    FAULT_COMPRESSED_SUBCLUSTER = 1 << 3,
    FAULT_COMPRESSED_PAST_END   = 1 << 4,
    FAULT_SUBCLUSTER_CONFLICT   = 1 << 5,
    FAULT_SUBCLUSTER_UNALLOC    = 1 << 6,
    FAULT_DATA_MISALIGNED       = 1 << 7,
    FAULT_ZERO_MISALIGNED       = 1 << 8,
    FAULT_PAST_END              = 1 << 9,
    /* own warnings: QEMU says nothing */
    FAULT_STREAM_PAST_END       = 1 << 10,
    FAULT_V2_ZERO               = 1 << 11,
    FAULT_EXTENDED_ZERO         = 1 << 12,
    FAULT_DATA_FILE_OFFSET      = 1 << 13,
};
#define N_FAULTS 14

enum problem_kind judge_kind(unsigned fault_number);    /* 0 to N_FAULTS-1 */

struct judged {
    enum l2_type type;
    uint32_t faults;
    bool mapped;            /* counts as an allocated cluster in QEMU's statistics */
    bool refers;            /* makes a reference that is counted: [off, off+len) */
    bool copied_rule;       /* COPIED must tell whether the stored refcount is 1 */
    uint64_t off, len;      /* host bytes it claims; 0, 0 for none */
};

/* QEMU's rule for a reference to [off, off+len): it is refused, whole, when it ends a
 * cluster or more after the end of the file. Wrapping signed arithmetic as there. */
static inline bool region_past_end(const struct geometry *geo, uint64_t off, uint64_t len)
{
    return (int64_t)(off + len - geo->file_len) >= (int64_t)geo->cluster_size;
}

/* Is a fault more than a warning: would the guest get wrong data or an error? */
#define FAULTS_DAMAGE (FAULT_RESERVED | FAULT_COMPRESSED_DATA_FILE \
    | FAULT_COMPRESSED_SUBCLUSTER | FAULT_COMPRESSED_PAST_END | FAULT_SUBCLUSTER_CONFLICT \
    | FAULT_SUBCLUSTER_UNALLOC | FAULT_DATA_MISALIGNED | FAULT_PAST_END \
    | FAULT_STREAM_PAST_END | FAULT_V2_ZERO | FAULT_DATA_FILE_OFFSET)

static inline void judge_compressed(const struct geometry *geo, uint64_t e,
                                    uint64_t bitmap, struct judged *out)
{
    out->faults |= e & OFLAG_COPIED ? FAULT_COMPRESSED_COPIED : 0;
    out->off = compressed_off(geo, e);
    out->len = compressed_len(geo, e);
    if (geo->data_file) {
        out->faults |= FAULT_COMPRESSED_DATA_FILE;
        return;
    }
    if (geo->extended_l2 && bitmap) {
        out->faults |= FAULT_COMPRESSED_SUBCLUSTER;
        return;
    }
    out->mapped = true;
    if (region_past_end(geo, out->off, out->len)) {
        out->faults |= FAULT_COMPRESSED_PAST_END;
        return;
    }
    out->refers = true;
    if (out->off >= geo->file_len || out->len > geo->file_len - out->off)
        out->faults |= FAULT_STREAM_PAST_END;
}

/* e: the descriptor; bitmap: second word of an extended entry, else 0; guest_off: where the
 * entry stands (only looked at with an external data file). Inline, because a
 * damaged image has millions of entries to judge, and no two in a row are alike. */
static inline void l2_judge(const struct geometry *geo, uint64_t e, uint64_t bitmap,
                            uint64_t guest_off, struct judged *out)
{
    uint32_t allocated = (uint32_t)bitmap, zeros = (uint32_t)(bitmap >> 32);

    *out = (struct judged){ .type = l2_type_of(geo, e) };
    if (out->type == L2_COMPRESSED) {
        judge_compressed(geo, e, bitmap, out);
        return;
    }
    out->faults |= e & L2_RESERVED_MASK ? FAULT_RESERVED : 0;
    if (geo->version == 2 && (e & OFLAG_ZERO))
        out->faults |= FAULT_V2_ZERO;
    if (geo->extended_l2 && (e & OFLAG_ZERO))
        out->faults |= FAULT_EXTENDED_ZERO;
    if (out->type == L2_UNALLOCATED) {
        if (geo->extended_l2 && allocated)
            out->faults |= FAULT_SUBCLUSTER_UNALLOC;
        return;
    }
    if (out->type == L2_ZERO_PLAIN)
        return;

    out->mapped = true;
    out->copied_rule = true;
    out->off = e & ENTRY_OFFSET_MASK;
    out->len = geo->cluster_size;
    if (geo->extended_l2 && (allocated & zeros))
        out->faults |= FAULT_SUBCLUSTER_CONFLICT;
    if (out->off & (geo->cluster_size - 1)) {
        bool no_data = geo->extended_l2 ? !allocated : out->type == L2_ZERO_ALLOC;

        out->faults |= no_data ? FAULT_ZERO_MISALIGNED : FAULT_DATA_MISALIGNED;
    }
    if (geo->data_file) {
        if (out->off != guest_off && out->type == L2_NORMAL)
            out->faults |= FAULT_DATA_FILE_OFFSET;
        return;
    }
    if (region_past_end(geo, out->off, out->len))
        out->faults |= FAULT_PAST_END;
    else
        out->refers = true;
}

#endif
