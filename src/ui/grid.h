/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The screen as cells. Views draw here and know no terminal: a cell is a character, a
 * role and attributes. Every call clips, so that any size from 1x1 works without a test
 * in the view.
 *
 * Text is the only way characters get in, and it is made harmless on the way: control
 * characters, invalid UTF-8, bidirectional and invisible characters appear as \xNN or
 * \u{NNNN}. Where the terminal has ASCII only, lines, blocks and marks are replaced by
 * their ASCII neighbours and other letters by \u{NNNN}. */
#ifndef QCHECK_UI_GRID_H
#define QCHECK_UI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ui/theme.h"

#define NO_BACK 0xff    /* background: that of the role itself */

struct cell {
    uint32_t ch;        /* code point; 0: right half of the wide character to the left */
    uint32_t mark;      /* combining mark on it, 0: none */
    uint8_t role;       /* enum role */
    uint8_t back;       /* role whose fill colour is the background, or NO_BACK */
    uint8_t attr;       /* ATTR_*, added to those of the role */
    uint8_t shade;      /* of paints (picture/palette.h): that of the foreground, plus 16
                           times that of the background; 0: full colours */
};

struct grid {
    int rows, cols;
    bool ascii;
    struct cell *cell;          /* owned, rows * cols */
    int cur_y, cur_x;           /* the real cursor; -1: hidden */
};

/* Sizes below 1 become 1. False when memory runs out (the grid is as before then). */
bool grid_init(struct grid *g, int rows, int cols, bool ascii);
bool grid_resize(struct grid *g, int rows, int cols);       /* erases */
void grid_free(struct grid *g);
void grid_erase(struct grid *g); /* blanks in ROLE_TEXT, no cursor */
const struct cell *grid_at(const struct grid *g, int y, int x);     /* must be inside */

/* A rectangle of a grid. All drawing goes through an area: coordinates are relative to it
 * and nothing is drawn outside it. May be empty; may not reach outside the grid. */
struct area {
    struct grid *g;
    int y, x, h, w;
};

struct area grid_area(struct grid *g);                      /* the whole grid */
/* Part of an area, clipped to it; a negative h or w counts from the far edge inwards
 * (-1: up to the end, -2: one less). */
struct area area_part(const struct area *a, int y, int x, int h, int w);

/* Draws text (UTF-8) at y, x and returns the column after it, even where that is clipped:
 * so columns can be chained. x may be negative. */
int draw_text(const struct area *a, int y, int x, unsigned role, const char *text);
int draw_attr_text(const struct area *a, int y, int x, unsigned role, unsigned attr,
                   const char *text);
int draw_printf(const struct area *a, int y, int x, unsigned role, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* At most `w` columns; longer text ends in "…" ("~" in ASCII). */
int draw_cut(const struct area *a, int y, int x, int w, unsigned role, const char *text);
/* Ends at column x_end (exclusive). */
void draw_right(const struct area *a, int y, int x_end, unsigned role, const char *text);
/* Breaks text into lines of at most `w` columns at blanks (newlines end a paragraph line)
 * and draws lines from number `skip` on; returns the number of lines the text has. */
int draw_wrapped(const struct area *a, int y, int x, int w, unsigned role,
                 const char *text, int skip);
/* Columns that draw_text would use. */
int text_columns(const struct area *a, const char *text);

/* One character, for maps and bars. `back`: NO_BACK, or the role that fills the
 * background: '▀' with role A over back B shows two cells of a map in one character. */
void draw_cell(const struct area *a, int y, int x, uint32_t ch, unsigned role,
               unsigned back, unsigned attr);
void draw_fill(const struct area *a, int y, int x, int h, int w, uint32_t ch,
               unsigned role);
/* Makes a cell that is already drawn paler, where there are colours for that. */
void draw_shade(const struct area *a, int y, int x, unsigned shade, unsigned back_shade);
/* Gives cells that are already drawn another role (`role` < N_ROLES) and adds
 * attributes. Blocks are not reversed: full and empty would change places. */
void draw_restyle(const struct area *a, int y, int x, int w, unsigned role,
                  unsigned attr);

/* Lines in ROLE_FRAME. Joints are the caller's to draw (LINE_* below). */
void draw_hline(const struct area *a, int y, int x, int w);
void draw_vline(const struct area *a, int y, int x, int h);
/* A bar of `w` columns with part/whole filled, to the eighth of a column in UTF-8. */
void draw_bar(const struct area *a, int y, int x, int w, uint64_t part, uint64_t whole,
              unsigned role);

/* Puts the real cursor there (screen readers follow it). */
void draw_cursor(const struct area *a, int y, int x);

/* Characters with an ASCII fallback. */
#define CH_HLINE    0x2500  /* ─ - */
#define CH_VLINE    0x2502  /* │ | */
#define CH_LTEE     0x251c  /* ├ + */
#define CH_RTEE     0x2524  /* ┤ + */
#define CH_TTEE     0x252c  /* ┬ + */
#define CH_BTEE     0x2534  /* ┴ + */
#define CH_CROSS    0x253c  /* ┼ + */
#define CH_UPPER    0x2580  /* ▀ ^ upper half block */
#define CH_LOWER    0x2584  /* ▄ _ lower half block */
#define CH_FULL     0x2588  /* █ # */
#define CH_LIGHT    0x2591  /* ░ . */
#define CH_MEDIUM   0x2592  /* ▒ : */
#define CH_DARK     0x2593  /* ▓ = */
#define CH_BULLET   0x25cf  /* ● * */
#define CH_CIRCLE   0x25cb  /* ○ o */
#define CH_ARROW    0x2192  /* → > */
#define CH_ELLIPSIS 0x2026  /* … ~ */
#define CH_MIDDOT   0x00b7  /* · . */

#endif
