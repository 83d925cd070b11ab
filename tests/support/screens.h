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

/* Fail the test unless the text is, or is not, in what was collected. */
void screen_shows(const char *screen, const char *text);
void screen_shows_not(const char *screen, const char *text);

#endif
