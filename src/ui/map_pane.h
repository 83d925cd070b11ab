/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One map on the screen: the file or the guest disk as tiles of equal size, a cursor, and marks
 * for the places that the other map has in common with this one. */
#ifndef QCHECK_UI_MAP_PANE_H
#define QCHECK_UI_MAP_PANE_H

#include "picture/curve.h"
#include "picture/tiles.h"
#include "ui/view.h"

#define PANE_MARKS_MAX 32

enum map_style { STYLE_HALF, STYLE_FULL, STYLE_LETTERS, N_STYLES };

struct pane_mark { uint64_t first, last; };     /* clusters */

struct map_pane {
    enum map_space space;
    uint64_t n;                 /* clusters; at least 1 */
    unsigned shift;             /* ... of which each is as many as 2^shift of those that tiles
                                   are made from */
    uint64_t at;                /* under the cursor */
    uint64_t per;               /* clusters of a tile */
    uint64_t top;               /* number of the first tile shown */
    bool whole;                 /* everything in sight, whatever the size */
    enum map_style style; /* as fitted: without room for it, or colour, another one */
    bool shades;                /* tiles that are not full are paler */
    int tile_w;                 /* columns of a tile: 1, or 2 and 3 in maps with room */
    struct curve curve;         /* rows and columns in tiles */
    struct tile *tile;          /* owned; those in sight */
    size_t tile_cap;
    struct pane_mark mark[PANE_MARKS_MAX];
    size_t n_marks;
    /* What the tiles were made from. */
    struct { uint64_t top, per; size_t n; enum map_colouring colouring;
             unsigned age; bool valid; } made;
};

void pane_init(struct map_pane *p, enum map_space space, const struct ui *ui);
/* There may be more clusters now, or fewer. */
void pane_resize(struct map_pane *p, const struct ui *ui);
void pane_free(struct map_pane *p);

/* The style that an area of that many characters gets when `style` is asked for. */
enum map_style pane_style(const struct map_pane *p, int rows, int cols,
                          enum map_style style);

/* Fits the map to an area of that many characters and brings the cursor into sight. */
void pane_fit(struct map_pane *p, int rows, int cols, enum map_style style, bool hilbert,
              bool shades);

/* Makes the tiles in sight where they changed; another `age` means that what they are
 * made from did. */
void pane_make(struct map_pane *p, const struct tile_source *from,
               enum map_colouring colouring, unsigned age);

void pane_go(struct map_pane *p, uint64_t cluster);
void pane_zoom(struct map_pane *p, int dir);            /* by two, around the cursor */
void pane_zoom_one(struct map_pane *p);
/* Carries out a motion; ACT_CLICK: y, x relative to the map. True: the cursor moved. */
bool pane_act(struct map_pane *p, enum action action, const struct act_arg *arg);

/* The clusters of the tile under the cursor. */
void pane_here(const struct map_pane *p, uint64_t *first, uint64_t *n);

/* The cursor's character, relative to the map. */
void pane_cursor(const struct map_pane *p, int *y, int *x);

/* Tiles of the file in which the plan changes something, or which have changed since the scan
 * before, get a star. */
void pane_draw(const struct map_pane *p, const struct ui *ui, const struct area *a,
               bool focused);

#endif
