/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Walks the words of all bitmap tables, each word once, however many tables claim it. */
#ifndef QCHECK_SCAN_BITMAPWALK_H
#define QCHECK_SCAN_BITMAPWALK_H

#include <stdatomic.h>

#include "scan/scan.h"

struct bitmap_walk {
    const struct image *img;
    _Atomic bool *cancel;       /* may be NULL */
    void *ctx;
    /* A word that is not zero; `place` in the first bitmap that holds it, `weight` of them
     * do. */
    void (*word)(void *ctx, const struct place *place, uint64_t value, uint64_t weight);
    /* These bytes could not be read; place: of the first word of them. May be NULL. */
    void (*unreadable)(void *ctx, const struct place *place, struct source_span bad);
};

/* False when memory ran out or when cancelled. */
bool bitmap_walk_run(const struct bitmap_walk *walk);

#endif
