/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A guided tour of an image: six to ten steps, each a view at a place with some words. Steps
 * are made of what the scan and the search for causes have found; a script puts steps of its
 * own before and after these:
 *
 *   VIEW | PLACE | TEXT        as the inspector shows them: "tables | L1[0] L2[4] | ..."
 *   *                          the steps that are made */
#ifndef QCHECK_UI_GUIDE_H
#define QCHECK_UI_GUIDE_H

#include "ui/view.h"

#define GUIDE_STEPS_MIN 6
#define GUIDE_STEPS_MAX 10

struct guide_step {
    enum view_id view;
    struct place place;
    size_t problem, cause;          /* as in struct ui */
    char text[700];
};

struct guide {
    struct guide_step step[GUIDE_STEPS_MAX];
    size_t n, at;                   /* n 0: there is none */
    size_t most;                    /* steps, while it is made */
    size_t missed;                  /* steps of the script that the image has no place for */
};

/* The scan has ended. `script` NULL: all steps are made. */
void guide_make(struct guide *g, const struct ui *ui, const char *script);

/* The script of a sample, out of the text of all ("[NAME]" before each, # begins a comment).
 * False: it has none. */
bool guide_script(const char *all, const char *sample, struct buf *out);

/* Rows of the box at the bottom of a body of that size; 0: no room, or no tour. */
int guide_rows(const struct guide *g, const struct area *body);
void guide_draw(const struct guide *g, const struct area *box);

#endif
