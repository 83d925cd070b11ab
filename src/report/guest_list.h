/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Extents of the guest disk through the whole backing chain, as `qemu-img map` lists
 * them: equal neighbours merged. */
#ifndef QCHECK_REPORT_GUEST_LIST_H
#define QCHECK_REPORT_GUEST_LIST_H

#include "disk/chain.h"
#include "scan/guest.h"

struct mapped_extent {
    uint64_t start, length;     /* guest bytes */
    unsigned depth;             /* 0: this image, 1: its backing file, ... */
    bool present, zero, data, compressed;
    bool unknown;               /* in a backing file that was not read */
    bool damaged;               /* QEMU would fail to read it */
    uint64_t offset;            /* in the file of that layer; NO_ADDRESS: none */
};

/* Calls `each` for the extents of the whole disk of a layer in order until it returns false. chain:
 * open layers below img. False after an I/O error. */
bool guest_list_each(const struct image *img, uint32_t layer, const struct chain *chain,
                     bool (*each)(void *data, const struct mapped_extent *x), void *data,
                     struct error *err);

#endif
