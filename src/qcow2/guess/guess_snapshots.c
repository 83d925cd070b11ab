/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The snapshot table, by what its entries say. */
#include "config.h"

#include "base/limits.h"
#include "qcow2/guess/guess_work.h"
#include "qcow2/snapshot.h"

typedef unsigned long long ull;

/* Does an entry lie at `off`, with an L1 table that is in use? */
static bool entry_at(struct seek *s, uint64_t off, struct snapshot_seen *out)
{
    if (!s->reads_left)
        return false;
    s->reads_left--;
    return snapshot_seems(s->src, &s->geo, off, out) && seek_owned(s, out->l1_off, false);
}

/* Entries of the table at `off`, up to `max`; *zeros: what follows is empty. */
static uint64_t count_entries(struct seek *s, uint64_t off, uint64_t max, bool *zeros)
{
    uint8_t bytes[40] = { 0 };
    struct snapshot_seen e;
    uint64_t n = 0;

    while (n < max && entry_at(s, off, &e)) {
        off = round_up(off + e.len, 8);
        n++;
    }
    *zeros = off >= s->file_size || seek_read(s, off, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        *zeros = *zeros && !bytes[i];
    return n;
}

static bool table_at(struct seek *s, uint64_t off)
{
    struct snapshot_seen e;

    return off && !(off & (s->geo.cluster_size - 1)) && off < s->file_size &&
           seek_owned(s, off, false) && entry_at(s, off, &e);
}

struct table_search { uint64_t off; };

static bool try_cluster(struct seek *s, uint64_t off, const uint8_t *bytes, size_t len,
                        void *data)
{
    struct table_search *found = data;

    (void)len;
    if (!be_load(bytes, 8) || be_load(bytes, 8) & (s->geo.cluster_size - 1) ||
        !table_at(s, off))
        return false;
    found->off = off;
    return true;
}

/* The header's offset with one bit, or the bits inside a cluster, put right, if there is one; or
 * the first cluster with such a table. 0: none. */
static uint64_t find_table(struct seek *s, uint64_t off, const char **how)
{
    struct table_search found = { 0 };
    uint64_t down = off & ~(s->geo.cluster_size - 1);

    *how = "cluster aligned";
    if (table_at(s, down))
        return down;
    *how = "one bit differs";
    for (unsigned bit = s->geo.cluster_bits; off && bit < 64; bit++)
        if (table_at(s, off ^ UINT64_C(1) << bit))
            return off ^ UINT64_C(1) << bit;
    *how = "found by search";
    seek_sweep(s, 16, GUESS_CLUSTERS_MAX, try_cluster, &found);
    return found.off;
}

void guess_snapshots(struct guessing *g)
{
    uint64_t off = g->s.hdr.snapshots_offset, n = g->s.hdr.nb_snapshots, there, max, count;
    bool zeros = false;
    const char *how = "";

    if (!n && !off && !g->lost)
        return;
    there = table_at(&g->s, off) ? off : 0;
    if (!there && (n || g->lost)) {
        guess_doubt_refcounts(g);
        there = table_at(&g->s, off) ? off : find_table(&g->s, off, &how);
    }
    if (!there)
        return;
    max = n && n <= SNAPSHOTS_MAX ? n : SNAPSHOTS_MAX;
    count = count_entries(&g->s, there, max, &zeros);
    if (there != off && (g->lost || snapshots_offset_bad(&g->s.geo, off, n)))
        guess_take(g, G_SNAPSHOTS_OFFSET, there, "%s: %llu entr%s of snapshots", how,
                   (ull)count, count == 1 ? "y" : "ies");
    else if (there != off)
        guess_put(g, G_SNAPSHOTS_OFFSET, there, "%s: %llu entr%s of snapshots", how,
                  (ull)count, count == 1 ? "y" : "ies");
    if (n > SNAPSHOTS_MAX || g->lost)
        guess_take(g, G_NB_SNAPSHOTS, count, "so many entries are there");
    else if (count && count != n && zeros)
        guess_put(g, G_NB_SNAPSHOTS, count, "so many entries are there");
}
