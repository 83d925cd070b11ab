/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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
