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
 * "cluster 28", ... Snapshots are numbered from 1 for people, in table order. People can
 * type all of it (inspect/address.h). */
void place_text(const struct place *p, struct buf *out);

/* Fills file_off and guest_off where they follow from the other members; reads at most
 * one L1 entry. False (file_off stays NO_ADDRESS) when the place does not exist. */
bool place_complete(const struct image *img, struct place *p);

/* Where the image says that a structure lies: a header field, the entry of a snapshot or
 * of a bitmap. */
struct place place_of_pointer(const struct image *img, const struct structure *s);

bool place_equal(const struct place *a, const struct place *b);

#endif
