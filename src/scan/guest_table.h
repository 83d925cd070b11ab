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
    struct layer_l1 table;          /* all zeros: no such layer */
    uint64_t l1[L1_CACHED];         /* entries from l1_first on */
    uint64_t l1_first;              /* UINT64_MAX: none read */
    bool l1_damaged;                /* ... could not be read */
    uint8_t *bytes;
    uint64_t l1_index;              /* UINT64_MAX: none */
    struct data_memo memo, l1_memo; /* of L2 tables, of the L1 table */
    bool empty;                     /* it lies in a hole: zeros, and not read */
    /* TABLE_DOUBTFUL: read, as QEMU does, but its L1 entry has reserved bits. */
    enum { TABLE_NONE, TABLE_READ, TABLE_DOUBTFUL, TABLE_DAMAGED } state;
};

/* False when memory runs out; the caller frees t->bytes. A layer that does not exist is
 * empty. */
bool guest_table_open(struct table_reader *t, const struct image *img, uint32_t layer);

/* First L1 index in [from, to) that is in use (or cannot be read); `to` for none. */
uint64_t guest_table_next(struct table_reader *t, uint64_t from, uint64_t to);

/* Makes the L2 table at this L1 index the current one; t->state says what it is. */
void guest_table_load(struct table_reader *t, uint64_t l1_index);

#endif
