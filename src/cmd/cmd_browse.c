/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck IMAGE: the inspector on a terminal, else the report. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/reopener.h"
#include "base/source_pack.h"
#include "cmd/browse.h"
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

/* What the image names where that is allowed, and what of it is encrypted. */
static bool open_below(const struct settings *s, const char *name, struct disk_files *f,
                       struct disk **keys, struct error *err)
{
    const struct disk_layer active = { LAYER_ACTIVE, false };

    return chain_open(name, f->img, s->backing, &f->chain, err) &&
           (!f->key || disk_files_disk(f, active, keys, err));
}

/* A server may take its time, with nothing on the screen yet. */
static void say_opening(const char *name)
{
    if (source_name_is_nbd(name) && isatty(STDERR_FILENO))
        message("opening ", name);
}

/* The image, and the one it is compared with, each with what it names and its key. */
struct sides {
    struct disk_files files, other;
    struct disk *keys, *other_keys;
    const char *bad;            /* which one an error is about */
};

static bool open_sides(const struct settings *s, const char *name, const struct browsing *with,
                       struct sides *x, struct error *err)
{
    struct disk_files *f = &x->files, *other = &x->other;

    x->bad = name;
    say_opening(name);
    (void)file_types_load();
    (void)pack_supported(NULL);         /* a file that is opened later may be a pack */
    if (s->key_file && (!disk_files_key(s->key_file, f, err) ||
                        (with->other && !disk_files_key(s->key_file, other, err))))
        return false;
    if (!with->other)
        return open_image_reading(s, name, &f->img, err) &&
               open_below(s, name, f, &x->keys, err);
    return open_two_images_reading(s, with->other, name, &other->img, &f->img, &x->bad, err) &&
           open_below(s, name, f, &x->keys, err) &&
           open_below(s, with->other, other, &x->other_keys, err);
}

static void close_sides(struct sides *x)
{
    disk_close(x->keys);
    disk_files_close(&x->files);
    disk_close(x->other_keys);
    disk_files_close(&x->other);
}

/* What is compared with what. */
static bool choose_sides(const struct browsing *with, const struct sides *x,
                         struct ui_options *opt, struct error *err)
{
    const struct image *img = x->files.img;

    opt->other = x->other.img;
    opt->changes = with->changes;
    opt->disk = (struct disk_options){ .chain = &x->files.chain, .keys = x->keys };
    opt->other_disk = (struct disk_options){ .chain = &x->other.chain, .keys = x->other_keys };
    return layer_named(opt->other ? opt->other : img, with->layer_a, &opt->layer_a, err)
        && layer_named(img, with->layer_b, &opt->layer_b, err);
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

static struct ui_options options_of(const struct settings *s, const struct ui_config *config)
{
    struct ui_options opt = {
        .theme = config->has_theme ? config->theme : THEME_DARK,
        .ascii = s->ascii || config->ascii,
        .no_mouse = s->no_mouse || !config->mouse,
        .mono = colours_unwanted(),
        .threads = s->threads,
        .problems_kept = s->problems_kept,
        .memory_limit = s->memory_limit,
        .sandbox = !s->no_sandbox,
        .image = s->image,
        .keys = &config->keys,
        .colours = &config->colours,
        .numbers = config->numbers,
    };

    if (s->theme)
        theme_by_name(s->theme, &opt.theme);
    return opt;
}

static int inspect(const struct settings *given, const struct browsing *with,
                   const struct ui_config *config)
{
    struct settings as_is = *given;
    const struct settings *s = &as_is;
    struct plan_files plans = { .scribe = SCRIBE_NONE };
    struct sides sides = { .files = DISK_FILES_INIT, .other = DISK_FILES_INIT };
    struct ui_options opt = options_of(given, config);
    struct buf name = BUF_INIT, script = BUF_INIT, marks = BUF_INIT;
    struct error err;
    struct ui_end end = { 0, false };
    int status = STATUS_FAILED;

    as_is.plan_file = NULL;             /* the inspector lays the plan over the image itself */
    if (s->tour) {
        sample_tour(s->sample, &script);
        opt.tour = true;
        opt.script = script.len ? buf_str(&script) : NULL;
    }
    if (!volumes_helper_start(&opt.helper, &err) || !image_name(s, with->operand, &name, &err) ||
        !keeping(buf_str(&name), &opt.keeper, &marks, &err) ||
        (!with->other && !watchable(s, buf_str(&name), &opt.reopener, &err))) {
        message("", err.text);
    } else if (!plan_files_open(given, buf_str(&name), &plans, &err)) {
        message_error(given->plan_file ? given->plan_file : buf_str(&name), &err);
    } else if (!open_sides(s, buf_str(&name), with, &sides, &err) ||
               !choose_sides(with, &sides, &opt, &err)) {
        message_error(sides.bad, &err);
    } else {
        opt.plan = plans.plan;
        opt.scribe = &plans.scribe;
        opt.bookmarks = buf_str(&marks);
        if (ui_run(sides.files.img, &opt, &end, &err))
            status = STATUS_CLEAN;
        else
            message_error(buf_str(&name), &err);
    }
    if (!end.reading) {
        plan_files_close(&plans);
        volumes_helper_end(opt.helper);
        keeper_end(opt.keeper);
        reopener_end(opt.reopener);
        close_sides(&sides);
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

int browse(const struct settings *s, const struct browsing *with)
{
    struct ui_config config;
    struct error err;
    char path[4096];
    int status = STATUS_FAILED;

    config_init(&config);
    if (config_load(&config, path, &err))
        status = inspect(s, with, &config);
    else
        message_error(path, &err);
    config_free(&config);
    return status;
}

int cmd_browse(const struct command *cmd, int argc, char **argv)
{
    const struct browsing alone = { .operand = 0 };
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
    return browse(&s, &alone);
}
