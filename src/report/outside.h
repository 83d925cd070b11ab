/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What an image refers to outside itself. Such names are the image maker's words: they
 * are shown and judged, and opened only when the person asks for it. */
#ifndef QCHECK_REPORT_OUTSIDE_H
#define QCHECK_REPORT_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "qcow2/image.h"

struct outside {
    const char *what;           /* "backing file", "data file"; also the id with a dash */
    const char *name;           /* borrowed from the image */
    size_t len;
    bool absolute;              /* /etc/shadow */
    bool parent;                /* has a part ".." */
    bool protocol;              /* nbd://..., rbd:... */
    bool json;                  /* json:{...}: can name anything */
};

#define OUTSIDE_MAX 2

/* Fills out and returns how many there are. */
size_t outside_references(const struct image *img, struct outside out[OUTSIDE_MAX]);

struct jw;
/* An array of the files that QEMU opens with the image, and whether they are there; nothing
 * where there are none. */
void side_files_json(struct jw *j, const struct image *img);

#endif
