/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Refcount tables, told by what is in them: they count the blocks they point to. */
#include "config.h"

#include <stdlib.h>

#include "base/limits.h"
#include "qcow2/entry.h"
#include "qcow2/guess/guess_seek.h"

#define BLOCKS_TRIED 64                 /* of one table */
#define PROBE 64                        /* bytes of a cluster that might begin one */

/* An entry that can point to a refcount block of the image. */
static bool possible(const struct seek *s, uint64_t entry)
{
    return entry && !(entry & (s->geo.cluster_size - 1)) && entry < s->file_size;
}

static size_t strays_allowed(const struct seek *s)
{
    return s->lenient ? 1 : 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return u64_order(x, y);
}

/* Do the entries stand for blocks, each another one? Counts them, and keeps up to
 * BLOCKS_TRIED of them, spread evenly. */
static bool entries_fit(struct seek *s, uint64_t off, size_t n, uint64_t *entry,
                        struct reftable_found *out, uint64_t *sample, size_t *n_sample)
{
    size_t used = 0, bad = 0;

    for (size_t i = 0; i < n; i++) {
        if (!entry[i])
            continue;
        if (!possible(s, entry[i]) || entry[i] == off) {
            if (++bad > strays_allowed(s))
                return false;
            continue;
        }
        entry[used++] = entry[i];
    }
    *n_sample = used < BLOCKS_TRIED ? used : BLOCKS_TRIED;
    for (size_t i = 0; i < *n_sample; i++)
        sample[i] = entry[i * used / *n_sample];
    qsort(entry, used, sizeof *entry, by_value);
    for (size_t i = 1; i < used; i++)
        if (entry[i] == entry[i - 1])
            return false;
    out->entries = used;
    return used;
}

static uint64_t clusters_max(const struct seek *s)
{
    return REFTABLE_BYTES_MAX >> s->geo.cluster_bits;
}

/* Clusters that a table for this file has at least. */
static uint64_t clusters_needed(const struct seek *s)
{
    uint64_t entries = div_up(s->geo.n_clusters, s->geo.refblock_entries);
    uint64_t clusters = div_up(entries, s->geo.cluster_size / 8);

    return u64_min(u64_max(clusters, 1), clusters_max(s));
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i])
            return false;
    return true;
}

/* QEMU makes tables half as long again as they must be: zeros in clusters used once,
 * directly behind, belong to it, unless the guest has them. */
static uint64_t clusters_in_all(struct seek *s, const struct reftable_found *f,
                                uint8_t *page)
{
    uint64_t n = f->clusters, cs = s->geo.cluster_size;
    uint64_t max = div_up(f->entries + f->entries / 2 + 1, cs / 8);

    for (max = u64_min(max, clusters_max(s)); n < max; n++) {
        uint64_t off = f->off + n * cs;

        if (!range_inside(off, cs, s->file_size) || !seek_owned(s, off, true) ||
            !seek_read(s, off, page, (size_t)u64_min(cs, SEEK_PAGE)) ||
            !all_zero(page, (size_t)u64_min(cs, SEEK_PAGE)) || l1_maps(s, off))
            break;
    }
    return n;
}

/* The blocks count the first cluster, the table, and themselves. */
static bool agrees(struct seek *s, const struct reftable_found *f, const uint64_t *sample,
                   size_t n)
{
    uint64_t last = f->off + (f->clusters - 1) * s->geo.cluster_size;
    size_t good = 0;

    if (!seek_owned(s, 0, true) || !seek_owned(s, f->off, true) ||
        !seek_owned(s, last, true))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (seek_owned(s, sample[i], true))
            good++;
        else if (i == 0)
            return false;
    }
    return good * 8 >= n * 7;
}

bool reftable_fits(struct seek *s, uint64_t off, uint64_t clusters,
                   struct reftable_found *out)
{
    uint64_t cs = s->geo.cluster_size, sample[BLOCKS_TRIED];
    struct reftable_found f = { .off = off, .cluster_bits = s->geo.cluster_bits,
                                .refcount_order = s->geo.refcount_order };
    size_t n, n_sample;
    uint8_t *page;
    uint64_t *entry;
    bool ok = false;

    if (!off || off & (cs - 1) || off >= s->file_size || clusters > clusters_max(s))
        return false;
    f.clusters = clusters ? clusters : clusters_needed(s);
    s->hdr.refcount_table_offset = off;
    s->hdr.refcount_table_clusters = f.clusters;
    if (!seek_geometry(s))
        return false;
    page = malloc(SEEK_PAGE);
    entry = malloc(SEEK_PAGE);
    n = (size_t)u64_min(s->geo.reftable_entries, SEEK_PAGE / 8);
    if (!page || !entry || !n || !seek_read(s, off, page, n * 8))
        goto out;
    for (size_t i = 0; i < n; i++)
        entry[i] = be64(page + i * 8);
    if (!entry[0] || !entries_fit(s, off, n, entry, &f, sample, &n_sample) ||
        !agrees(s, &f, sample, n_sample))
        goto out;
    if (!clusters)
        f.clusters = clusters_in_all(s, &f, page);
    s->hdr.refcount_table_clusters = f.clusters;
    ok = seek_geometry(s);
    if (ok)
        *out = f;
out:
    free(page);
    free(entry);
    return ok;
}

bool reftable_makes_sense(struct seek *s)
{
    uint8_t bytes[64];
    uint64_t off = s->hdr.refcount_table_offset;

    if (seek_owned(s, 0, false) || seek_owned(s, off, false))
        return true;
    if (!seek_read(s, off, bytes, sizeof bytes))
        return true;
    for (size_t i = 0; i < sizeof bytes; i += 8) {
        uint64_t entry = be64(bytes + i);

        if (possible(s, entry) && seek_owned(s, entry, false))
            return true;
    }
    return false;
}

struct reftable_job {
    const uint8_t *orders;
    struct reftable_found *out;
    bool found;
};

static bool try_cluster(struct seek *s, uint64_t off, const uint8_t *bytes, size_t len,
                        void *data)
{
    struct reftable_job *job = data;
    size_t bad = 0;

    if (!possible(s, be64(bytes)))
        return false;
    for (size_t i = 8; i + 8 <= len; i += 8) {
        uint64_t entry = be64(bytes + i);

        if (entry && !possible(s, entry) && ++bad > strays_allowed(s))
            return false;
    }
    for (size_t i = 0; job->orders[i] <= REFCOUNT_ORDER_MAX && !job->found; i++) {
        s->hdr.refcount_order = job->orders[i];
        job->found = seek_geometry(s) && reftable_fits(s, off, 0, job->out);
    }
    return job->found;
}

bool reftable_search(struct seek *s, const uint8_t *orders, uint64_t limit,
                     struct reftable_found *out)
{
    struct reftable_job job = { orders, out, false };

    seek_sweep(s, PROBE, limit, try_cluster, &job);
    return job.found;
}
