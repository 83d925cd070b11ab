/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The structures that stand in the file by themselves, with their places: what header,
 * extensions, snapshot table and bitmap directory point to. L2 tables, refcount blocks and
 * bitmap data are not among them; the tables that are here list those. */
#ifndef QCHECK_QCOW2_STRUCTURES_H
#define QCHECK_QCOW2_STRUCTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum structure_kind {
    STRUCTURE_HEADER,               /* the first cluster */
    STRUCTURE_L1,                   /* i: layer */
    STRUCTURE_REFTABLE,
    STRUCTURE_SNAPSHOTS,            /* the snapshot table */
    STRUCTURE_CRYPTO,               /* the LUKS header */
    STRUCTURE_BITMAP_DIR,
    STRUCTURE_BITMAP_TABLE,         /* i: bitmap */
    N_STRUCTURES
};

struct structure {
    uint64_t off, len;              /* host bytes, as the image says: nothing is judged */
    uint32_t i;
    uint8_t kind;                   /* enum structure_kind */
    bool counted;                   /* QEMU takes notice of it and counts a reference */
};

struct structures {
    struct structure *list;         /* owned; by offset, then kind, then i */
    size_t n;
};

struct image;

/* Lists those of an image, apart from empty ones. False only when memory runs out.
 * Called by image_open. */
bool structures_list(const struct image *img, struct structures *out, struct error *err);
void structures_free(struct structures *s);

/* The structure that host byte `off` lies in; NULL: none. Where they overlap, the first by
 * kind and i, and with `after` the next one after that. */
const struct structure *structures_find(const struct structures *s, uint64_t off,
                                        const struct structure *after);

#endif
