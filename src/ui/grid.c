/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "ui/glyph.h"

static const struct cell blank = { ' ', 0, ROLE_TEXT, NO_BACK, 0, 0 };

bool grid_init(struct grid *g, int rows, int cols, bool ascii)
{
    struct grid new = { .ascii = ascii, .cur_y = -1, .cur_x = -1 };

    if (!grid_resize(&new, rows, cols))
        return false;
    *g = new;
    return true;
}

bool grid_resize(struct grid *g, int rows, int cols)
{
    struct cell *cell;

    rows = rows < 1 ? 1 : rows > 10000 ? 10000 : rows;
    cols = cols < 1 ? 1 : cols > 10000 ? 10000 : cols;
    cell = calloc((size_t)rows * (size_t)cols, sizeof *cell);
    if (!cell)
        return false;
    free(g->cell);
    g->cell = cell;
    g->rows = rows;
    g->cols = cols;
    grid_erase(g);
    return true;
}

void grid_free(struct grid *g)
{
    free(g->cell);
    g->cell = NULL;
    g->rows = g->cols = 0;
}

void grid_erase(struct grid *g)
{
    for (size_t i = 0; i < (size_t)g->rows * (size_t)g->cols; i++)
        g->cell[i] = blank;
    g->cur_y = g->cur_x = -1;
}

const struct cell *grid_at(const struct grid *g, int y, int x)
{
    assert(y >= 0 && y < g->rows && x >= 0 && x < g->cols);
    return &g->cell[(size_t)y * (size_t)g->cols + (size_t)x];
}

struct area grid_area(struct grid *g)
{
    return (struct area){ g, 0, 0, g->rows, g->cols };
}

/* Start and length of a span, cut to [0, size). */
static void clip(int *start, int *len, int size)
{
    if (*len < 0)
        *len = size - *start + *len + 1;
    if (*start < 0) {
        *len += *start;
        *start = 0;
    }
    if (*start > size)
        *start = size;
    if (*len > size - *start)
        *len = size - *start;
    if (*len < 0)
        *len = 0;
}

struct area area_part(const struct area *a, int y, int x, int h, int w)
{
    clip(&y, &h, a->h);
    clip(&x, &w, a->w);
    return (struct area){ a->g, a->y + y, a->x + x, h, w };
}

/* The cell at y, x of the area; NULL outside. */
static struct cell *inside(const struct area *a, int y, int x)
{
    if (y < 0 || x < 0 || y >= a->h || x >= a->w)
        return NULL;
    return &a->g->cell[(size_t)(a->y + y) * (size_t)a->g->cols + (size_t)(a->x + x)];
}

/* Writes one cell and blanks the other half of a wide character it tears apart. */
static void store(const struct area *a, int y, int x, const struct cell *c)
{
    struct cell *at = inside(a, y, x);
    int col = a->x + x;

    if (!at)
        return;
    if (at->ch == 0 && col > 0 && c->ch != 0)
        at[-1].ch = ' ';
    if (col + 1 < a->g->cols && at[1].ch == 0 && at->ch != 0)
        at[1].ch = ' ';
    *at = *c;
}

/* Draws one code point that may be shown; returns its columns. */
static int put(const struct area *a, int y, int x, uint32_t ch, unsigned role,
               unsigned attr)
{
    struct cell c = { ch, 0, (uint8_t)role, NO_BACK, (uint8_t)attr, 0 };
    int width = glyph_width(ch);

    if (width == 0) {
        struct cell *at = inside(a, y, x - 1);

        if (at && at->ch == 0)
            at = inside(a, y, x - 2);
        if (at && at->ch != 0)
            at->mark = ch;
        return 0;
    }
    if (width == 2 && (x < 0 || x + 1 >= a->w)) {      /* half of it would be cut off */
        c.ch = ' ';
        store(a, y, x, &c);
        store(a, y, x + 1, &c);
        return 2;
    }
    store(a, y, x, &c);
    if (width == 2) {
        struct cell *right = inside(a, y, x + 1);

        if (right) {
            c.ch = ' ';
            store(a, y, x + 1, &c);
            right->ch = 0;
        }
    }
    return width;
}

/* What one code point becomes on this grid: itself, an ASCII neighbour (`out` holds it),
 * or an escape in `out`. */
static bool shown_as_is(const struct grid *g, uint32_t ch, char out[16])
{
    if (glyph_width(ch) < 0) {
        glyph_escape(ch, out);
        return false;
    }
    if (g->ascii && ch >= 0x7f) {
        char c = glyph_ascii(ch);

        if (c)
            snprintf(out, 16, "%c", c);
        else
            glyph_escape(ch, out);
        return false;
    }
    return true;
}

/* Draws the next character of *text and moves on; returns its columns, -1 at the end.
 * With draw false only measures. */
static int step(const struct area *a, int y, int x, unsigned role, unsigned attr,
                const char **text, bool draw)
{
    uint32_t ch = glyph_next(text);
    char other[16];
    int n = 0;

    if (ch == 0)
        return -1;
    if (shown_as_is(a->g, ch, other))
        return draw ? put(a, y, x, ch, role, attr) : glyph_width(ch);
    for (const char *p = other; *p; p++, n++)
        if (draw)
            put(a, y, x + n, (unsigned char)*p, role, attr);
    return n;
}

int draw_attr_text(const struct area *a, int y, int x, unsigned role, unsigned attr,
                   const char *text)
{
    int n;

    while ((n = step(a, y, x, role, attr, &text, true)) >= 0)
        x += n;
    return x;
}

int draw_text(const struct area *a, int y, int x, unsigned role, const char *text)
{
    return draw_attr_text(a, y, x, role, 0, text);
}

