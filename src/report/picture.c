/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The picture of the map on standard output. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "picture/tiles.h"
#include "report/map_report.h"

struct drawing {
    const struct picture *pic;
    struct tile_source from;
    enum map_space space;
    uint64_t clusters, per_tile;
    struct tile *row;                   /* owned */
    bool marked;                        /* a problem mark was drawn */
    struct out *out;
};

static void put_colour(const struct drawing *d, unsigned paint, unsigned shade)
{
    out_printf(d->out, "\033[38;5;%dm",
               palette_nearest_256(palette_rgb_shaded(PALETTE_DARK, paint, shade)));
}

static void put_tile(const struct drawing *d, const struct tile *t)
{
    if (d->pic->colour)
        put_colour(d, t->paint, t->problem ? 0 : palette_shade(t->eighths));
    if (d->pic->colour && d->pic->blocks)
        out_puts(d->out, "\xe2\x96\x88");
    else
        out_printf(d->out, "%c", t->letter);
}

static void put_rows(struct drawing *d)
{
    uint64_t row = d->per_tile * d->pic->columns;

    for (uint64_t at = 0; at < d->clusters && out_ok(d->out); at += row) {
        tiles_make(&d->from, d->space, COLOUR_CLASS, at, d->per_tile, d->pic->columns,
                   d->row);
        for (unsigned x = 0; x < d->pic->columns && d->row[x].letter; x++) {
            d->marked = d->marked || d->row[x].letter == '!';
            put_tile(d, &d->row[x]);
        }
        out_puts(d->out, d->pic->colour ? "\033[0m\n" : "\n");
    }
}

static void legend_entry(const struct drawing *d, unsigned paint, const char *name,
                         uint64_t n)
{
    char group[TEXT_NUM];

    if (n == 0)
        return;
    out_puts(d->out, "  ");
    if (d->pic->colour)
        put_colour(d, paint, 0);
    out_printf(d->out, d->pic->colour && d->pic->blocks ? "\xe2\x96\x88" : "%c",
               palette_letter(paint));
    out_printf(d->out, "%s %-20s %12s clusters\n", d->pic->colour ? "\033[0m" : "", name,
               text_group(group, n));
}

static bool legend(const struct drawing *d, struct error *err)
{
    struct guest_hist h;

    out_puts(d->out, "\n");
    if (d->marked) {
        out_puts(d->out, "  ");
        if (d->pic->colour)
            put_colour(d, PAINT_PROBLEM, 0);
        out_puts(d->out, d->pic->colour && d->pic->blocks ? "\xe2\x96\x88" : "!");
        out_printf(d->out, "%s a problem lies here\n", d->pic->colour ? "\033[0m" : "");
    }
    if (d->space == SPACE_FILE) {
        for (int c = 0; c < N_CLASSES; c++)
            legend_entry(d, PAINT_CLASS + (unsigned)c,
                         class_info((enum cluster_class)c)->name,
                         d->from.scan->stats.class_clusters[c]);
        return true;
    }
    if (!guest_map_cells(d->from.guest, 0, d->clusters, 1, &h, err))
        return false;
    for (int c = 0; c < N_GUEST_CLASSES; c++)
        legend_entry(d, PAINT_GUEST + (unsigned)c,
                     guest_class_info((enum guest_class)c)->name, h.n[c]);
    return true;
}

bool map_picture(const struct scan_result *scan, bool guest, uint32_t layer,
                 const struct picture *p, struct out *out, struct error *err)
{
    struct drawing d = { .pic = p, .space = guest ? SPACE_GUEST : SPACE_FILE, .out = out };
    struct guest_map *g = NULL;
    char size[TEXT_NUM];
    char count[TEXT_NUM];
    bool ok = false;

    if (guest && !guest_map_build(scan, layer, NULL, &g, err))
        return false;
    d.from = (struct tile_source){ .img = scan->img, .scan = scan, .guest = g, .layer = layer };
    d.clusters = tiles_clusters(scan->img, d.space, layer);
    d.per_tile = tiles_fit(d.clusters, (uint64_t)p->columns * p->rows);
    d.row = calloc(p->columns, sizeof *d.row);
    if (!d.row) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    out_puts(out, guest ? "Guest disk" : "File");
    if (layer != LAYER_ACTIVE)
        out_printf(out, " of snapshot %" PRIu32, layer);
    out_printf(out, ", 1 cell = %s cluster%s (%s)%s\n\n",
               text_group(count, d.per_tile), d.per_tile == 1 ? "" : "s",
               text_size(size, d.per_tile << scan->img->geo.cluster_bits),
               p->colour && d.per_tile > 1 ? ", paler when less of it is in use" : "");
    put_rows(&d);
    ok = legend(&d, err);
out:
    free(d.row);
    guest_map_free(g);
    return ok;
}
