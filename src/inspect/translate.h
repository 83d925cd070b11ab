/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The way from a guest offset to its bytes, with the numbers of an image, in one line. */
#ifndef QCHECK_INSPECT_TRANSLATE_H
#define QCHECK_INSPECT_TRANSLATE_H

#include "base/buf.h"
#include "qcow2/place.h"

/* "guest 0x52000 = L1[0] L2[5] at 0x40028: 0x8000000000050000 → 0x52000". Of a compressed
 * cluster it says which bits of the descriptor mean what. Reads two table entries at most.
 * False, and nothing is added, when the tables do not reach there, or cannot be read. */
bool translate_text(const struct image *img, uint32_t layer, uint64_t guest_off,
                    struct buf *out);

#endif
