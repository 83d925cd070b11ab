/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A few lines of text that explain what the cursor stands on: built while preparing,
 * drawn in a narrow pane, wrapped to its width, or in a single line. */
#ifndef QCHECK_UI_SIDEBAR_H
#define QCHECK_UI_SIDEBAR_H

#include "ui/grid.h"

#define SIDEBAR_LINES_MAX 64

struct sidebar_line {
    uint8_t role;
    uint8_t swatch_role;
    char swatch;                /* a letter in its own colour before the text; 0: none */
    char text[240];
};

struct sidebar {
    struct sidebar_line line[SIDEBAR_LINES_MAX];
    size_t n;
};

void sidebar_reset(struct sidebar *s);
void sidebar_add(struct sidebar *s, unsigned role, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sidebar_swatch(struct sidebar *s, char letter, unsigned role, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void sidebar_draw(const struct sidebar *s, const struct area *a);

#endif
