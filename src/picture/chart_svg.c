/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The canvas of SVG. Colours are classes, so that a reader may prefer them light or dark:
 * pN for paint N, with sN for its shade, tN for letters on it. */
#include "config.h"

#include "picture/chart_draw.h"

#include <string.h>

#include "picture/markup.h"

static void put_cell(void *ctx, int x, int y, int w, int h, unsigned paint, unsigned shade,
                     const char *says)
{
    struct buf *out = ctx;

    buf_printf(out, "<rect class=\"p%u", paint);
    if (shade)
        buf_printf(out, "s%u", shade);
    buf_printf(out, "\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", x, y, w, h);
    if (says) {
        buf_puts(out, "><title>");
        markup_text(out, says);
        buf_puts(out, "</title></rect>\n");
    } else {
        buf_puts(out, "/>\n");
    }
}

static void put_letter(void *ctx, int x, int y, int w, int h, unsigned paint, char letter)
{
    struct buf *out = ctx;
    char text[2] = { letter, '\0' };

    buf_printf(out, "<text class=\"t%u\" x=\"%d\" y=\"%d\">", paint, x + w / 2, y + h / 2 + 4);
    markup_text(out, text);
    buf_puts(out, "</text>\n");
}

static void put_mark(void *ctx, int x, int y, int size, bool cross)
{
    struct buf *out = ctx;
    int in = size / 5, d = size - 2 * in;

    buf_printf(out, "<path class=\"%s\" d=\"M%d %dl%d %d", cross ? "mark" : "leak", x + in,
               y + size - in, d, -d);
    if (cross)
        buf_printf(out, "M%d %dl%d %d", x + in, y + in, d, d);
    buf_puts(out, "\"/>\n");
}

static void put_text(void *ctx, int x, int y, enum chart_text style, bool right,
                     const char *text)
{
    static const char *const names[N_CHART_TEXTS] = { "title", "plain", "faint" };
    struct buf *out = ctx;

    buf_printf(out, "<text class=\"%s\" x=\"%d\" y=\"%d\"%s>", names[style], x, y,
               right ? " text-anchor=\"end\"" : "");
    markup_text(out, text);
    buf_puts(out, "</text>\n");
}

static struct canvas svg_canvas(struct buf *out)
{
    return (struct canvas){ out, put_cell, put_letter, put_mark, put_text };
}

/* --- styles --- */

static void rules(enum palette p, struct buf *out)
{
    const struct chart_ink *ink = chart_ink(p);

    buf_printf(out, ".ground{fill:#%06x}.title,.plain{fill:#%06x}.faint{fill:#%06x}"
               ".mark{stroke:#%06x}.leak{stroke:#%06x}\n", (unsigned)ink->ground,
               (unsigned)ink->text, (unsigned)ink->faint, (unsigned)ink->mark,
               (unsigned)chart_ink_on(p, PAINT_CLASS + CLASS_LEAKED));
    for (unsigned paint = 0; paint < PAINT_CHANGE; paint++) {     /* charts compare nothing */
        buf_printf(out, ".p%u{fill:#%06x}", paint, (unsigned)palette_rgb(p, paint));
        for (unsigned s = 1; s < PALETTE_SHADES; s++)
            buf_printf(out, ".p%us%u{fill:#%06x}", paint, s,
                       (unsigned)palette_rgb_shaded(p, paint, s));
        buf_printf(out, ".t%u{fill:#%06x}\n", paint, (unsigned)chart_ink_on(p, paint));
    }
}

void chart_svg_style(enum chart_theme theme, struct buf *out)
{
    static const enum palette palette[] = {
        [THEME_AUTO] = PALETTE_LIGHT, [THEME_LIGHT] = PALETTE_LIGHT,
        [THEME_DARK] = PALETTE_DARK, [THEME_SAFE] = PALETTE_SAFE,
    };

    buf_printf(out, "svg text{font:%dpx sans-serif}svg .title{font-size:%dpx;font-weight:bold}"
               "svg .faint{font-size:%dpx}", chart_text_px[TEXT_PLAIN],
               chart_text_px[TEXT_TITLE], chart_text_px[TEXT_FAINT]);
    buf_puts(out, "svg [class^=t]:not(.title){text-anchor:middle;pointer-events:none}"
             ".mark,.leak{fill:none;stroke-width:1.5;pointer-events:none}\n");
    rules(palette[theme], out);
    if (theme == THEME_AUTO) {
        buf_puts(out, "@media (prefers-color-scheme:dark){\n");
        rules(PALETTE_DARK, out);
        buf_puts(out, "}\n");
    }
}

/* --- documents --- */

void chart_svg(const struct chart *c, enum chart_theme theme, struct buf *out)
{
    struct canvas canvas = svg_canvas(out);
    struct chart_size size;

    chart_size(c, &size);
    buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\" role=\"img\">\n<title>", size.w, size.h, size.w, size.h);
    markup_text(out, c->opt.title);
    buf_puts(out, "</title>\n<desc>");
    markup_text(out, c->scale);
    buf_puts(out, "</desc>\n<style>");
    chart_svg_style(theme, out);
    buf_printf(out, "</style>\n<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", size.w,
               size.h);
    chart_draw(c, &canvas);
    buf_puts(out, "</svg>\n");
}

void chart_svg_cells(const struct chart *c, const char *label, struct buf *out)
{
    struct canvas canvas = svg_canvas(out);
    struct chart_size size;

    chart_size(c, &size);
    buf_printf(out, "<svg class=\"map\" viewBox=\"0 0 %d %d\" style=\"max-width:%dpx\" "
               "role=\"img\" aria-label=\"", c->curve.cols * size.cell,
               c->curve.rows * size.cell, c->curve.cols * size.cell);
    markup_text(out, label);
    buf_puts(out, "\">\n");
    chart_draw_cells(c, &canvas, 0, 0);
    buf_puts(out, "</svg>\n");
}

void chart_svg_swatch(unsigned paint, struct buf *out)
{
    struct canvas canvas = svg_canvas(out);

    buf_puts(out, "<svg class=\"swatch\" width=\"14\" height=\"14\" aria-hidden=\"true\">");
    canvas.cell(out, 0, 0, 14, 14, paint, 0, NULL);
    if (paint == PAINT_PROBLEM)
        canvas.mark(out, 0, 0, 14, true);
    else
        canvas.letter(out, 0, 0, 14, 14, paint, palette_letter(paint));
    buf_puts(out, "</svg>");
}
