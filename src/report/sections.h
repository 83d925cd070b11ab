/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The sections of the classic report. */
#ifndef QCHECK_REPORT_SECTIONS_H
#define QCHECK_REPORT_SECTIONS_H

#include "scan/problem.h"

struct section_info {
    const char *title;      /* "Refcount table" */
};

const struct section_info *section_info(enum section s);

/* Problems of one section that are worth a count: all but notes. */
uint64_t section_problems(const struct problems *list, enum section s);

#endif
