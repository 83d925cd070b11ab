/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What has been had of a disk and what could not be: the map file of GNU ddrescue. */
#ifndef QCHECK_DISK_RANGEMAP_H
#define QCHECK_DISK_RANGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum range_status { RANGE_UNTRIED = '?', RANGE_DONE = '+', RANGE_LOST = '-' };

struct map_range { uint64_t off, len; enum range_status status; };

/* Ranges in rising order without gaps, neighbours of different status. */
struct rangemap {
    struct map_range *list;         /* owned */
    size_t n, cap;
};
#define RANGEMAP_INIT { NULL, 0, 0 }

/* Appends a range behind all others. False when memory runs out. */
bool rangemap_add(struct rangemap *m, uint64_t off, uint64_t len, enum range_status status,
                  struct error *err);
void rangemap_free(struct rangemap *m);

/* The first range at or after `at` that is done, cut to begin there; false: none. */
bool rangemap_next_done(const struct rangemap *m, uint64_t at, uint64_t *off, uint64_t *end);

/* `label`: one line that says what was read, kept as a comment. */
void rangemap_text(const struct rangemap *m, const char *label, bool complete,
                   struct buf *out);

/* Reads such a text of a disk of `size` bytes. All that is neither done nor lost counts as
 * untried. False if it is not a map, belongs to another disk, or has another label. */
bool rangemap_parse(const char *text, const char *label, uint64_t size, struct rangemap *out,
                    struct error *err);

#endif
