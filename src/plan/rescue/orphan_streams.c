/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed clusters of which the descriptors are gone. QEMU packs them: each stream begins
 * where the one before ends, or at a cluster. So they are found by decoding one after the
 * other; only what makes exactly one cluster is one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/rescue/salvage.h"
#include "qcow2/decompress.h"

struct chain_walk {
    const struct trial *t;
    const struct orphans *from;
    struct orphans *to;
    uint64_t type;                  /* of compression */
    struct unpacker *unpacker;      /* owned */
    uint8_t *in, *out;              /* owned: two clusters, and one */
};

static bool walk_begin(struct chain_walk *w, struct error *err)
{
    size_t cluster = (size_t)w->t->img->geo.cluster_size;

    w->type = w->t->img->hdr.compression_type;
    w->unpacker = unpacker_new();
    w->in = malloc(cluster * 2);
    w->out = malloc(cluster);
    return (w->unpacker && w->in && w->out) || err_set(err, ERR_NOMEM, "out of memory");
}

static void walk_end(struct chain_walk *w)
{
    unpacker_free(w->unpacker);
    free(w->in);
    free(w->out);
}

/* Bytes that orphans give from `off` on, at most two clusters; i: the one that holds it. */
static size_t bytes_from(const struct chain_walk *w, size_t i, uint64_t off)
{
    const struct orphan *o = &w->from->list[i];
    uint64_t end = o->off + o->len;

    while (i + 1 < w->from->n && w->from->list[i + 1].off == end
           && end - off < 2 * w->t->img->geo.cluster_size)
        end += w->from->list[++i].len;
    return (size_t)u64_min(end - off, 2 * w->t->img->geo.cluster_size);
}

/* Is there a stream at `off`? *used: its length in bytes. */
static bool stream_at(struct chain_walk *w, size_t i, uint64_t off, size_t *used)
{
    const struct image *img = w->t->img;
    size_t len = bytes_from(w, i, off);

    return source_read(img->src, off, w->in, len, NULL)
        && unpacker_take(w->unpacker, w->type, w->in, len, w->out,
                         (size_t)img->geo.cluster_size, used)
        && *used && *used <= img->geo.cluster_size;
}

/* Follows streams from the start of orphan i; returns the first orphan that is not theirs. */
static bool follow(struct chain_walk *w, size_t *at, struct error *err)
{
    size_t i = *at, used;
    uint64_t off = w->from->list[i].off;
    bool any = false;

    while (i < w->from->n && off >= w->from->list[i].off && stream_at(w, i, off, &used)) {
        const struct orphan one = { off, used, ORPHAN_STREAM, w->from->list[i].counted };

        if (!orphans_add(w->to, &one, err))
            return false;
        any = true;
        off += used;
        while (i < w->from->n && w->from->list[i].off + w->from->list[i].len <= off)
            i++;
    }
    if (any) {
        /* what follows the last one in its cluster is nothing */
        *at = i < w->from->n && off > w->from->list[i].off ? i + 1 : i;
        return true;
    }
    ++*at;
    return orphans_add(w->to, &w->from->list[i], err);
}

bool orphans_find_streams(const struct trial *t, struct orphans *o, struct error *err)
{
    struct orphans out = { .refcounts_known = o->refcounts_known };
    struct chain_walk w = { .t = t, .from = o, .to = &out };
    bool ok = walk_begin(&w, err);

    for (size_t i = 0; ok && i < o->n;)
        ok = follow(&w, &i, err);
    walk_end(&w);
    if (!ok) {
        orphans_free(&out);
        return false;
    }
    orphans_free(o);
    *o = out;
    return true;
}

#define PROOF 2                 /* streams in a row */
#define PROOFS_MAX 16

/* Do streams of w->type begin there? */
static bool chain_at(struct chain_walk *w, size_t i)
{
    uint64_t off = w->from->list[i].off;

    for (size_t n = 0, used; n < PROOF; n++, off += used) {
        while (i < w->from->n && w->from->list[i].off + w->from->list[i].len <= off)
            i++;
        if (i == w->from->n || off < w->from->list[i].off || !stream_at(w, i, off, &used))
            return false;
    }
    return true;
}

bool orphans_look_packed(const struct trial *t, const struct orphans *o, uint64_t type, bool *yes,
                         struct error *err)
{
    struct chain_walk w = { .t = t, .from = o };
    size_t own = 0, other = 0;
    bool ok = walk_begin(&w, err);
    uint64_t now = w.type;

    for (size_t i = 0; ok && i < o->n && own + other < PROOFS_MAX && !salvage_stopped(t); i++) {
        w.type = now;
        own += chain_at(&w, i);
        w.type = type;
        other += chain_at(&w, i);
    }
    walk_end(&w);
    *yes = other > own;
    return ok;
}
