/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The canvas of PNG: cairo, and Pango for text. */
#include "config.h"

#include "picture/chart_draw.h"

#ifdef HAVE_PANGOCAIRO

#include <pango/pangocairo.h>

#include "base/library.h"

/* The library brings cairo, Pango and GLib. */
#define CALLS(X) \
    X(cairo_create) X(cairo_destroy) X(cairo_fill) X(cairo_image_surface_create) \
    X(cairo_line_to) X(cairo_move_to) X(cairo_paint) X(cairo_rectangle) \
    X(cairo_set_line_width) X(cairo_set_source_rgb) X(cairo_status) X(cairo_status_to_string) \
    X(cairo_stroke) X(cairo_surface_destroy) \
    X(cairo_surface_write_to_png_stream) \
    X(g_object_unref) X(g_log_set_default_handler) \
    X(pango_cairo_create_layout) X(pango_cairo_show_layout) \
    X(pango_font_description_free) X(pango_font_description_new) \
    X(pango_font_description_set_absolute_size) X(pango_font_description_set_family) \
    X(pango_font_description_set_weight) X(pango_layout_get_baseline) \
    X(pango_layout_get_pixel_size) X(pango_layout_set_font_description) \
    X(pango_layout_set_text)

struct png_lib { CALLS(LIBRARY_CALL) };

static struct png_lib calls;
static const char *const names[] = { CALLS(LIBRARY_NAME) };
static struct library png_library =
    LIBRARY(PANGOCAIRO, "pango", "PNG pictures", names, calls);

struct png {
    const struct png_lib *lib;
    cairo_t *cr;
    enum palette palette;
};

static void ink(struct png *p, uint32_t rgb)
{
    p->lib->cairo_set_source_rgb(p->cr, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                             (rgb & 255) / 255.0);
}

static void put_cell(void *ctx, int x, int y, int w, int h, unsigned paint, unsigned shade,
                     const char *says)
{
    struct png *p = ctx;

    (void)says;
    ink(p, palette_rgb_shaded(p->palette, paint, shade));
    p->lib->cairo_rectangle(p->cr, x, y, w, h);
    p->lib->cairo_fill(p->cr);
}

static void put_mark(void *ctx, int x, int y, int size, bool cross)
{
    struct png *p = ctx;
    int in = size / 5;

    ink(p, cross ? chart_ink(p->palette)->mark
                 : chart_ink_on(p->palette, PAINT_CLASS + CLASS_LEAKED));
    p->lib->cairo_set_line_width(p->cr, 1.5);
    p->lib->cairo_move_to(p->cr, x + in, y + size - in);
    p->lib->cairo_line_to(p->cr, x + size - in, y + in);
    if (cross) {
        p->lib->cairo_move_to(p->cr, x + in, y + in);
        p->lib->cairo_line_to(p->cr, x + size - in, y + size - in);
    }
    p->lib->cairo_stroke(p->cr);
}

/* Text whose base line begins at x, y; `share` of its width lies at the left of x. */
static void write_text(struct png *p, double x, double y, double share, enum chart_text style,
                       const char *text)
{
    const struct png_lib *lib = p->lib;
    PangoLayout *layout = lib->pango_cairo_create_layout(p->cr);
    PangoFontDescription *font = lib->pango_font_description_new();
    int w, h;

    p->lib->pango_font_description_set_family(font, "sans-serif");
    p->lib->pango_font_description_set_weight(font, style == TEXT_TITLE ? PANGO_WEIGHT_BOLD
                                                                    : PANGO_WEIGHT_NORMAL);
    p->lib->pango_font_description_set_absolute_size(font, chart_text_px[style] * PANGO_SCALE);
    p->lib->pango_layout_set_font_description(layout, font);
    p->lib->pango_layout_set_text(layout, text, -1);
    p->lib->pango_layout_get_pixel_size(layout, &w, &h);
    p->lib->cairo_move_to(p->cr, x - w * share,
                      y - (double)p->lib->pango_layout_get_baseline(layout) / PANGO_SCALE);
    p->lib->pango_cairo_show_layout(p->cr, layout);
    p->lib->pango_font_description_free(font);
    p->lib->g_object_unref(layout);
}

