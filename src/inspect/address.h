/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Addresses as people type them. Whatever the program prints as an address can be typed:
 * address_parse reads what place_text writes, and offsets in every form in which they are
 * shown. */
#ifndef QCHECK_INSPECT_ADDRESS_H
#define QCHECK_INSPECT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "qcow2/place.h"

/* Reads an address:
 *   0x1c0000  1,835,008  file 64M     file offset
 *   2048s  50%                        the same in sectors of 512 bytes, as a share of the file
 *   28c  cluster 28  end              host cluster; the last one of the file
 *   guest 1G  g1G  guest 2048s        guest offset, active layer
 *   L1[3]  l1 3                       entry of the active L1 table
 *   L2[3][77]  L1[3] L2[77]           entry of an L2 table
 *   L1 table  L2 table 3              the first entry of one
 *   snap 2  snapshot NAME             snapshot by number (from 1), id or name
 *   snap 2 L1[3]  snap 2 guest 1G     the same in a snapshot
 *   rt 5  refcount table entry 5      entry of the refcount table
 *   rb 5 7  refcount block 5 entry 7  refcount block 5, entry 7
 *   bitmap 1  bitmap NAME             bitmap by number (from 1) or name
 *   bitmap 1 table entry 3            entry of its table
 *   snapshot table  bitmap directory  what lists them
 *   header  header byte 40            the header, a byte of it
 *   encryption header
 *   +512  -1c  +10%                   relative to `here` (NULL: not possible), in the guest's
 *                                     disk where that is a guest offset, else in the file
 * Case does not matter; of a range ("0x4000 - 0x8000") the first address counts, and of words
 * with "at 0x5000" among them that one.
 *
 * False, with a message for people: ERR_FORMAT when this is not an address, ERR_USAGE when
 * the image has no such place. Offsets in the file and host clusters may lie past its end;
 * an entry of an L2 table may be one whose table does not exist. Reads three table entries
 * at most. */
bool address_parse(const struct image *img, const struct place *here, const char *text,
                   struct place *out, struct error *err);

#endif
