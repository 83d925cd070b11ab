/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Stored refcounts that the book does not know: other ones than 1, and those of clusters
 * after the end of the file. A damaged image may ask for millions of them: pieces of refcount
 * blocks are kept to save a read for each. May be asked by several threads. */
#ifndef QCHECK_SCAN_REFCACHE_H
#define QCHECK_SCAN_REFCACHE_H

#include <pthread.h>

#include "qcow2/image.h"

#define REFCACHE_PIECE    512         /* bytes; what one read takes */
#define REFCACHE_PIECES   512

struct refcache {
    const struct image *img;
    pthread_mutex_t lock;
    uint64_t *at;                   /* owned: host byte of each piece + 1; 0: empty */
    uint8_t *bytes;                 /* owned: the pieces */
};

bool refcache_init(struct refcache *b, const struct image *img, struct error *err);
void refcache_free(struct refcache *b);

/* As image_stored_refcount. */
enum stored_status refcache_get(struct refcache *b, uint64_t cluster, uint64_t *out);

#endif
