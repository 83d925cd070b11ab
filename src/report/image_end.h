/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where an image ends, told from its stored refcounts alone. */
#ifndef QCHECK_REPORT_IMAGE_END_H
#define QCHECK_REPORT_IMAGE_END_H

#include "qcow2/image.h"

/* The byte after the last cluster of the file with a stored refcount other than 0; on a
 * block device that is where the image ends, whatever the size of the device. 0 when
 * there is none. Reads refcount blocks from the last one back. */
uint64_t image_end_by_refcounts(const struct image *img);

#endif
