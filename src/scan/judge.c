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
