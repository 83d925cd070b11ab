/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/term_mouse.h"

#include <curses.h>

#define CLICKS (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED)
#define WHEEL_LINES 3

void mouse_catch(bool on)
{
    mousemask(on ? CLICKS | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
    mouseinterval(0);
}

static void add(struct mouse_queue *q, enum event_kind kind, const MEVENT *m, int count)
{
    if (q->n < MOUSE_QUEUE_MAX)
        q->event[q->n++] = (struct event){ .kind = kind, .y = m->y, .x = m->x, .count = count };
}

void mouse_fetch(struct mouse_queue *q)
{
    MEVENT m[MOUSE_QUEUE_MAX];
    int n = 0;

    q->n = q->next = 0;
    while (n < MOUSE_QUEUE_MAX && getmouse(&m[n]) == OK)
        n++;
    while (n-- > 0) {               /* the last one came first */
        if (m[n].bstate & BUTTON4_PRESSED)
            add(q, EVENT_WHEEL, &m[n], -WHEEL_LINES);
        else if (m[n].bstate & BUTTON5_PRESSED)
            add(q, EVENT_WHEEL, &m[n], WHEEL_LINES);
        else if (m[n].bstate & CLICKS)
            add(q, EVENT_CLICK, &m[n], 1);
        if (m[n].bstate & BUTTON1_DOUBLE_CLICKED)
            add(q, EVENT_CLICK, &m[n], 1);
    }
}

bool mouse_next(struct mouse_queue *q, struct event *out)
{
    if (q->next == q->n)
        return false;
    *out = q->event[q->next++];
    return true;
}
