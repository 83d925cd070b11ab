/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The sections of the classic report, and which problems belong to each. */
#ifndef QCHECK_REPORT_SECTIONS_H
#define QCHECK_REPORT_SECTIONS_H

#include "scan/problem.h"

enum section {
    SECTION_HEADER, SECTION_REFTABLE, SECTION_REFBLOCKS, SECTION_L1, SECTION_L2,
    SECTION_SNAPSHOTS, SECTION_BITMAPS, SECTION_REFCOUNTS, SECTION_FILE, N_SECTIONS
};

struct section_info {
    const char *title;      /* "Refcount table" */
};

const struct section_info *section_info(enum section s);
enum section section_of_problem(enum problem_kind kind);

/* Problems of one section that are worth a count: all but notes. */
uint64_t section_problems(const struct problems *list, enum section s);

#endif
