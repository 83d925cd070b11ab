/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the person has been: what Backspace returns to. The oldest are forgotten. */
#ifndef QCHECK_UI_HISTORY_H
#define QCHECK_UI_HISTORY_H

#include "qcow2/place.h"
#include "ui/keys.h"

#define HISTORY_MAX 256

struct stop {
    enum view_id view;
    struct place place;
    size_t problem;         /* index, or NO_PROBLEM (ui/view.h) */
};

struct history {
    struct stop *list;      /* owned; HISTORY_MAX of them once used */
    size_t n;
};

void history_push(struct history *h, const struct stop *s); /* nothing without memory */
bool history_pop(struct history *h, struct stop *out);          /* false: empty */
void history_clear(struct history *h);
void history_free(struct history *h);

#endif
