/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "qcow2/names.h"

#define COLUMNS_DEFAULT 120
#define COLUMNS_MIN     16
#define BATCH           1024    /* tiles made at once */

static const char *const BY[N_CHART_BYS] = {
    "class", "content", "fragmentation", "refcount", "snapshot"
};

/* Of the guest's disk there is no refcount: it is shown by class. */
static enum map_colouring colouring(const struct chart *c)
{
    if (c->opt.by == CHART_FRAGMENTATION)
        return COLOUR_JUMPS;
    return c->opt.by == CHART_REFCOUNT && c->opt.space == SPACE_FILE ? COLOUR_REFS
                                                                     : COLOUR_CLASS;
}

bool chart_by_name(const char *name, enum chart_by *out)
{
    for (int i = 0; i < N_CHART_BYS; i++) {
        if (strcmp(name, BY[i]) == 0) {
            *out = (enum chart_by)i;
            return true;
        }
    }
    return false;
}

/* --- size --- */

uint64_t chart_bytes(const struct chart *c, uint64_t clusters)
{
    uint64_t bytes;

    return u64_mul(clusters, c->img->geo.cluster_size, &bytes) ? bytes : UINT64_MAX;
}

/* Few clusters make a small picture of large cells. */
static unsigned columns_for(uint64_t clusters)
{
    unsigned n = COLUMNS_MIN;

    while (n < COLUMNS_DEFAULT && (uint64_t)n * n < clusters * 2)
        n++;
    return n;
}

void chart_fit(struct chart_options *io, uint64_t clusters)
{
    uint64_t columns;

    if (!io->columns)
        io->columns = columns_for(io->per_cell ? div_up(clusters, io->per_cell) : clusters);
    columns = io->columns;
    if (!io->per_cell)
        io->per_cell = tiles_fit(clusters, columns * u64_max(columns * 2 / 3, 1));
    if (!io->rows)
        io->rows = (unsigned)u64_min(div_up(div_up(clusters, io->per_cell), columns),
                                     CHART_ROWS_MAX);
}

static bool size_up(struct chart *c, struct error *err)
{
    uint64_t rows;

    c->clusters = tiles_clusters(c->img, c->opt.space, c->opt.layer);
    chart_fit(&c->opt, c->clusters);
    c->per_cell = c->opt.per_cell;
    rows = div_up(div_up(c->clusters, c->per_cell), c->opt.columns);
    if (rows > CHART_ROWS_MAX)
        return err_set(err, ERR_USAGE, "cells of this size are too many for a picture");
    rows = u64_max(u64_max(rows, c->opt.rows), 1);
    c->n = (size_t)div_up(c->clusters, c->per_cell);
    c->cell = calloc(c->n ? c->n : 1, sizeof *c->cell);
    if (!c->cell)
        return err_set(err, ERR_NOMEM, "out of memory");
    curve_fit(&c->curve, (int)rows, (int)c->opt.columns, c->opt.hilbert);
    return true;
}

static void tell_scale(struct chart *c)
{
    char size[TEXT_NUM], count[TEXT_NUM];

    char layer[32] = "";

    if (c->opt.layer != LAYER_ACTIVE)
        snprintf(layer, sizeof layer, " of snapshot %" PRIu32, c->opt.layer);
    snprintf(c->scale, sizeof c->scale, "%s%s by %s%s, 1 cell = %s (%s cluster%s)",
             c->opt.space == SPACE_GUEST ? "Guest disk" : "File", layer, BY[c->opt.by],
             c->opt.hilbert ? ", Hilbert curve" : "",
             text_size(size, chart_bytes(c, c->per_cell)),
             text_group(count, c->per_cell), c->per_cell == 1 ? "" : "s");
}

/* --- cells --- */

/* The paint that a letter stands for, where a problem hides it. */
static unsigned paint_of_letter(enum map_space space, char letter)
{
    unsigned first = space == SPACE_GUEST ? PAINT_GUEST : PAINT_CLASS;
    unsigned n = space == SPACE_GUEST ? (unsigned)N_GUEST_CLASSES : (unsigned)N_CLASSES;

    for (unsigned i = 0; i < n; i++)
        if (palette_letter(first + i) == letter)
            return first + i;
    return PAINT_CLASS + CLASS_UNKNOWN;
}

static void take_tile(struct chart *c, size_t i, const struct tile *t)
{
    struct chart_cell *cell = &c->cell[i];

    *cell = (struct chart_cell){
        .first = i * c->per_cell,
        .n = u64_min(c->per_cell, c->clusters - i * c->per_cell),
        .paint = t->paint,
        .shade = (uint8_t)(t->problem ? 0 : palette_shade(t->eighths)),
        .inner = (uint8_t)(t->problem ? paint_of_letter(c->opt.space, t->inner) : t->paint),
        .content = N_CONTENTS,
        .problem = N_PROBLEMS,
        .marked = t->problem && t->letter == '!',
    };
    cell->leaked = t->problem && !cell->marked;
    c->n_marked += cell->marked;
    c->n_leaked += cell->leaked;
}

