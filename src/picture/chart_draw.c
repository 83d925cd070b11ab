/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/chart_draw.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "base/text.h"

#define MARGIN      16
#define HEAD        56          /* title and scale */
#define AXIS        104         /* offsets beside rows */
#define MAP_WIDTH   960         /* the cells together, about */
#define WIDTH_MIN   480         /* of the picture */
#define CELL_MAX    32
#define LETTER_MIN  14          /* from this size on cells have their letter */
#define MARK_MIN    4           /* ... and problems a mark */
#define LINE        20          /* of the legend */
#define ENTRY       250         /* width of an entry of it */
#define ENTRIES_STEADY 24       /* room for as many as there can be */

const int chart_text_px[N_CHART_TEXTS] = {
    [TEXT_TITLE] = 16, [TEXT_PLAIN] = 12, [TEXT_FAINT] = 11
};

const struct chart_ink *chart_ink(enum palette p)
{
    static const struct chart_ink ink[N_PALETTES] = {
        [PALETTE_DARK] = { 0x121212, 0xe4e4e4, 0xa8a8a8, 0x000000 },
        [PALETTE_LIGHT] = { 0xffffff, 0x1c1c1c, 0x5f5f5f, 0xffffff },
        [PALETTE_SAFE] = { 0x000000, 0xe4e4e4, 0xa8a8a8, 0x000000 },
    };

    return &ink[p];
}

uint32_t chart_ink_on(enum palette p, unsigned paint)
{
    uint32_t rgb = palette_rgb(p, paint);
    unsigned light = (rgb >> 16 & 255) * 30 + (rgb >> 8 & 255) * 59 + (rgb & 255) * 11;

    return light > 110 * 100 ? 0x000000 : 0xffffff;
}

static int cell_px(const struct chart *c)
{
    int px = MAP_WIDTH / c->curve.cols;

    return px < 1 ? 1 : px > CELL_MAX ? CELL_MAX : px;
}

static int legend_columns(int w)
{
    int n = (w - 2 * MARGIN) / ENTRY;

    return n < 1 ? 1 : n;
}

/* Leaks are a class of their own, which the legend has then. */
static uint64_t leaks_of(const struct chart *c)
{
    return c->opt.by == CHART_CLASS ? 0 : c->n_leaked;
}

/* Entries of the legend, with those about problems and the note. */
static size_t legend_items(const struct chart *c)
{
    return c->n_entries + (c->n_marked > 0) + (leaks_of(c) > 0);
}

static int axis_px(const struct chart *c)
{
    return c->opt.hilbert ? 0 : AXIS;
}

void chart_size(const struct chart *c, struct chart_size *out)
{
    int lines;

    out->cell = cell_px(c);
    out->w = 2 * MARGIN + axis_px(c) + c->curve.cols * out->cell;
    out->w = out->w < WIDTH_MIN ? WIDTH_MIN : out->w;
    lines = (int)div_up(c->opt.steady ? ENTRIES_STEADY : legend_items(c),
                        (uint64_t)legend_columns(out->w));
    lines += c->opt.steady || c->note[0];
    out->h = HEAD + c->curve.rows * out->cell + MARGIN + lines * LINE + MARGIN;
}

/* --- cells --- */

/* Nothing is there: neither is a letter. */
static bool is_empty(const struct chart_cell *cell)
{
    return cell->paint == PAINT_CLASS + CLASS_VACANT
        || cell->paint == PAINT_GUEST + GUEST_UNALLOCATED;
}

/* Where the run of equal cells from i on ends; on a curve and where cells have letters each
 * stands alone. */
static size_t run_end(const struct chart *c, size_t i, int px)
{
    size_t cols = (size_t)c->curve.cols;
    size_t row_end = (i / cols + 1) * cols, end = i + 1;

    if (c->opt.hilbert || (px >= LETTER_MIN && !is_empty(&c->cell[i])))
        return end;
    while (end < c->n && end < row_end && chart_cells_alike(&c->cell[i], &c->cell[end]))
        end++;
    return end;
}

