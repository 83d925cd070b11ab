/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The cluster map: class, counted references and problem mark of every host cluster. This
 * is the range set: runs of equal clusters are read off it in order, and chunks carry
 * histograms so that any zoom is drawn in time proportional to the screen.
 *
 * About one byte per cluster that is in use; chunks nobody touched cost nothing. Const
 * after the scan; may be read from any thread. */
#ifndef QCHECK_SCAN_MAP_H
#define QCHECK_SCAN_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "scan/class.h"

struct map;

/* The number of references is not known: memory was short (cells.h), and a problem, maybe
 * none of those that were recorded, concerns the cluster. */
#define COUNTED_UNKNOWN UINT64_MAX

struct map_cell {
    enum cluster_class cls;
    uint64_t counted;           /* references found, or COUNTED_UNKNOWN */
    uint32_t owners;            /* enum owner bits */
    bool problem;               /* a problem concerns this cluster */
};

struct map_run {
    uint64_t first, n;          /* clusters */
    struct map_cell cell;       /* `counted` may be unknown although map_get knows it */
};

struct map_hist {
    uint64_t n[N_CLASSES];      /* clusters */
    uint64_t problems;          /* clusters with a problem mark */
};

static inline uint64_t map_hist_sum(const struct map_hist *h)
{
    uint64_t sum = 0;

    for (int c = 0; c < N_CLASSES; c++)
        sum += h->n[c];
    return sum;
}

uint64_t map_clusters(const struct map *map);       /* clusters of the file */
void map_get(const struct map *map, uint64_t cluster, struct map_cell *out);

#define COUNTED_TEXT 24
/* The number, or "many". Returns text (COUNTED_TEXT bytes). */
const char *counted_text(char *text, uint64_t counted);

/* Histogram of [first, first+n), clipped to the file. */
void map_histogram(const struct map *map, uint64_t first, uint64_t n, struct map_hist *out);

/* The maximal run of equal cells that starts at `from`. False at the end of the file. */
bool map_run_at(const struct map *map, uint64_t from, struct map_run *out);

/* Next (dir > 0) or previous cluster after/before `from` of a class; N_CLASSES: with a
 * problem mark. False when there is none. */
bool map_find(const struct map *map, uint64_t from, int dir, enum cluster_class cls,
              uint64_t *out);

#endif
