/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/meta.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16384                     /* bytes */
#define SETS  128
#define WAYS  4                         /* 8 MiB in all */

struct meta_slot {
    bool used;
    unsigned depth;
    uint64_t block;                     /* number of the block in its file */
    uint64_t stamp;                     /* of the last use */
    struct source_span bad;
};

struct meta_set {
    pthread_mutex_t lock;
    uint64_t clock;
    struct meta_slot slot[WAYS];
};

struct meta {
    struct meta_set set[SETS];
    uint8_t *bytes;                     /* SETS * WAYS blocks; pages come when touched */
};

bool meta_new(struct meta **out, struct error *err)
{
    struct meta *m = calloc(1, sizeof *m);

    if (m)
        m->bytes = malloc((size_t)SETS * WAYS * BLOCK);
    if (!m || !m->bytes) {
        free(m);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < SETS; i++)
        pthread_mutex_init(&m->set[i].lock, NULL);
    *out = m;
    return true;
}

void meta_free(struct meta *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < SETS; i++)
        pthread_mutex_destroy(&m->set[i].lock);
    free(m->bytes);
    free(m);
}

/* The slot of this block, filled; the set's lock is held. */
static struct meta_slot *find(struct meta_set *set, uint8_t *bytes, unsigned depth, struct source *src,
                         uint64_t block, uint8_t **at)
{
    struct meta_slot *s = NULL;
    unsigned oldest = 0;

    for (unsigned i = 0; i < WAYS && !s; i++) {
        if (set->slot[i].used && set->slot[i].block == block && set->slot[i].depth == depth)
            s = &set->slot[i];
        else if (set->slot[i].stamp < set->slot[oldest].stamp)
            oldest = i;
    }
    if (!s) {
        s = &set->slot[oldest];
        *s = (struct meta_slot){ .used = true, .depth = depth, .block = block };
        source_read_known(src, block * BLOCK, bytes + (size_t)oldest * BLOCK, BLOCK, &s->bad);
    }
    s->stamp = ++set->clock;
    *at = bytes + (size_t)(s - set->slot) * BLOCK;
    return s;
}

static bool overlap(struct source_span bad, uint64_t off, uint64_t len)
{
    return bad.len && off < bad.off + bad.len && bad.off < off + len;
}

bool meta_read(struct meta *m, unsigned depth, struct source *src, uint64_t off, void *dst,
               size_t len)
{
    uint8_t *out = dst;
    bool ok = true;

    while (len) {
        uint64_t block = off / BLOCK, in = off % BLOCK;
        size_t n = (size_t)u64_min(len, BLOCK - in);
        size_t k = (size_t)((block ^ block >> 7 ^ depth * 37u) % SETS);
        struct meta_set *set = &m->set[k];
        struct meta_slot *s;
        uint8_t *at;

        if (off >= source_size(src)) {
            memset(out, 0, len);
            return ok;
        }
        pthread_mutex_lock(&set->lock);
        s = find(set, m->bytes + k * WAYS * BLOCK, depth, src, block, &at);
        memcpy(out, at + in, n);
        ok = ok && !overlap(s->bad, off, n);
        pthread_mutex_unlock(&set->lock);
        off += n;
        out += n;
        len -= n;
    }
    return ok;
}
