/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Charts as SVG and as PNG. Both come from one drawing, chart_draw(), on two canvases. */
#ifndef QCHECK_PICTURE_CHART_DRAW_H
#define QCHECK_PICTURE_CHART_DRAW_H

#include "picture/chart.h"

/* The first one is light, or dark for readers who prefer that; PNG is light then. */
enum chart_theme { THEME_AUTO, THEME_LIGHT, THEME_DARK, THEME_SAFE };

/* A document of its own. */
void chart_svg(const struct chart *c, enum chart_theme theme, struct buf *out);

/* The cells alone, as an element of a page; `label` says what they show. The page has the
 * styles of chart_svg_style, once for all charts on it. */
void chart_svg_cells(const struct chart *c, const char *label, struct buf *out);
void chart_svg_style(enum chart_theme theme, struct buf *out);
/* The colour of an entry of the legend with its letter, as an element of such a page. */
void chart_svg_swatch(unsigned paint, struct buf *out);

/* Loads the libraries that draw text and their fonts: before the sandbox is entered, as that
 * opens files. Text in other characters than ASCII and those of `extra` may come out as boxes.
 * False, with a message for people: not available, here or in this build. */
struct png_lib;
bool chart_png_supported(struct error *err);    /* only loads the libraries */
bool chart_png_load(const char *extra, const struct png_lib **out, struct error *err);
bool chart_png(const struct chart *c, enum chart_theme theme, const struct png_lib *lib,
               struct buf *out, struct error *err);

/* --- canvases --- */

enum chart_text { TEXT_TITLE, TEXT_PLAIN, TEXT_FAINT, N_CHART_TEXTS };

/* Pixels; y of text is its base line. */
struct canvas {
    void *ctx;
    void (*cell)(void *ctx, int x, int y, int w, int h, unsigned paint, unsigned shade,
                 const char *says);             /* says: NULL, or what it is */
    /* A letter in the middle of a cell. */
    void (*letter)(void *ctx, int x, int y, int w, int h, unsigned paint, char letter);
    /* What is marked has a cross, what leaks a stroke. */
    void (*mark)(void *ctx, int x, int y, int size, bool cross);
    /* `right`: ends at x. */
    void (*text)(void *ctx, int x, int y, enum chart_text style, bool right,
                 const char *text);
};

extern const int chart_text_px[N_CHART_TEXTS];

struct chart_size { int w, h, cell; };

void chart_size(const struct chart *c, struct chart_size *out);     /* of the whole picture */
void chart_draw(const struct chart *c, const struct canvas *on);
/* The cells alone, the first one at x, y. */
void chart_draw_cells(const struct chart *c, const struct canvas *on, int x, int y);

/* The colours of a picture that are in no palette. */
struct chart_ink { uint32_t ground, text, faint, mark; };
const struct chart_ink *chart_ink(enum palette p);
/* Black or white, whichever can be read on a paint. */
uint32_t chart_ink_on(enum palette p, unsigned paint);

#endif