void chart_draw_cells(const struct chart *c, const struct canvas *on, int x, int y)
{
    struct buf says = BUF_INIT;
    int px = cell_px(c), gap = px >= 6, row, col;
    size_t end;

    for (size_t i = 0; i < c->n; i = end) {
        const struct chart_cell *cell = &c->cell[i];
        int w;

        end = run_end(c, i, px);
        curve_spot(&c->curve, i, &row, &col);
        buf_reset(&says);
        chart_cell_text(c, i, end, &says);
        w = (int)(end - i) * px - gap;
        on->cell(on->ctx, x + col * px, y + row * px, w, px - gap, cell->paint, cell->shade,
                 buf_str(&says));
        if (px >= LETTER_MIN && !cell->marked && !cell->leaked && !is_empty(cell))
            on->letter(on->ctx, x + col * px, y + row * px, w, px - gap, cell->paint,
                       palette_letter(cell->paint));
        for (size_t k = i; k < end && px >= MARK_MIN && (cell->marked || cell->leaked); k++)
            on->mark(on->ctx, x + (col + (int)(k - i)) * px, y + row * px, px - gap,
                     cell->marked);
    }
    buf_free(&says);
}

/* --- around them --- */

/* Offsets at the left of rows, so far apart that they can be read. */
static void draw_axis(const struct chart *c, const struct canvas *on, int px)
{
    int every = (chart_text_px[TEXT_FAINT] + 4 + px - 1) / px;
    char text[32];

    for (int row = 0; row < c->curve.rows && !c->opt.hilbert; row += every) {
        uint64_t first = (uint64_t)row * (uint64_t)c->curve.cols * c->per_cell;

        snprintf(text, sizeof text, "0x%" PRIx64, chart_bytes(c, first));
        on->text(on->ctx, MARGIN + AXIS - 8, HEAD + row * px + (px + 8) / 2, TEXT_FAINT, true,
                 text);
    }
}

static void draw_entry(const struct canvas *on, const struct chart_entry *e, int x, int y)
{
    char text[160], n[TEXT_NUM];

    on->cell(on->ctx, x, y, 14, 14, e->paint, 0, NULL);
    if (e->paint == PAINT_PROBLEM)
        on->mark(on->ctx, x, y, 14, true);
    else
        on->letter(on->ctx, x, y, 14, 14, e->paint, palette_letter(e->paint));
    if (e->n)
        snprintf(text, sizeof text, "%s (%s)", e->text, text_group(n, e->n));
    else
        snprintf(text, sizeof text, "%s", e->text);
    on->text(on->ctx, x + 20, y + 11, TEXT_PLAIN, false, text);
}

static void draw_legend(const struct chart *c, const struct canvas *on,
                        const struct chart_size *size, int y)
{
    struct chart_entry extra[2] = {
        { PAINT_PROBLEM, c->n_marked, "cells with a problem" },
        { PAINT_CLASS + CLASS_LEAKED, leaks_of(c), "cells with leaks" },
    };
    int columns = legend_columns(size->w), k = 0;

    for (int i = 0; i < 2; i++) {
        if (!extra[i].n)
            continue;
        draw_entry(on, &extra[i], MARGIN + k % columns * ENTRY, y + k / columns * LINE);
        k++;
    }
    for (size_t i = 0; i < c->n_entries; i++, k++)
        draw_entry(on, &c->entry[i], MARGIN + k % columns * ENTRY, y + k / columns * LINE);
    if (c->note[0])
        on->text(on->ctx, MARGIN, y + (k + columns - 1) / columns * LINE + 11, TEXT_FAINT,
                 false, c->note);
}

void chart_draw(const struct chart *c, const struct canvas *on)
{
    struct chart_size size;
    char text[200];

    chart_size(c, &size);
    on->text(on->ctx, MARGIN, 26, TEXT_TITLE, false, c->opt.title);
    snprintf(text, sizeof text, "%s; the legend counts %s", c->scale, c->unit);
    on->text(on->ctx, MARGIN, 44, TEXT_PLAIN, false, text);
    draw_axis(c, on, size.cell);
    chart_draw_cells(c, on, MARGIN + axis_px(c), HEAD);
    draw_legend(c, on, &size, HEAD + c->curve.rows * size.cell + MARGIN);
}
