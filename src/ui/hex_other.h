/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The other side of a plan, for bytes of the guest's disk: the image as it is while the image as
 * it would be is shown, and the other way round. */
#ifndef QCHECK_UI_HEX_OTHER_H
#define QCHECK_UI_HEX_OTHER_H

#include "disk/disk.h"
#include "ui/view.h"

struct hex_other {
    const struct image *img;        /* NULL: there is no plan; may be read on threads */
    struct disk_options opt;
};

struct hex_other hex_other_of(const struct ui *ui);

/* Marks the bytes [off, off + len) of a layer that read differently on the other side. spans:
 * the states of those bytes; NULL: all could be read. keys: as of disk_options. On a thread, as
 * it waits for storage. Returns len flags, to be freed; NULL: none differ, or nobody knows. */
bool *hex_other_marks(const struct hex_other *o, const struct image *shown, uint32_t layer,
                      const struct disk *keys, uint64_t off, const uint8_t *bytes, size_t len,
                      const struct disk_spans *spans);

#endif
