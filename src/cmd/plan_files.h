/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The plan that the inspector begins with, and where it saves: --plan, --plan-dir. */
#ifndef QCHECK_CMD_PLAN_FILES_H
#define QCHECK_CMD_PLAN_FILES_H

#include "base/scribe.h"
#include "base/source.h"
#include "cmd/commands.h"

struct plan_files {
    struct source *plan;        /* NULL: none, or the file is new */
    struct scribe scribe;
};

/* Before anything of the image is opened. */
bool plan_files_open(const struct settings *s, const char *image, struct plan_files *out,
                     struct error *err);
void plan_files_close(struct plan_files *f);

#endif