static bool fill(struct chart *c, const struct tile_source *from, struct error *err)
{
    struct tile *t = calloc(BATCH, sizeof *t);

    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < c->n; i += BATCH) {
        size_t n = c->n - i < BATCH ? c->n - i : BATCH;

        tiles_make(from, c->opt.space, colouring(c), i * c->per_cell, c->per_cell, n, t);
        for (size_t k = 0; k < n; k++)
            take_tile(c, i + k, &t[k]);
    }
    free(t);
    return true;
}

/* Gives a cell another paint, which a problem in it goes before. */
static void repaint(struct chart_cell *cell, unsigned paint)
{
    if (!cell->marked && !cell->leaked)
        cell->paint = (uint8_t)paint;
    cell->inner = (uint8_t)paint;
}

/* What is in a cell is told in full colour. */
static bool by_content(struct chart *c, struct error *err)
{
    if (!chart_look(c, err))
        return false;
    for (size_t i = 0; i < c->n; i++) {
        if (c->cell[i].content == N_CONTENTS)
            continue;
        repaint(&c->cell[i], chart_content_paint((enum content_kind)c->cell[i].content));
        c->cell[i].shade = 0;
    }
    return true;
}

/* --- snapshots --- */

/* The least age of what guest clusters [first, first+n) of the layer are mapped to. */
static unsigned age_of_guest(const struct chart *c, const struct ages *a, uint64_t first,
                             uint64_t n)
{
    const struct geometry *geo = &c->img->geo;
    unsigned least = AGE_NONE;
    struct guest_extent x;
    struct guest_walk *w;
    uint64_t from = chart_bytes(c, first);
    uint64_t to = u64_min(chart_bytes(c, first + n), image_layer_size(c->img, c->opt.layer));

    if (!guest_walk_open(c->img, c->opt.layer, from, to, &w, NULL))
        return least;
    while (least && guest_walk_next(w, &x, NULL)) {
        if (x.host_off == NO_ADDRESS || x.compressed)
            continue;
        unsigned age = ages_of(a, geo_cluster_of(geo, x.host_off),
                               div_up(x.length, geo->cluster_size));

        least = age < least ? age : least;
    }
    guest_walk_free(w);
    return least;
}

static void snapshot_entry(const struct chart *c, const struct ages *a, unsigned step,
                           struct chart_entry *e)
{
    size_t first, end;
    struct buf b = BUF_INIT;

    if (!ages_step(a, step, &first, &end))
        return;
    if (end - first == 1) {
        const struct snapshot *s = &c->img->snaps.list[first];

        buf_puts(&b, "since snapshot ");
        text_visible(&b, s->name, u64_min(snapshot_name_len(s), 40));
    } else {
        buf_printf(&b, "since snapshots %zu to %zu", first + 1, end);
    }
    snprintf(e->text, sizeof e->text, "%s", buf_str(&b));
    buf_free(&b);
}

static bool by_snapshot(struct chart *c, struct error *err)
{
    uint64_t count[RAMP_STEPS + 1] = { 0 };
    struct ages *a;

    if (!ages_build(c->img, &a, err))
        return false;
    for (size_t i = 0; i < c->n; i++) {
        struct chart_cell *cell = &c->cell[i];
        unsigned age = c->opt.space == SPACE_GUEST
            ? age_of_guest(c, a, cell->first, cell->n) : ages_of(a, cell->first, cell->n);

        if (age == AGE_NONE)
            continue;
        repaint(cell, age == AGE_ACTIVE ? PAINT_CLASS + CLASS_DATA : PAINT_RAMP + age);
        count[age == AGE_ACTIVE ? RAMP_STEPS : age]++;
    }
    for (unsigned step = 0; step <= RAMP_STEPS; step++) {
        struct chart_entry *e = &c->entry[c->n_entries];

        if (!count[step])
            continue;
        *e = (struct chart_entry){ PAINT_RAMP + step, count[step], "" };
        if (step == RAMP_STEPS) {
            e->paint = PAINT_CLASS + CLASS_DATA;
            strcpy(e->text, "in no snapshot");
        } else {
            snapshot_entry(c, a, step, e);
        }
        c->n_entries++;
    }
    if (ages_partial(a))
        strcpy(c->note, "there are more tables of snapshots than were looked at");
    ages_free(a);
    return true;
}

/* --- legend --- */

static void entry(struct chart *c, unsigned paint, uint64_t n, const char *text)
{
    if (c->n_entries == CHART_ENTRIES_MAX)
        return;
    c->entry[c->n_entries] = (struct chart_entry){ .paint = paint, .n = n };
    snprintf(c->entry[c->n_entries].text, sizeof c->entry[0].text, "%s", text);
    c->n_entries++;
}

