/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A terminal, real (term_curses.c) or scripted (term_fake.c). The application draws a
 * grid and asks for the next event; nothing else of the program knows a terminal. */
#ifndef QCHECK_UI_TERM_H
#define QCHECK_UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "ui/grid.h"
#include "ui/theme.h"

enum event_kind {
    EVENT_NONE,             /* nothing happened; draw and ask again */
    EVENT_KEY,              /* key */
    EVENT_CLICK,            /* y, x; count: 2 for a double click */
    EVENT_WHEEL,            /* y, x; count: lines, negative upwards */
    EVENT_RESIZE,           /* y, x: rows and columns now; after suspension as well */
    EVENT_WAKE,             /* a wake-up descriptor is readable */
    EVENT_TICK,             /* the time is over */
    EVENT_END,              /* the terminal is gone or a signal ends us: signo, or 0 */
};

struct event {
    enum event_kind kind;
    uint32_t key;           /* code point or KEYCODE_* (ui/keys.h) */
    int y, x, count;
    int signo;
};

#define WAKE_MAX 20

struct terminal;

struct term_ops {
    void (*size)(struct terminal *t, int *rows, int *cols);
    /* Waits for the next event, at most timeout_ms (-1: for ever), or until one of n_wake
     * descriptors is readable (at most WAKE_MAX). */
    void (*next)(struct terminal *t, const int *wake, int n_wake, int timeout_ms,
                 struct event *out);
    void (*present)(struct terminal *t, const struct grid *g);
    void (*repaint)(struct terminal *t);        /* the next present() draws every cell */
    void (*set_theme)(struct terminal *t, enum theme_id theme);
    void (*set_mouse)(struct terminal *t, bool on);
    /* Hands text to the clipboard of the person's terminal (OSC 52), where it has that. */
    void (*copy)(struct terminal *t, const char *text);
    int64_t (*now_ms)(struct terminal *t);      /* monotonic */
    void (*close)(struct terminal *t);          /* restores the terminal and frees */
};

struct terminal {
    const struct term_ops *ops;
    enum depth depth;
    bool ascii;             /* no characters beyond ASCII */
};

/* The controlling terminal through ncurses. `mono`: no colours whatever it can do. Fails
 * with a message when TERM is unknown or cannot place the cursor. Installs handlers for
 * SIGWINCH, SIGTSTP, SIGINT, SIGTERM, SIGHUP, SIGQUIT and, to give the terminal back,
 * SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT; close() puts the old ones back. One at a
 * time. `colours` is borrowed until close. */
bool term_open(bool ascii, bool mono, enum theme_id theme, const struct theme_colours *colours,
               struct terminal **out, struct error *err);

#endif
