/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Signals of the inspector. Handlers only set a flag, except for crashes: those give the
 * terminal back with nothing but write() and tcsetattr() and die of the same signal.
 * Signals of windows and suspension are blocked outside signals_wait(), so that they never
 * interrupt anything else. Those that end the program may come at any time; when the main
 * thread does not call signals_take() within SIGNALS_PATIENCE_MS, the program ends as in
 * a crash. One terminal at a time; main thread only. */
#ifndef QCHECK_UI_TERM_SIGNALS_H
#define QCHECK_UI_TERM_SIGNALS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define SIGNALS_PATIENCE_MS 900

void signals_install(void);             /* remembers the old handlers and mask */
void signals_restore(void);

/* What a crash writes to the terminal before dying: terminal settings are remembered from
 * now, `text` (terminfo strings, padding is left out) is written to fd. */
void signals_on_crash(int fd, const char *const *text, size_t n);

/* ppoll with the signals let in; at most SIGNALS_FDS descriptors. Returns as poll does. */
#define SIGNALS_FDS 16
int signals_wait(struct pollfd *fds, int n, int timeout_ms);

/* Which came since the last call: */
struct signals {
    bool resized;           /* SIGWINCH */
    bool stop;              /* SIGTSTP */
    bool resumed;           /* SIGCONT */
    int end;                /* SIGINT, SIGTERM, SIGHUP or SIGQUIT; 0: none */
};
struct signals signals_take(void);

/* Stops the process as SIGTSTP does without a handler; returns when it is continued. */
void signals_stop_self(void);

#endif
