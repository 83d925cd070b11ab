/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What stands around every view: two title lines, the place line, the hint line. */
#ifndef QCHECK_UI_FRAME_H
#define QCHECK_UI_FRAME_H

#include "ui/prompt.h"
#include "ui/view.h"

struct frame {
    const struct ui *ui;
    enum view_id view;
    const void *state;              /* of the view shown */
    const struct prompt *prompt;
    const char *message;            /* "" : none */
    bool alarm;
    const char *picking;            /* a cluster is picked for this entry; NULL: none is */
    bool reading;                   /* not all that the view shows has been read */
    int deep;                       /* permille of the deep look; -1: none goes on */
    bool stopping;                  /* the scan was told to stop */
    const struct error *scan_error; /* why there is no result; ERR_NONE: no such thing */
};

/* Where the view is drawn: the rows between; at least one. */
struct area frame_body(const struct area *screen);

/* Draws all but the body. Cursor: only when the prompt is open. */
void frame_draw(const struct frame *f, const struct area *screen);

/* The view whose tab is at y, x; N_VIEWS: none. */
enum view_id frame_tab_at(const struct frame *f, const struct area *screen, int y, int x);

/* Where the part of the place line at y, x leads; false: nowhere. */
bool frame_place_at(const struct frame *f, const struct area *screen, int y, int x,
                    struct place *to, enum view_id *view);

/* The action of the hint at y, x; ACT_NONE: none. */
enum action frame_hint_at(const struct frame *f, const struct area *screen, int y, int x);

#endif
