/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What unit tests ask of the screens that a script has collected. */
#ifndef QCHECK_TESTS_SUPPORT_SCREENS_H
#define QCHECK_TESTS_SUPPORT_SCREENS_H

#include "support/play.h"

/* Plays each row, of which the shots are the golden ones of its name; `otherwise`: the depth
 * where a row tells none. */
struct golden_screen { const char *name, *sample; struct play play; };
void play_golden(const struct golden_screen *row, size_t n, enum depth otherwise);

/* Plays a script on a sample: what was collected, in 16 colours or without any. The caller
 * frees it. */
char *screens_of(const char *sample, const char *script);
char *screens_plain(const char *sample, const char *script);

/* The shot of that name, and all after it; there must be one. */
const char *screens_shot(const char *screens, const char *name);

/* The line of a shot that says where the cursor stands. */
void screens_place_line(const char *screens, const char *shot, char out[200]);

/* Fail the test unless the text is, or is not, in one shot. */
void shot_shows(const char *shot, const char *text);
void shot_shows_not(const char *shot, const char *text);

/* Fail the test unless the text is, or is not, in what was collected. */
void screen_shows(const char *screen, const char *text);
void screen_shows_not(const char *screen, const char *text);

#endif
