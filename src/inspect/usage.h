/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a snapshot costs and shares: which host clusters only it holds, which it has in
 * common with the active layer, and how far the two have diverged. */
#ifndef QCHECK_INSPECT_USAGE_H
#define QCHECK_INSPECT_USAGE_H

#include "scan/scan.h"

struct usage {
    uint64_t l2_tables;         /* L1 entries that lead to an L2 table */
    uint64_t l2_unaligned, l1_invalid;
    uint64_t unallocated, zero_plain, zero_alloc, normal, compressed;   /* L2 entries */
    uint64_t unaligned, invalid;
    /* guest clusters with a host cluster in the snapshot */
    uint64_t same;              /* the active layer maps them to the same place */
    uint64_t diverged;          /* ... to another place, or not at all */
    /* host clusters */
    uint64_t alone_data;        /* guest data and VM state nothing else refers to */
    uint64_t alone_tables;      /* L1 and L2 clusters nothing else refers to */
    bool partial;               /* too much to look at all of it: the figures are of a part */
};

/* Bytes of tables worth reading for all snapshots of an image. */
uint64_t usage_bytes_max(const struct image *img);

/* Walks the tables of snapshot number i (from 0). Clusters that would be freed if it were
 * deleted: alone_data + alone_tables. Thousands of snapshots may share their tables:
 * *bytes_left, usage_bytes_max() at first, is what of L2 tables may still be read for all of
 * them. False on an I/O error or when memory runs out. */
bool usage_of_snapshot(const struct scan_result *scan, size_t i, uint64_t *bytes_left,
                       struct usage *out, struct error *err);

#endif
