/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck map: what lies where. */
#include "config.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cmd_common.h"
#include "cmd/pictures.h"
#include "report/map_report.h"

#define ROWS 20             /* of the picture */

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

/* Colours on a terminal, or where CLICOLOR_FORCE asks for them; never with NO_COLOR. */
static struct picture picture_for(const struct settings *s)
{
    struct picture p = { .columns = s->columns ? s->columns : 80, .rows = ROWS };
    struct winsize w;

    if (!s->columns && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
        p.columns = w.ws_col;
    p.colour = !is_set("NO_COLOR") && (isatty(STDOUT_FILENO) || is_set("CLICOLOR_FORCE"));
    p.blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return p;
}

static void tell_missing(const struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        struct error err = { .code = ERR_IO };

        if (!chain->layer[i].fault)
            continue;
        snprintf(err.text, sizeof err.text, "%s", chain->layer[i].fault);
        message_error(chain->layer[i].name, &err);
    }
}

static int map_image(const struct settings *s, const char *name)
{
    struct out out = { stdout, 0 };
    struct chain chain = CHAIN_INIT;
    struct image *img = NULL;
    struct scan_result *scan = NULL;
    struct error err = { 0 };
    struct picture picture = picture_for(s);
    uint32_t layer = LAYER_ACTIVE;
    bool list_guest = s->guest && s->output != OUTPUT_ANSI, ok;
    int status = STATUS_FAILED;

    ok = list_guest ? open_image_and_chain(s, name, &img, &chain, &err)
                    : open_image(s, name, &img, &err);
    if (ok)
        tell_guesses(name, img);
    ok = ok && layer_named(img, s->layer, &layer, &err);
    if (ok && list_guest) {
        tell_missing(&chain);
        ok = map_guest(img, layer, &chain, s->output == OUTPUT_JSON, &out, &err);
    } else if (ok) {
        ok = scan_image(s, img, &scan, &err);
        if (ok && s->output == OUTPUT_ANSI)
            ok = map_picture(scan, s->guest, layer, &picture, &out, &err);
        else if (ok)
            map_host(scan, s->output == OUTPUT_JSON, &out);
    }
    if (ok)
        status = STATUS_CLEAN;
    else
        message_error(name, &err);
    scan_free(scan);
    chain_close(&chain);
    image_close(img);
    return finish(&out, status);
}

int cmd_map(const struct command *cmd, int argc, char **argv)
{
    struct buf name = BUF_INIT;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.layer && !s.guest)
        return usage_error(cmd, "--layer needs --space=guest");
    if (s.other_layer)
        return usage_error(cmd, "one layer at a time");
    if (s.output == OUTPUT_SVG || s.output == OUTPUT_PNG)
        return map_pictures(cmd, &s);
    if (s.by || s.hilbert || s.cell || s.frames || s.out_file)
        return usage_error(cmd, "options of pictures need --output=svg or --output=png");
    if (one_image(cmd, &s, &name, &status))
        status = map_image(&s, buf_str(&name));
    buf_free(&name);
    return status;
}