static const char *name_of(const struct chart *c, const struct chart_cell *cell)
{
    unsigned p = cell->inner;

    if (cell->content != N_CONTENTS)
        return content_info((enum content_kind)cell->content)->name;
    for (size_t k = 0; c->opt.by == CHART_SNAPSHOT && k < c->n_entries; k++)
        if (c->entry[k].paint == p)
            return c->entry[k].text;
    if (p >= PAINT_RAMP)
        return tiles_ramp_name(colouring(c), p - PAINT_RAMP);
    if (p >= PAINT_GUEST)
        return guest_class_info((enum guest_class)(p - PAINT_GUEST))->name;
    return class_info((enum cluster_class)(p - PAINT_CLASS))->name;
}

/* An entry for each paint that occurs, in the order of the paints. */
static void legend_of_cells(struct chart *c)
{
    uint64_t count[N_PAINTS] = { 0 };
    const char *name[N_PAINTS] = { NULL };

    for (size_t i = 0; i < c->n; i++) {
        const struct chart_cell *cell = &c->cell[i];
        unsigned p = cell->inner;

        if (c->opt.by == CHART_SNAPSHOT && (p >= PAINT_RAMP || p == PAINT_CLASS + CLASS_DATA))
            continue;
        count[p]++;
        name[p] = cell->content == N_CONTENTS ? name_of(c, cell)
            : chart_content_name((enum content_kind)cell->content);
    }
    for (unsigned p = 0; p < N_PAINTS; p++)
        if (count[p])
            entry(c, p, count[p], name[p]);
}

/* Of classes clusters are counted, not cells. */
static bool legend_of_classes(struct chart *c, const struct guest_map *guest,
                              struct error *err)
{
    struct guest_hist h;

    c->unit = "clusters";
    if (c->opt.space == SPACE_FILE) {
        for (unsigned k = 0; k < N_CLASSES; k++)
            if (c->scan->stats.class_clusters[k])
                entry(c, PAINT_CLASS + k, c->scan->stats.class_clusters[k],
                      class_info((enum cluster_class)k)->name);
        return true;
    }
    if (!guest_map_cells(guest, 0, u64_max(c->clusters, 1), 1, &h, err))
        return false;
    for (unsigned k = 0; k < N_GUEST_CLASSES; k++)
        if (h.n[k])
            entry(c, PAINT_GUEST + k, h.n[k], guest_class_info((enum guest_class)k)->name);
    return true;
}

/* --- */

static bool build(struct chart *c, struct error *err)
{
    struct tile_source from = { .img = c->img, .scan = c->scan, .layer = c->opt.layer };
    struct guest_map *guest = NULL;
    struct order *order = NULL;
    bool ok = false;

    if (!size_up(c, err))
        return false;
    tell_scale(c);
    if (c->opt.space == SPACE_GUEST
        && !guest_map_build(c->scan, c->opt.layer, NULL, &guest, err))
        return false;
    if (c->opt.by == CHART_FRAGMENTATION
        && !order_build(c->img, c->opt.layer, NULL, &order, err))
        goto out;
    from.guest = guest;
    from.order = order;
    if (!fill(c, &from, err))
        goto out;
    if (c->opt.by == CHART_CONTENT && !by_content(c, err))
        goto out;
    if (c->opt.by == CHART_SNAPSHOT && !by_snapshot(c, err))
        goto out;
    if (c->opt.by != CHART_CLASS)
        legend_of_cells(c);
    else if (!legend_of_classes(c, guest, err))
        goto out;
    ok = chart_name_problems(c, err);
out:
    order_free(order);
    guest_map_free(guest);
    return ok;
}

bool chart_make(const struct scan_result *scan, const struct chart_options *opt,
                struct chart **out, struct error *err)
{
    struct chart *c = calloc(1, sizeof *c);

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->opt = *opt;
    c->img = scan->img;
    c->scan = scan;
    c->unit = "cells";
    if (build(c, err)) {
        *out = c;
        return true;
    }
    chart_free(c);
    return false;
}

void chart_free(struct chart *c)
{
    if (!c)
        return;
    curve_free(&c->curve);
    free(c->cell);
    free(c);
}

/* --- words --- */

bool chart_cells_alike(const struct chart_cell *a, const struct chart_cell *b)
{
    return a->paint == b->paint && a->shade == b->shade && a->inner == b->inner
        && a->content == b->content && a->problem == b->problem && a->marked == b->marked
        && a->leaked == b->leaked;
}

void chart_cell_text(const struct chart *c, size_t i, size_t end, struct buf *out)
{
    const struct chart_cell *cell = &c->cell[i], *last = &c->cell[end - 1];
    uint64_t from = chart_bytes(c, cell->first), to = chart_bytes(c, last->first + last->n);
    const char *name = name_of(c, cell);
    char size[TEXT_NUM];

    buf_printf(out, "0x%" PRIx64 " - 0x%" PRIx64 " (%s)", from, to, text_size(size, to - from));
    buf_printf(out, ": %s", name);
    if (cell->problem != N_PROBLEMS)
        buf_printf(out, "; %s", problem_info((enum problem_kind)cell->problem)->title);
    else if (cell->marked)
        buf_puts(out, "; a problem lies here");
}
