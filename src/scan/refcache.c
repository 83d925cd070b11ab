/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/refcache.h"

#include <stdlib.h>

#include "base/limits.h"

bool refcache_init(struct refcache *b, const struct image *img, struct error *err)
{
    *b = (struct refcache){ .img = img };
    pthread_mutex_init(&b->lock, NULL);
    b->at = calloc(REFCACHE_PIECES, sizeof *b->at);
    b->bytes = malloc((size_t)REFCACHE_PIECES * REFCACHE_PIECE);
    if (b->at && b->bytes)
        return true;
    refcache_free(b);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void refcache_free(struct refcache *b)
{
    if (b->img)
        pthread_mutex_destroy(&b->lock);
    free(b->at);
    free(b->bytes);
    *b = (struct refcache){ .img = NULL };
}

/* The piece at `at`, a multiple of its length; NULL when it cannot be read. */
static const uint8_t *piece_at(struct refcache *b, uint64_t at)
{
    size_t slot = (size_t)(at / REFCACHE_PIECE % REFCACHE_PIECES);
    uint8_t *bytes = b->bytes + slot * REFCACHE_PIECE;

    if (b->at[slot] == at + 1)
        return bytes;
    b->at[slot] = 0;
    if (!source_read(b->img->src, at, bytes, REFCACHE_PIECE, NULL))
        return NULL;
    b->at[slot] = at + 1;
    return bytes;
}

enum stored_status refcache_get(struct refcache *b, uint64_t cluster, uint64_t *out)
{
    const struct geometry *geo = &b->img->geo;
    uint64_t i = cluster >> geo->refblock_bits, block, bit, at;
    const uint8_t *bytes;

    block = i < b->img->reftable_n ? b->img->reftable[i] & REFTABLE_OFFSET_MASK : 0;
    if (!block || (block & (geo->cluster_size - 1))
        || block > READ_OFFSET_MAX - geo->cluster_size)
        return image_stored_refcount(b->img, cluster, out);
    bit = (cluster & (geo->refblock_entries - 1)) << geo->refcount_order;
    at = block + bit / 8 / REFCACHE_PIECE * REFCACHE_PIECE;
    bit -= bit / 8 / REFCACHE_PIECE * REFCACHE_PIECE * 8;
    pthread_mutex_lock(&b->lock);
    bytes = piece_at(b, at);
    if (bytes)
        *out = refblock_get(bytes, geo->refcount_order, bit >> geo->refcount_order);
    pthread_mutex_unlock(&b->lock);
    return bytes ? STORED_OK : image_stored_refcount(b->img, cluster, out);
}
