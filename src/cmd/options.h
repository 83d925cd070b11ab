/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Ids of the options without a short letter. */
#ifndef QCHECK_CMD_OPTIONS_H
#define QCHECK_CMD_OPTIONS_H

#include "cmd/opt.h"

enum {
    OPT_OUTPUT = OPT_LONG_ONLY,
    OPT_SAMPLE,
    OPT_CLUSTER_SIZE, OPT_L1_OFFSET, OPT_L1_SIZE, OPT_REFCOUNT_TABLE, OPT_FORCE,
    OPT_BACKING, OPT_UNTRUSTED,
    OPT_THREADS, OPT_MAX_PROBLEMS, OPT_MEMORY_LIMIT, OPT_PROGRESS, OPT_STATS,
    OPT_SNAPSHOT, OPT_FROM, OPT_TO, OPT_USED,
    OPT_SPACE, OPT_COLUMNS,
    OPT_THEME, OPT_ASCII, OPT_NO_MOUSE, OPT_NO_SANDBOX,
};

#endif
