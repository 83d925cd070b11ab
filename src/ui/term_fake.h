/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A terminal that plays a script, for tests. Nothing waits for time: the script says what
 * happens next. Words of a script, separated by blanks:
 *
 *   k  Up  Enter  Ctrl-L ...   a key, by the names of the key table
 *   type:TEXT                  every character of TEXT is a key; '_' stands for a blank
 *   size:80x24                 columns x rows, and a resize event
 *   click:Y,X  double:Y,X      mouse
 *   wheel:N or wheel:N,Y,X     wheel, lines; negative upwards
 *   wait                       until the scan has ended
 *   tick                       the time is over (progress is drawn again)
 *   time:MS                    the clock moves on
 *   signal:N                   as if signal N had come
 *   shot:NAME                  hands the screen to the callback
 *   copied:NAME                hands what was copied last to the callback
 *
 * After the last word the terminal is gone, as on a hang-up. */
#ifndef QCHECK_UI_TERM_FAKE_H
#define QCHECK_UI_TERM_FAKE_H

#include "base/buf.h"

#include "ui/term.h"

struct fake_options {
    int rows, cols;
    enum depth depth;
    bool ascii;
    const char *script;                                 /* borrowed */
    void (*shot)(void *arg, const char *name, const struct grid *g);
    void (*copied)(void *arg, const char *name, const char *text);  /* may be NULL */
    void *arg;
};

/* NULL when memory runs out. An unknown word of the script ends the program (assert). */
struct terminal *term_fake_open(const struct fake_options *opt);

/* Writes a screen as text: per row the characters between bars, then, when `roles`, the
 * runs of roles other than "text": "  title 0-11, dim+reverse 12-30". Blank ends of rows
 * are cut. Two equal dumps are equal screens. */
void grid_dump(const struct grid *g, bool roles, struct buf *out);

#endif
