/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Cursor and scrolling of a list of any length: row numbers are 64-bit, rows themselves
 * are the owner's. */
#ifndef QCHECK_UI_LIST_H
#define QCHECK_UI_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "ui/keys.h"
#include "ui/view.h"

struct list {
    uint64_t n;             /* rows */
    uint64_t at;            /* row under the cursor; < n, or 0 */
    uint64_t top;           /* first row shown */
    int h;                  /* rows shown at a time, as of the last list_fit */
};

/* The list has n rows and h of them fit: keeps cursor and first row in range and the
 * cursor visible. Call it in prepare(). */
void list_fit(struct list *l, uint64_t n, int h);

/* Puts the cursor on a row and that row near the middle when it was not shown. */
void list_go(struct list *l, uint64_t row);

/* Carries out a motion (ACT_UP ... ACT_BOTTOM, ACT_SCROLL_*; ACT_CLICK with arg->y
 * counted from the first row shown). True when it was one and the cursor is on another
 * row. */
bool list_act(struct list *l, enum action action, const struct act_arg *arg);

#endif
