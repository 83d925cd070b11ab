/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck IMAGE: the inspector on a terminal, else the report. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd_check.h"
#include "cmd/cmd_common.h"
#include "ui/ui.h"

/* NO_COLOR counts when it is there and not empty (no-color.org). */
static bool colours_unwanted(void)
{
    const char *v = getenv("NO_COLOR");

    return v && *v;
}

static int inspect(const struct settings *s)
{
    struct chain chain = CHAIN_INIT;
    struct ui_options opt = {
        .theme = THEME_DARK, .ascii = s->ascii, .no_mouse = s->no_mouse,
        .mono = colours_unwanted(), .threads = s->threads,
        .problems_kept = s->problems_kept, .memory_limit = s->memory_limit,
        .sandbox = !s->no_sandbox, .chain = &chain,
    };
    struct buf name = BUF_INIT;
    struct image *img = NULL;
    struct error err;
    struct ui_end end = { 0, false };
    int status = STATUS_FAILED;

    if (s->theme)
        theme_by_name(s->theme, &opt.theme);
    if (!image_name(s, 0, &name, &err))
        message("", err.text);
    else if (!open_image_reading(s, buf_str(&name), &img, &err) ||
             !chain_open(buf_str(&name), img, s->backing, &chain, &err) ||
             !ui_run(img, &opt, &end, &err))
        message_error(buf_str(&name), &err);
    else
        status = STATUS_CLEAN;
    if (!end.reading) {
        chain_close(&chain);
        image_close(img);
    }
    buf_free(&name);
    if (end.signo) {
        /* The terminal is whole again: now end as the signal wants it. */
        signal(end.signo, SIG_DFL);
        kill(getpid(), end.signo);
    }
    if (end.reading)
        _exit(status);
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
    return inspect(&s);
}
