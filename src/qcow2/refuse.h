/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The parts of refusal_judge. Each rule returns true when it refuses, with *out
 * filled. */
#ifndef QCHECK_QCOW2_REFUSE_H
#define QCHECK_QCOW2_REFUSE_H

#include "qcow2/image.h"

/* What the rules look at: the image, and its header as the file has it, without values
 * that were forced. */
struct refuse_case {
    const struct image *img;
    struct header hdr;
};

/* Fills *out and returns true. */
bool refuse(struct refusal *out, const char *id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Magic, version and cluster size: without them nothing else can be judged. */
bool refuse_identity(const struct header *h, struct refusal *out);
bool refuse_header(const struct refuse_case *j, struct refusal *out);    /* refuse_header.c */
bool refuse_extensions(const struct refuse_case *j, struct refusal *out);  /* refuse_ext.c */
bool refuse_bitmaps(const struct refuse_case *j, struct refusal *out);   /* refuse_bitmap.c */
/* A bitmap flagged as in use is loaded without its table; the check reads it and gives up
 * at a bad entry. */
bool refuse_bitmaps_in_use(const struct refuse_case *j, struct refusal *out);

#endif
