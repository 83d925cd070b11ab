/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A map as a picture for documents: the cells with what each says, and the legend. Made once,
 * then drawn as SVG or PNG (chart_draw.h). */
#ifndef QCHECK_PICTURE_CHART_H
#define QCHECK_PICTURE_CHART_H

#include "insight/content.h"
#include "picture/ages.h"
#include "picture/curve.h"
#include "picture/tiles.h"

enum chart_by {
    CHART_CLASS, CHART_CONTENT, CHART_FRAGMENTATION, CHART_REFCOUNT, CHART_SNAPSHOT,
    N_CHART_BYS
};

/* "class|content|..." are the words for people to type. */
bool chart_by_name(const char *name, enum chart_by *out);

#define CHART_COLUMNS_MAX 1000
#define CHART_ROWS_MAX 2000

struct chart_options {
    enum map_space space;
    uint32_t layer;             /* whose disk, where it is that of the guest */
    enum chart_by by;
    bool hilbert;
    unsigned columns;           /* at most CHART_COLUMNS_MAX; 0: what suits */
    unsigned rows;              /* at least so many, which may stay empty */
    bool steady;                /* one of several: all of the same size, whatever is in them */
    uint64_t per_cell;          /* clusters; 0: what suits */
    const char *title;          /* for people, in valid UTF-8; borrowed */
};

struct chart_cell {
    uint64_t first, n;          /* clusters */
    uint8_t paint, shade;       /* picture/palette.h */
    uint8_t inner;              /* the paint without regard to problems */
    uint8_t content;            /* enum content_kind of a sample; N_CONTENTS: none */
    uint16_t problem;           /* enum problem_kind of one inside; N_PROBLEMS: none */
    bool marked;                /* a problem lies here; not a leak */
    bool leaked;                /* leaks do */
};

struct chart_entry {
    unsigned paint;
    uint64_t n;                 /* of `unit`; 0: not counted */
    char text[80];              /* valid UTF-8 */
};

#define CHART_ENTRIES_MAX 40

struct chart {
    struct chart_options opt;
    const struct image *img;    /* borrowed, as the scan */
    const struct scan_result *scan;
    struct curve curve;         /* rows and columns */
    struct chart_cell *cell;    /* owned; in the order of the path */
    size_t n;
    uint64_t clusters, per_cell;
    struct chart_entry entry[CHART_ENTRIES_MAX];
    size_t n_entries;
    const char *unit;           /* "clusters" or "cells" */
    char scale[160];            /* "File by class, 1 cell = 64 KiB (1 cluster)" */
    char note[160];             /* what is not exact; may be empty */
    size_t n_marked, n_leaked;  /* cells */
};

/* Columns, rows and clusters of a cell that suit a space of so many clusters, where they are
 * not set. */
void chart_fit(struct chart_options *io, uint64_t clusters);

/* False when memory runs out, where cells are so small that there would be too many, or after
 * an I/O error. */
bool chart_make(const struct scan_result *scan, const struct chart_options *opt,
                struct chart **out, struct error *err);
void chart_free(struct chart *c);               /* accepts NULL */

/* What cells [i, end), which look alike, say: "0x0 - 0x20000 (128 KiB): L2 table". */
void chart_cell_text(const struct chart *c, size_t i, size_t end, struct buf *out);
/* Do two cells look and say the same but for their place? */
bool chart_cells_alike(const struct chart_cell *a, const struct chart_cell *b);

/* --- parts, for chart.c --- */

uint64_t chart_bytes(const struct chart *c, uint64_t clusters);     /* saturates */

/* Puts into `content` of the cells what clusters here and there in each hold. Of the guest's
 * disk: those that are stored in the file. */
bool chart_look(struct chart *c, struct error *err);
unsigned chart_content_paint(enum content_kind kind);
/* Contents that share a paint have a name in common. */
const char *chart_content_name(enum content_kind kind);

/* Names the first problem that concerns each marked cell. */
bool chart_name_problems(struct chart *c, struct error *err);

#endif