static void put_letter(void *ctx, int x, int y, int w, int h, unsigned paint, char letter)
{
    struct png *p = ctx;
    char text[2] = { letter, '\0' };

    ink(p, chart_ink_on(p->palette, paint));
    write_text(p, x + w / 2.0, y + h / 2 + 4, 0.5, TEXT_PLAIN, text);
}

static void put_text(void *ctx, int x, int y, enum chart_text style, bool right,
                     const char *text)
{
    struct png *p = ctx;
    const struct chart_ink *colours = chart_ink(p->palette);

    ink(p, style == TEXT_FAINT ? colours->faint : colours->text);
    write_text(p, x, y, right ? 1 : 0, style, text);
}

/* --- the library --- */

/* Where a font cannot be had behind the sandbox, a box says so. */
static void say_nothing(const gchar *domain, GLogLevelFlags level, const gchar *text,
                        gpointer data)
{
    (void)domain;
    (void)level;
    (void)text;
    (void)data;
}

/* Each character in each style once: what is drawn later is found in memory. */
static void warm(struct png *p, const char *extra)
{
    char ascii[0x7f - 0x20 + 1];

    for (int c = 0x20; c < 0x7f; c++)
        ascii[c - 0x20] = (char)c;
    ascii[0x7f - 0x20] = '\0';
    for (int style = 0; style < N_CHART_TEXTS; style++) {
        write_text(p, 0, 20, 0, (enum chart_text)style, ascii);
        write_text(p, 0, 20, 0, (enum chart_text)style, "\u2013");
        write_text(p, 0, 20, 0, (enum chart_text)style, extra);
    }
}

static cairo_surface_t *begin(struct png *p, int w, int h)
{
    cairo_surface_t *surface = p->lib->cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);

    p->cr = p->lib->cairo_create(surface);
    return surface;
}

static void end(struct png *p, cairo_surface_t *surface)
{
    p->lib->cairo_destroy(p->cr);
    p->lib->cairo_surface_destroy(surface);
}

bool chart_png_supported(struct error *err)
{
    return library_load(&png_library, err);
}

bool chart_png_load(const char *extra, const struct png_lib **out, struct error *err)
{
    struct png p = { &calls, NULL, PALETTE_LIGHT };
    cairo_surface_t *surface;

    if (!chart_png_supported(err))
        return false;
    calls.g_log_set_default_handler(say_nothing, NULL);
    surface = begin(&p, 64, 64);
    warm(&p, extra);
    end(&p, surface);
    *out = &calls;
    return true;
}

static cairo_status_t take(void *ctx, const unsigned char *bytes, unsigned len)
{
    struct buf *out = ctx;

    buf_add(out, bytes, len);
    return out->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

bool chart_png(const struct chart *c, enum chart_theme theme, const struct png_lib *lib,
               struct buf *out, struct error *err)
{
    struct png p = { lib, NULL, theme == THEME_DARK ? PALETTE_DARK
                              : theme == THEME_SAFE ? PALETTE_SAFE : PALETTE_LIGHT };
    struct canvas canvas = { &p, put_cell, put_letter, put_mark, put_text };
    struct chart_size size;
    cairo_surface_t *surface;
    cairo_status_t status;

    chart_size(c, &size);
    surface = begin(&p, size.w, size.h);
    ink(&p, chart_ink(p.palette)->ground);
    lib->cairo_paint(p.cr);
    chart_draw(c, &canvas);
    status = lib->cairo_status(p.cr);
    if (!status)
        status = lib->cairo_surface_write_to_png_stream(surface, take, out);
    end(&p, surface);
    return !status || err_set(err, ERR_NOMEM, "cannot draw: %s",
                              lib->cairo_status_to_string(status));
}

#else

bool chart_png_supported(struct error *err)
{
    return err_set(err, ERR_USAGE, "this build has no PNG pictures: it was made without cairo "
                   "and Pango; SVG there is");
}

bool chart_png_load(const char *extra, const struct png_lib **out, struct error *err)
{
    (void)extra;
    (void)out;
    return chart_png_supported(err);
}

bool chart_png(const struct chart *c, enum chart_theme theme, const struct png_lib *lib,
               struct buf *out, struct error *err)
{
    (void)c;
    (void)theme;
    (void)lib;
    (void)out;
    return err_set(err, ERR_USAGE, "this build has no PNG pictures");
}

#endif
