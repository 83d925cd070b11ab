/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How an image was preallocated, told from its tables. */
#ifndef QCHECK_REPORT_PREALLOC_H
#define QCHECK_REPORT_PREALLOC_H

#include "qcow2/image.h"

/* "off": some of the guest disk has no host cluster. "metadata": all of it has, but a
 * good part of the file is holes. "full": all of it has, and the file is filled. Reads
 * tables only as far as everything is mapped; "unknown" after an I/O error. */
const char *preallocation_mode(const struct image *img);

#endif
