/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A place is anything one can stand on in an image. Problems, links, history and the go-to
 * prompt all speak of places. */
#ifndef QCHECK_QCOW2_PLACE_H
#define QCHECK_QCOW2_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "qcow2/image.h"

enum place_kind {
    PLACE_NONE,
    PLACE_FILE_OFFSET,      /* file_off */
    PLACE_CLUSTER,          /* i: host cluster */
    PLACE_GUEST,            /* guest_off, in `layer` */
    PLACE_HEADER,           /* i: byte offset of a field in the header area */
    PLACE_L1,               /* layer, i: L1 index */
    PLACE_L2,               /* layer, i: L1 index, j: L2 index */
    PLACE_REFTABLE,         /* i: refcount table index */
    PLACE_REFBLOCK,         /* i: refcount table index, j: entry in the block */
    PLACE_SNAPSHOT,         /* i: number in the snapshot table, from 0 */
    PLACE_BITMAP,           /* i: number in the bitmap directory, from 0 */
    PLACE_BITMAP_TABLE,     /* i: bitmap, j: table entry */
    PLACE_CRYPTO,           /* LUKS header area */
};

#define LAYER_ACTIVE    0   /* `table`: the active layer; k > 0: snapshot number k-1 */
#define NO_ADDRESS      UINT64_MAX

struct place {
    enum place_kind kind;
    uint32_t layer;         /* LAYER_ACTIVE or snapshot number + 1 */
    uint64_t i, j;
    uint64_t file_off;      /* host byte of the entry, field or cluster; NO_ADDRESS: unknown */
    uint64_t guest_off;     /* guest byte it concerns; NO_ADDRESS: none */
};

/* "L1[3] L2[77]", "snapshot 2 L1[0]", "refcount block 5 entry 9", "header byte 40",
 * "cluster 28", ... Snapshots are numbered from 1 for people, in table order. */
void place_text(const struct place *p, struct buf *out);

/* Fills file_off and guest_off where they follow from the other members; reads at most
 * one L1 entry. False (file_off stays NO_ADDRESS) when the place does not exist. */
bool place_complete(const struct image *img, struct place *p);

/* Where the image says that a structure lies: a header field, the entry of a snapshot or
 * of a bitmap. */
struct place place_of_pointer(const struct image *img, const struct structure *s);

bool place_equal(const struct place *a, const struct place *b);

/* Reads an address a person typed:
 *   0x1c0000  1835008  64M       file offset (bytes)
 *   28c  cluster 28               host cluster
 *   guest 1G  g1G  guest 0x1000   guest offset, active layer
 *   L1[3]  l1 3                   entry of the active L1
 *   L2[3][77]  L1[3] L2[77]       entry of an L2 table
 *   snap 2  snapshot NAME         snapshot by number (from 1), id or name
 *   snap 2 L1[3]  snap 2 L2[3][7] snap 2 guest 1G
 *   rt 5  reftable[5]             entry of the refcount table
 *   rb 5  rb 5 7  refblock[5][7]  refcount block 5, entry 7
 *   bitmap 1  bitmap NAME         bitmap by number (from 1) or name
 *   header  header 40             the header, a byte of it
 *   end                           the last cluster of the file
 * Case does not matter. False with a message that says what can be typed. */
bool place_parse(const struct image *img, const char *text, struct place *out,
                 struct error *err);

#endif
