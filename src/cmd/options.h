/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The options of all commands, in groups; ids of those without a short letter. */
#ifndef QCHECK_CMD_OPTIONS_H
#define QCHECK_CMD_OPTIONS_H

#include "cmd/opt.h"

enum {
    OPT_OUTPUT = OPT_LONG_ONLY,
    OPT_SAMPLE, OPT_TOUR,
    OPT_CLUSTER_SIZE, OPT_L1_OFFSET, OPT_L1_SIZE, OPT_REFCOUNT_TABLE, OPT_FORCE, OPT_OFFSET,
    OPT_BACKING, OPT_UNTRUSTED,
    OPT_THREADS, OPT_MAX_PROBLEMS, OPT_MEMORY_LIMIT, OPT_PROGRESS, OPT_STATS, OPT_FIGURES,
    OPT_STRICT,
    OPT_DEEP,
    OPT_UNPLACED,
    OPT_SNAPSHOT, OPT_FROM, OPT_TO, OPT_USED,
    OPT_SPACE, OPT_COLUMNS,
    OPT_THEME, OPT_ASCII, OPT_NO_MOUSE, OPT_NO_SANDBOX,
    OPT_LAYER, OPT_KEY_FILE, OPT_HEX, OPT_FORMAT, OPT_ON_DAMAGE, OPT_MAP_FILE, OPT_RESUME,
    OPT_OVERWRITE, OPT_ACCEPT_LOSS, OPT_ENTRIES, OPT_APPLY_OUTPUT, OPT_IN_PLACE, OPT_UNDO, OPT_PLAN,
    OPT_PLAN_DIR,
    OPT_RANGES,
    OPT_INTERACTIVE,
    OPT_BY, OPT_LAYOUT, OPT_CELL, OPT_FRAMES, OPT_FRAME_EVERY,
    OPT_JOBS, OPT_INTERVAL, OPT_SCANS,
    OPT_ANONYMOUS, OPT_PROBLEM_CLUSTERS,
    OPT_DAMAGED, OPT_UNMAPPED, OPT_AT, OPT_LIST,
};

/* What several commands share. */
extern const struct opt_group opts_general, opts_image, opts_scan, opts_classic, opts_picture,
    opts_disk;
/* Of one command each. */
extern const struct opt_group opts_check, opts_browse, opts_info, opts_dump, opts_map,
    opts_read, opts_export, opts_sum, opts_files, opts_at, opts_plan, opts_apply,
    opts_undo, opts_report, opts_diff, opts_watch, opts_pack, opts_unpack, opts_explain;

#endif
