/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/guess/guess_seek.h"

#include <stdlib.h>

#include "qcow2/entry.h"

#define BATCH 128                       /* clusters asked for at once */
#define PROBE_MAX 4096

bool seek_geometry(struct seek *s)
{
    return geometry_init(&s->hdr, s->file_size, &s->geo, NULL);
}

bool seek_read(struct seek *s, uint64_t off, void *dst, size_t len)
{
    uint64_t cost = div_up(len, PROBE_MAX);

    if (s->reads_left < cost)
        return false;
    s->reads_left -= cost;
    return source_read(s->src, off, dst, len, NULL);
}

bool seek_refcount(struct seek *s, uint64_t cluster, uint64_t *out)
{
    const struct geometry *geo = &s->geo;
    uint64_t i = cluster >> geo->refblock_bits, off, block, bit;
    uint8_t bytes[8] = { 0 };
    size_t len = geo->refcount_bits < 8 ? 1 : geo->refcount_bits / 8;

    if (i >= geo->reftable_entries ||
        !u64_add(s->hdr.refcount_table_offset, i * 8, &off) ||
        !range_inside(off, 8, s->file_size) || !seek_read(s, off, bytes, 8))
        return false;
    block = be64(bytes);
    if (!block || block & (geo->cluster_size - 1) || block >= s->file_size)
        return false;
    bit = (cluster & (geo->refblock_entries - 1)) << geo->refcount_order;
    if (!seek_read(s, block + bit / 8, bytes, len))
        return false;
    *out = refblock_get(bytes, geo->refcount_order, (bit & 7) >> geo->refcount_order);
    return true;
}

bool seek_owned(struct seek *s, uint64_t off, bool exactly)
{
    uint64_t count;

    if (s->no_refcounts)
        return true;
    return seek_refcount(s, geo_cluster_of(&s->geo, off), &count) &&
           (exactly ? count == 1 : count >= 1);
}

struct sweep_batch {
    struct source_req req[BATCH];
    uint8_t bytes[BATCH][PROBE_MAX];
};

void seek_sweep(struct seek *s, size_t probe, uint64_t limit, seek_visit *visit,
                void *data)
{
    struct sweep_batch *b = malloc(sizeof *b);
    uint64_t cs = s->geo.cluster_size, off = cs, start, end;
    bool stop = !b;

    while (!stop && limit && s->reads_left && off < s->file_size &&
           source_next_data(s->src, off, &start, &end)) {
        s->reads_left--;
        off = u64_max(off, start & ~(cs - 1));
        while (!stop && limit && s->reads_left && off < end) {
            size_t n = 0;

            while (n < BATCH && limit && s->reads_left && off < end) {
                b->req[n] = (struct source_req){ .off = off, .len = probe,
                                                 .dst = b->bytes[n] };
                source_advise(s->src, off, probe);
                n++;
                limit--;
                s->reads_left--;
                if (!u64_add(off, cs, &off))
                    off = UINT64_MAX;
            }
            source_read_many(s->src, b->req, n);
            for (size_t i = 0; i < n && !stop; i++)
                stop = !b->req[i].error &&
                       visit(s, b->req[i].off, b->bytes[i], probe, data);
        }
        off = u64_max(off, end);
        off = round_up(off, cs);
    }
    free(b);
}
