/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck IMAGE: the inspector on a terminal, else the report. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/reopener.h"
#include "cmd/cmd_check.h"
#include "cmd/disk_open.h"
#include "cmd/plan_files.h"
#include "insight/file_types.h"
#include "ui/bookmarks.h"
#include "ui/ui_config.h"
#include "ui/ui.h"

/* NO_COLOR counts when it is there and not empty (no-color.org). */
static bool colours_unwanted(void)
{
    const char *v = getenv("NO_COLOR");

    return v && *v;
}

/* Opens the image, what it names where that is allowed, and what of it is encrypted. */
static bool open_files(const struct settings *s, const char *name, struct disk_files *f,
                       struct disk **keys, struct error *err)
{
    const struct disk_layer active = { LAYER_ACTIVE, false };

    (void)file_types_load();
    return (!s->key_file || disk_files_key(s->key_file, f, err)) &&
           open_image_reading(s, name, &f->img, err) &&
           chain_open(name, f->img, s->backing, &f->chain, err) &&
           (!f->key || disk_files_disk(f, active, keys, err));
}

/* The bookmarks kept of an image, and the process that keeps them: before the sandbox. Without a
 * home there are none. */
static bool keeping(const char *name, struct keeper **keeper, struct buf *text, struct error *err)
{
    char path[4096];
    bool home = bookmarks_path(name, path);
    char bytes[4096];
    size_t n;
    FILE *f = home ? fopen(path, "re") : NULL;

    while (f && text->len < KEEPER_BYTES_MAX && (n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_add(text, bytes, n);
    if (f)
        fclose(f);
    return keeper_start(home ? path : NULL, keeper, err);
}

/* The process that opens a file again when it has changed. */
static bool watchable(const struct settings *s, const char *name, struct reopener **out,
                      struct error *err)
{
    return source_name_is_nbd(name) || reopener_start(name, !s->no_sandbox, out, err);
}

static int inspect(const struct settings *given, const struct ui_config *config)
{
    struct settings as_is = *given;
    const struct settings *s = &as_is;
    struct plan_files plans = { .scribe = SCRIBE_NONE };
    struct disk_files files = DISK_FILES_INIT;
    struct disk *keys = NULL;
    struct ui_options opt = {
        .theme = THEME_DARK, .ascii = s->ascii, .no_mouse = s->no_mouse,
        .mono = colours_unwanted(), .threads = s->threads,
        .problems_kept = s->problems_kept, .memory_limit = s->memory_limit,
        .sandbox = !s->no_sandbox, .disk = { .chain = &files.chain },
    };
    struct buf name = BUF_INIT, script = BUF_INIT, marks = BUF_INIT;
    struct error err;
    struct ui_end end = { 0, false };
    int status = STATUS_FAILED;

    as_is.plan_file = NULL;             /* the inspector lays the plan over the image itself */
    opt.image = s->image;
    opt.keys = &config->keys;
    opt.colours = &config->colours;
    opt.numbers = config->numbers;
    opt.ascii = opt.ascii || config->ascii;
    opt.no_mouse = opt.no_mouse || !config->mouse;
    if (config->has_theme)
        opt.theme = config->theme;
    if (s->theme)
        theme_by_name(s->theme, &opt.theme);
    if (s->tour) {
        sample_tour(s->sample, &script);
        opt.tour = true;
        opt.script = script.len ? buf_str(&script) : NULL;
    }
    if (!volumes_helper_start(&opt.helper, &err) || !image_name(s, 0, &name, &err) ||
        !keeping(buf_str(&name), &opt.keeper, &marks, &err) ||
        !watchable(s, buf_str(&name), &opt.reopener, &err)) {
        message("", err.text);
    } else if (!plan_files_open(given, buf_str(&name), &plans, &err)) {
        message_error(given->plan_file ? given->plan_file : buf_str(&name), &err);
    } else if (!open_files(s, buf_str(&name), &files, &keys, &err)) {
        message_error(buf_str(&name), &err);
    } else {
        opt.disk.keys = keys;
        opt.plan = plans.plan;
        opt.scribe = &plans.scribe;
        opt.bookmarks = buf_str(&marks);
        if (ui_run(files.img, &opt, &end, &err))
            status = STATUS_CLEAN;
        else
            message_error(buf_str(&name), &err);
    }
    if (!end.reading) {
        plan_files_close(&plans);
        volumes_helper_end(opt.helper);
        keeper_end(opt.keeper);
        reopener_end(opt.reopener);
        disk_close(keys);
        disk_files_close(&files);
    }
    buf_free(&name);
    if (!end.reading)
        buf_free(&script);
    buf_free(&marks);
    if (end.signo) {
        /* The terminal is whole again: now end as the signal wants it. */
        signal(end.signo, SIG_DFL);
        kill(getpid(), end.signo);
    }
    if (end.reading)
        _exit(status);
    return status;
}

static int inspect_as_configured(const struct settings *s)
{
    struct ui_config config;
    struct error err;
    char path[4096];
    int status = STATUS_FAILED;

    config_init(&config);
    if (config_load(&config, path, &err))
        status = inspect(s, &config);
    else
        message_error(path, &err);
    config_free(&config);
    return status;
}

int cmd_browse(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (image_count(&s) == 0)
        return usage_error(cmd, "which image?");
    if (s.classic || !isatty(STDOUT_FILENO))
        return check_images(&s);
    if (image_count(&s) > 1)
        return usage_error(cmd, "the inspector shows one image at a time");
    return inspect_as_configured(&s);
}
