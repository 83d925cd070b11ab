/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/plan_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd_common.h"

bool plan_files_open(const struct settings *s, const char *image, struct plan_files *out,
                     struct error *err)
{
    const char *path = s->plan_file ? s->plan_file : s->plan_dir;
    struct stat st;

    *out = (struct plan_files){ .scribe = SCRIBE_NONE };
    if (s->plan_dir && (stat(s->plan_dir, &st) != 0 || !S_ISDIR(st.st_mode)))
        return err_set(err, ERR_USAGE, "--plan-dir: there is no such folder");
    if (!path)
        return true;
    if (!scribe_start(path, !s->plan_file, image, &out->scribe, err))
        return false;
    if (!s->plan_file || access(s->plan_file, F_OK) != 0
        || source_open_file(s->plan_file, &out->plan, err))
        return true;
    scribe_end(&out->scribe);
    return false;
}

void plan_files_close(struct plan_files *f)
{
    source_close(f->plan);
    scribe_end(&f->scribe);
}
