/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the guest's side: the tables of one layer, one after the other. */
#ifndef QCHECK_SCAN_GUEST_TABLE_H
#define QCHECK_SCAN_GUEST_TABLE_H

#include "scan/guest.h"

/* Reads one L2 table after the other; keeps the last one. */
#define L1_CACHED 1024

struct table_reader {
    const struct image *img;
    uint64_t l1_off, l1_size;       /* of the layer, as far as it lies in the file */
    uint64_t l1[L1_CACHED];         /* entries from l1_first on */
    uint64_t l1_first;              /* UINT64_MAX: none read */
    bool l1_damaged;                /* ... could not be read */
    uint8_t *bytes;
    uint64_t l1_index;              /* UINT64_MAX: none */
    struct data_memo memo;
    bool empty;                     /* it lies in a hole: zeros, and not read */
    /* TABLE_DOUBTFUL: read, as QEMU does, but its L1 entry has reserved bits. */
    enum { TABLE_NONE, TABLE_READ, TABLE_DOUBTFUL, TABLE_DAMAGED } state;
};

/* Where the L1 table of a layer lies (bytes) and how long it is (entries); false: there
 * is no such layer. */
bool guest_layer(const struct image *img, uint32_t layer, uint64_t *l1_off,
                 uint64_t *l1_size);

/* False when memory runs out; the caller frees t->bytes. */
bool guest_table_open(struct table_reader *t, const struct image *img, uint32_t layer);

/* First L1 index in [from, to) that is in use (or cannot be read); `to` for none. */
uint64_t guest_table_next(struct table_reader *t, uint64_t from, uint64_t to);

/* Makes the L2 table at this L1 index the current one; t->state says what it is. */
void guest_table_load(struct table_reader *t, uint64_t l1_index);

#endif
