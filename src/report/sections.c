/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/sections.h"

static const struct section_info sections[N_REPORT_SECTIONS] = {
    [SECTION_HEADER] = { "Header" },
    [SECTION_REFTABLE] = { "Refcount table" },
    [SECTION_REFBLOCKS] = { "Refcount blocks" },
    [SECTION_L1] = { "L1 tables" },
    [SECTION_L2] = { "L2 tables" },
    [SECTION_SNAPSHOTS] = { "Snapshots" },
    [SECTION_BITMAPS] = { "Bitmaps" },
    [SECTION_REFCOUNTS] = { "Reference count analysis" },
    [SECTION_FILE] = { "File" },
};

const struct section_info *section_info(enum section s)
{
    return &sections[s];
}

uint64_t section_problems(const struct problems *list, enum section s)
{
    uint64_t n = 0;

    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (info->section == s && info->severity != SEV_NOTE)
            n += list->count[k];
    }
    return n;
}
