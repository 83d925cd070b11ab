/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/golden.h"
#include "support/screens.h"

void play_golden(const struct golden_screen *row, size_t n, enum depth otherwise)
{
    for (size_t i = 0; i < n; i++) {
        struct play play = row[i].play;
        struct buf got = BUF_INIT;

        if (!play.depth)
            play.depth = otherwise;
        play_sample(row[i].sample, &play, &got);
        golden_compare(row[i].name, buf_str(&got));
        buf_free(&got);
    }
}

static char *played(const char *sample, const char *script, enum depth depth)
{
    struct play play = { .script = script, .depth = depth };
    struct buf got = BUF_INIT;

    if (depth == DEPTH_MONO)
        play.theme = THEME_MONO;
    play_sample(sample, &play, &got);
    return buf_take(&got);
}

char *screens_of(const char *sample, const char *script)
{
    return played(sample, script, DEPTH_16);
}

char *screens_plain(const char *sample, const char *script)
{
    return played(sample, script, DEPTH_MONO);
}

const char *screens_shot(const char *screens, const char *name)
{
    char head[64];
    const char *at;

    snprintf(head, sizeof head, "== %s\n", name);
    at = strstr(screens, head);
    if (!at)
        fail_msg("there is no shot %s", name);
    return at;
}

void screens_place_line(const char *screens, const char *shot, char out[200])
{
    char name[80];
    const char *at;

    snprintf(name, sizeof name, "== %s\n", shot);
    at = strstr(screens, name);
    assert_non_null(at);
    at = strstr(at, "| file 0x");
    assert_non_null(at);
    snprintf(out, 200, "%.*s", (int)strcspn(at + 2, " \n") + 8, at + 2);
}

static bool shows(const char *shot, const char *text)
{
    const char *end = strstr(shot + 1, "\n== ");
    const char *at = strstr(shot, text);

    return at && (!end || at < end);
}

void shot_shows(const char *shot, const char *text)
{
    if (!shows(shot, text))
        fail_msg("\"%s\" is not on the screen:\n%s", text, shot);
}

void shot_shows_not(const char *shot, const char *text)
{
    if (shows(shot, text))
        fail_msg("\"%s\" is on the screen:\n%s", text, shot);
}

void screen_shows(const char *screen, const char *text)
{
    if (!strstr(screen, text))
        fail_msg("\"%s\" is not on the screen:\n%s", text, screen);
}

void screen_shows_not(const char *screen, const char *text)
{
    if (strstr(screen, text))
        fail_msg("\"%s\" is on the screen:\n%s", text, screen);
}