int draw_printf(const struct area *a, int y, int x, unsigned role, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return draw_text(a, y, x, role, text);
}

int text_columns(const struct area *a, const char *text)
{
    int columns = 0;
    int n;

    while ((n = step(a, 0, 0, ROLE_TEXT, 0, &text, false)) >= 0)
        columns += n;
    return columns;
}

int draw_cut(const struct area *a, int y, int x, int w, unsigned role, const char *text)
{
    int used = 0;
    int n;

    if (w <= 0)
        return x;
    if (text_columns(a, text) <= w)
        return draw_text(a, y, x, role, text);
    for (;;) {
        const char *peek = text;

        n = step(a, y, x + used, role, 0, &peek, false);
        if (n < 0 || used + n > w - 1)
            break;
        used += step(a, y, x + used, role, 0, &text, true);
    }
    return draw_text(a, y, x + used, role, "\u2026");
}

void draw_right(const struct area *a, int y, int x_end, unsigned role, const char *text)
{
    draw_text(a, y, x_end - text_columns(a, text), role, text);
}

/* End of the line that starts at `text` and fits in w columns; *next: start of the one
 * after it. */
static const char *line_end(const struct area *a, const char *text, int w,
                            const char **next)
{
    const char *p = text;
    const char *blank_at = NULL;
    int used = 0;

    while (*p && *p != '\n') {
        const char *before = p;
        int n = step(a, 0, 0, ROLE_TEXT, 0, &p, false);

        if (*before == ' ' && before != text)
            blank_at = before;
        if (used + n > w && before != text) {
            if (blank_at) {
                *next = blank_at + 1;
                return blank_at;
            }
            *next = before;
            return before;
        }
        used += n;
    }
    *next = *p ? p + 1 : p;
    return p;
}

int draw_wrapped(const struct area *a, int y, int x, int w, unsigned role,
                 const char *text, int skip)
{
    int lines = 0;

    if (w < 1)
        w = 1;
    while (*text) {
        const char *next;
        const char *end = line_end(a, text, w, &next);
        int at = x;

        if (lines >= skip && y + lines - skip >= 0 && y + lines - skip < a->h)
            while (text < end)
                at += step(a, y + lines - skip, at, role, 0, &text, true);
        text = next;
        lines++;
    }
    return lines;
}

void draw_cell(const struct area *a, int y, int x, uint32_t ch, unsigned role,
               unsigned back, unsigned attr)
{
    struct cell c = { ch, 0, (uint8_t)role, (uint8_t)back, (uint8_t)attr, 0 };
    char other[16];

    if (glyph_width(ch) != 1)
        c.ch = '?';
    else if (!shown_as_is(a->g, ch, other))
        c.ch = (unsigned char)other[0];
    store(a, y, x, &c);
}

void draw_fill(const struct area *a, int y, int x, int h, int w, uint32_t ch,
               unsigned role)
{
    clip(&y, &h, a->h);
    clip(&x, &w, a->w);
    for (int i = y; i < y + h; i++)
        for (int j = x; j < x + w; j++)
            draw_cell(a, i, j, ch, role, NO_BACK, 0);
}

void draw_shade(const struct area *a, int y, int x, unsigned shade, unsigned back_shade)
{
    struct cell *at = inside(a, y, x);

    if (at)
        at->shade = (uint8_t)(shade | back_shade << 4);
}

static bool is_block(uint32_t ch)
{
    return ch >= 0x2580 && ch < 0x25a0;
}

void draw_restyle(const struct area *a, int y, int x, int w, unsigned role, unsigned attr)
{
    clip(&x, &w, a->w);
    for (int j = x; j < x + w; j++) {
        struct cell *at = inside(a, y, j);

        if (!at)
            return;
        if (role < N_ROLES)
            at->role = (uint8_t)role;
        at->attr |= (uint8_t)(is_block(at->ch) ? attr & ~ATTR_REVERSE : attr);
    }
}

void draw_hline(const struct area *a, int y, int x, int w)
{
    draw_fill(a, y, x, 1, w, CH_HLINE, ROLE_FRAME);
}

void draw_vline(const struct area *a, int y, int x, int h)
{
    draw_fill(a, y, x, h, 1, CH_VLINE, ROLE_FRAME);
}

void draw_bar(const struct area *a, int y, int x, int w, uint64_t part, uint64_t whole,
              unsigned role)
{
    uint64_t eighths = 0;
    int full;
    int rest;

    if (w < 1)
        return;
    if (whole > 0) {
        double share = (double)u64_min(part, whole) / (double)whole;

        eighths = (uint64_t)(share * 8 * w + 0.5);
        if (part > 0 && eighths == 0)
            eighths = 1;
    }
    if (a->g->ascii && eighths > 0)
        eighths = u64_max(eighths / 8, 1) * 8;
    full = (int)(eighths / 8);
    rest = (int)(eighths % 8);
    for (int i = 0; i < w; i++) {
        if (i < full)
            draw_cell(a, y, x + i, CH_FULL, role, NO_BACK, 0);
        else if (i == full && rest)     /* U+2589 to U+258F: seven to one eighths */
            draw_cell(a, y, x + i, 0x2590u - (unsigned)rest, role, NO_BACK, 0);
        else
            draw_cell(a, y, x + i, CH_LIGHT, ROLE_BAR_REST, NO_BACK, 0);
    }
}

void draw_cursor(const struct area *a, int y, int x)
{
    if (a->h < 1 || a->w < 1)
        return;
    y = y < 0 ? 0 : y >= a->h ? a->h - 1 : y;
    x = x < 0 ? 0 : x >= a->w ? a->w - 1 : x;
    a->g->cur_y = a->y + y;
    a->g->cur_x = a->x + x;
}
