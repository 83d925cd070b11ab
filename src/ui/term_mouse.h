/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the mouse did, as ncurses tells it: over a slow line several reports come at once, and
 * ncurses announces them with a single KEY_MOUSE. */
#ifndef QCHECK_UI_TERM_MOUSE_H
#define QCHECK_UI_TERM_MOUSE_H

#include "ui/term.h"

#define MOUSE_QUEUE_MAX 32

struct mouse_queue {
    struct event event[MOUSE_QUEUE_MAX];
    int n, next;
};

void mouse_catch(bool on);

/* After KEY_MOUSE: takes what ncurses has, in order. More than fit are dropped. A double click is
 * two clicks here: the application tells by time and place. */
void mouse_fetch(struct mouse_queue *q);

/* The next of them; false: there is none. */
bool mouse_next(struct mouse_queue *q, struct event *out);

#endif
