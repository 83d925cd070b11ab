/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a pack tells of the image that was packed. Whoever made the pack has written it: it is
 * believed only where it makes things worse. */
#ifndef QCHECK_INSIGHT_TOLD_H
#define QCHECK_INSIGHT_TOLD_H

#include "qcow2/image.h"

/* The files that the image names: img->backing_there and data_there become what they were where
 * it was packed. They stay as they are where nothing is told that makes sense. Does nothing for
 * an image that is in no pack. */
void told_side_files(struct image *img);

#endif
