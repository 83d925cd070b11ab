/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a file is that has no qcow2 header. */
#ifndef QCHECK_QCOW2_SNIFF_H
#define QCHECK_QCOW2_SNIFF_H

#include "base/buf.h"
#include "base/source.h"

/* Appends what the file seems to be and what to do with it, as the second half of a
 * sentence ("it is a VMDK image (VMware); convert it ..."). Reads a few sectors. True:
 * nothing is known, so that it may be a qcow2 image whose header was destroyed. */
bool sniff_describe(struct source *src, struct buf *out);

#endif
