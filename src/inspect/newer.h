/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Whether the file of an image is another, or another state of it, than when it was opened
 * last; then the image in it. */
#ifndef QCHECK_INSPECT_NEWER_H
#define QCHECK_INSPECT_NEWER_H

#include "qcow2/image.h"

#define NEWER_STAMP_NONE 0      /* no file was opened yet */

/* Stands for one state of a file, as far as inode, size and time of modification tell. */
uint64_t newer_stamp(struct source *src);

/* Takes `src`, the file opened again, which may be a pack, and opens the image in it. *stamp is
 * that of the file before, and becomes that of this one when the image could be opened. True with
 * *out NULL: nothing has changed. A block device cannot tell, and always counts as changed. */
bool newer_open(struct source *src, const struct image_options *how, uint64_t *stamp,
                struct image **out, struct error *err);

#endif
