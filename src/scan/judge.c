/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/judge.h"

#include <assert.h>

static const enum problem_kind fault_kind[N_FAULTS] = {
    PROBLEM_L2_RESERVED, PROBLEM_COMPRESSED_COPIED, PROBLEM_COMPRESSED_DATA_FILE,
    PROBLEM_COMPRESSED_SUBCLUSTERS, PROBLEM_COMPRESSED_PAST_END, PROBLEM_SUBCLUSTER_CONFLICT,
    PROBLEM_SUBCLUSTER_UNALLOCATED, PROBLEM_DATA_MISALIGNED, PROBLEM_ZERO_MISALIGNED,
    PROBLEM_DATA_PAST_END, PROBLEM_STREAM_PAST_END, PROBLEM_V2_ZERO_FLAG,
    PROBLEM_EXTENDED_ZERO_FLAG, PROBLEM_DATA_FILE_OFFSET,
};

enum problem_kind judge_kind(unsigned fault_number)
{
    assert(fault_number < N_FAULTS);
    return fault_kind[fault_number];
}

static void judge_compressed(const struct geometry *geo, uint64_t e, uint64_t bitmap,
                             struct judged *out)
{
    if (e & OFLAG_COPIED)
        out->faults |= FAULT_COMPRESSED_COPIED;
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

void l2_judge(const struct geometry *geo, uint64_t e, uint64_t bitmap, uint64_t guest_off,
              struct judged *out)
{
    uint32_t allocated = (uint32_t)bitmap, zeros = (uint32_t)(bitmap >> 32);

    *out = (struct judged){ .type = l2_type_of(geo, e) };
    if (out->type == L2_COMPRESSED) {
        judge_compressed(geo, e, bitmap, out);
        return;
    }
    if (e & L2_RESERVED_MASK)
        out->faults |= FAULT_RESERVED;
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
