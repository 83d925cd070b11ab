/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/packed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qcow2/decompress.h"

#define KEPT 8                          /* clusters, of at most 2 MiB */

/* One cluster that was read in part. */
struct kept {
    bool used;
    unsigned depth;
    uint64_t host_off, host_len;
    uint64_t stamp;                     /* of the last use */
    enum packed_state state;
    uint8_t *bytes;                     /* owned */
};

/* What a thread needs while it decompresses. */
struct bench {
    struct bench *next;
    struct unpacker *unpacker;
    uint8_t *in;                        /* two clusters: the longest stream there is */
    size_t in_size;
};

struct packed {
    pthread_mutex_t lock;
    struct bench *idle;
    struct kept kept[KEPT];
    uint64_t clock;
};

bool packed_new(struct packed **out, struct error *err)
{
    struct packed *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return true;
}

static void bench_free(struct bench *b)
{
    unpacker_free(b->unpacker);
    free(b->in);
    free(b);
}

void packed_free(struct packed *p)
{
    if (!p)
        return;
    while (p->idle) {
        struct bench *b = p->idle;

        p->idle = b->next;
        bench_free(b);
    }
    for (size_t i = 0; i < KEPT; i++)
        free(p->kept[i].bytes);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct bench *bench_take(struct packed *p)
{
    struct bench *b;

    pthread_mutex_lock(&p->lock);
    b = p->idle;
    if (b)
        p->idle = b->next;
    pthread_mutex_unlock(&p->lock);
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->unpacker = unpacker_new();
    if (!b->unpacker) {
        free(b);
        return NULL;
    }
    return b;
}

static void bench_return(struct packed *p, struct bench *b)
{
    pthread_mutex_lock(&p->lock);
    b->next = p->idle;
    p->idle = b;
    pthread_mutex_unlock(&p->lock);
}

/* The whole cluster into `out`. */
static enum packed_state unpack(struct packed *p, const struct image *img, uint64_t host_off,
                                uint64_t host_len, uint8_t *out)
{
    size_t size = (size_t)img->geo.cluster_size;
    size_t len = (size_t)u64_min(host_len, size * 2);
    enum packed_state state = PACKED_FINE;
    struct bench *b = bench_take(p);

    memset(out, 0, size);
    if (b && b->in_size < len) {
        free(b->in);
        b->in = malloc(size * 2);
        b->in_size = b->in ? size * 2 : 0;
    }
    if (!b || !b->in) {
        if (b)
            bench_free(b);
        return PACKED_NO_MEMORY;
    }
    if (!source_read(img->src, host_off, b->in, len, NULL))
        state = PACKED_UNREADABLE;
    else if (!unpacker_run(b->unpacker, img->hdr.compression_type, b->in, len, out, size, NULL))
        state = PACKED_DAMAGED;
    bench_return(p, b);
    if (state != PACKED_FINE)
        memset(out, 0, size);
    return state;
}

/* Copies from a kept cluster; false: it is not there. */
static bool recall(struct packed *p, unsigned depth, uint64_t host_off, uint64_t host_len,
                   uint64_t in, void *dst, size_t len, enum packed_state *state)
{
    bool found = false;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < KEPT && !found; i++) {
        struct kept *k = &p->kept[i];

        found = k->used && k->depth == depth && k->host_off == host_off &&
                k->host_len == host_len;
        if (found) {
            memcpy(dst, k->bytes + in, len);
            k->stamp = ++p->clock;
            *state = k->state;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* Takes `bytes`. */
static void keep(struct packed *p, unsigned depth, uint64_t host_off, uint64_t host_len,
                 enum packed_state state, uint8_t *bytes)
{
    size_t oldest = 0;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 1; i < KEPT; i++)
        if (p->kept[i].stamp < p->kept[oldest].stamp)
            oldest = i;
    free(p->kept[oldest].bytes);
    p->kept[oldest] = (struct kept){ true, depth, host_off, host_len, ++p->clock, state, bytes };
    pthread_mutex_unlock(&p->lock);
}

enum packed_state packed_read(struct packed *p, unsigned depth, const struct image *img,
                              uint64_t host_off, uint64_t host_len, uint64_t in, void *dst,
                              size_t len)
{
    enum packed_state state;
    uint8_t *whole;

    if (in == 0 && len == img->geo.cluster_size)
        return unpack(p, img, host_off, host_len, dst);
    if (recall(p, depth, host_off, host_len, in, dst, len, &state))
        return state;
    whole = malloc((size_t)img->geo.cluster_size);
    if (!whole)
        return PACKED_NO_MEMORY;
    state = unpack(p, img, host_off, host_len, whole);
    memcpy(dst, whole + in, len);
    if (state == PACKED_NO_MEMORY)
        free(whole);
    else
        keep(p, depth, host_off, host_len, state, whole);
    return state;
}
