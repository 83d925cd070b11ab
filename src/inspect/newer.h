/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Whether the file of an image is another, or another state of it, than when it was opened
 * last; then the image in it. */
#ifndef QCHECK_INSPECT_NEWER_H
#define QCHECK_INSPECT_NEWER_H

#include "qcow2/image.h"

#define NEWER_STAMP_NONE 0      /* as that of no file yet */

/* What to know a file by, as far as inode, size and time of modification tell. */
uint64_t newer_stamp(struct source *src);

/* Takes `src`, the file opened anew; the image may be in a pack. *stamp: that of the file before; becomes that of this one,
 * if the image could be opened. True, and *out is NULL: it is as it was. A block device
 * does not tell: it always counts as changed. */
bool newer_open(struct source *src, const struct image_options *how, uint64_t *stamp,
                struct image **out, struct error *err);

#endif
