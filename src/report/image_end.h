/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where an image ends, told from its stored refcounts alone. */
#ifndef QCHECK_REPORT_IMAGE_END_H
#define QCHECK_REPORT_IMAGE_END_H

#include "qcow2/image.h"

/* *out: the byte after the last cluster of the file with a stored refcount other than 0; on a
 * block device that is where the image ends, whatever the size of the device. False when the
 * refcounts cannot be trusted: the image is marked dirty, they do not count the header, or a
 * table that the header names lies after their end. Then only a scan finds the end.
 *
 * Reads each refcount block once at most, from the last one back, and none that is a hole. */
bool image_end_by_refcounts(const struct image *img, uint64_t *out);

#endif
