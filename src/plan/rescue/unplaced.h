/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a rescue found no place for: extents of the file with what they hold, and a tar archive
 * of them for tools that look for files. */
#ifndef QCHECK_PLAN_RESCUE_UNPLACED_H
#define QCHECK_PLAN_RESCUE_UNPLACED_H

#include "base/sink.h"
#include "insight/content.h"

struct unplaced_extent {
    uint64_t off, len;          /* bytes of the image file */
    enum content_kind content;
    bool stream;                /* compressed: a cluster each */
};

struct unplaced {
    struct unplaced_extent *list;       /* owned, by rising offset */
    size_t n;
};
void unplaced_free(struct unplaced *u);

/* Adds one, to the last where that goes on as the same. */
bool unplaced_add(struct unplaced *u, const struct unplaced_extent *one, struct error *err);

/* Writes the archive: "extents.json", a list of members "offset", "length", "content", "compressed"
 * and "file", and those files, named by offset and content. Compressed ones are unpacked. */
bool unplaced_write(const struct unplaced *u, const struct image *img, struct sink *sink,
                    struct error *err);

#endif
