/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Stored refcounts, read a block at a time: for listings that ask for millions of them,
 * mostly neighbours. */
#ifndef QCHECK_REPORT_STORED_H
#define QCHECK_REPORT_STORED_H

#include "scan/scan.h"

#define STORED_BYTES (8u << 20)     /* of blocks kept, at most */

struct stored_slot;

struct stored {
    const struct image *img;    /* borrowed */
    const struct scan_result *scan; /* borrowed, may be NULL: where its map says that
                                   counted and stored agree, no block is read */
    struct stored_slot *slot; /* owned; block i is in slot i % n, NULL before first use */
    uint64_t n;
};

void stored_init(struct stored *s, const struct image *img, const struct scan_result *scan);
void stored_free(struct stored *s);

/* As image_stored_refcount(); STORED_UNREADABLE also when memory runs out. */
enum stored_status stored_get(struct stored *s, uint64_t cluster, uint64_t *out);

/* Is it known without reading, for all clusters of one refcount block that have the cell of
 * this one in the map? */
bool stored_known(const struct stored *s, uint64_t cluster);

#endif
