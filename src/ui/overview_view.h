/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The overview: its state, and the parts it is made of. */
#ifndef QCHECK_UI_OVERVIEW_VIEW_H
#define QCHECK_UI_OVERVIEW_VIEW_H

#include "ui/map_view.h"
#include "ui/overview.h"

#define NO_LINE SIZE_MAX

struct overview_spot { int column, row, h; };

struct overview_view {
    struct overview o;
    struct overview_spot spot[OVERVIEW_LINES_MAX];
    size_t at;                  /* line under the cursor: one with a link; NO_LINE */
    enum overview_section section;      /* ... and what to look for when lines change */
    enum overview_link link;
    int which;
    int top;                    /* rows scrolled away */
    int rows;                   /* of the longest column */
    const struct scan_result *made_for;
    const struct figures *made_figures;
    bool made_all;
    int head, h;                /* rows of the verdict, rows below it */
    int bar;                    /* row of the bar of the whole file; 0: none */
    int columns, w;             /* of the screen: 1 or 2, and their width */
    struct map_pane map;        /* of the file, where there is room below ... */
    int map_h, age;             /* ... that many rows; 0: none */
    int label[2][N_LOOKS];      /* columns of the longest label of each look in each */
};

/* Where the text of a line, or its bar, begins in its column of the screen. */
int overview_text_column(const struct overview_view *v, const struct overview_line *line);

/* overview_draw.c */
void overview_draw(const struct overview_view *v, const struct ui *ui,
                   const struct area *a);

#endif
