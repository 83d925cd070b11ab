/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a file is that has no qcow2 header. */
#ifndef QCHECK_QCOW2_SNIFF_H
#define QCHECK_QCOW2_SNIFF_H

#include "base/buf.h"
#include "base/source.h"

enum sniff {
    SNIFF_OTHER,                /* something else, for certain */
    SNIFF_RAW,                  /* begins as a raw disk does: something that may have been
                                   written over the header of a qcow2 image */
    SNIFF_UNKNOWN,              /* nothing is known: the header may have been destroyed */
};

/* Appends what the file seems to be and what to do with it, as the second half of a
 * sentence ("it is a VMDK image (VMware); convert it ..."). Reads a few sectors. */
enum sniff sniff_describe(struct source *src, struct buf *out);

#define SNIFF_SEARCH (1u << 20)         /* bytes looked through for a header */

/* Looks for a qcow2 header that does not lie at the start, as after bytes put before it: at
 * whole sectors up to SNIFF_SEARCH. */
bool sniff_find_header(struct source *src, uint64_t *off);

#endif
