/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The two tables that the header names, once the cluster size is known. */
#include "config.h"

#include <stdio.h>

#include "base/limits.h"
#include "qcow2/guess/guess_work.h"
#include "qcow2/snapshot.h"

typedef unsigned long long ull;

/* --- refcount table --- */

static bool misplaced(const struct guessing *g, uint64_t off)
{
    return off & (g->s.geo.cluster_size - 1) || off >> 63;
}

const char *reftable_words(const struct reftable_found *f, char out[GUESS_WORDS])
{
    snprintf(out, GUESS_WORDS, "%llu entr%s", (ull)f->entries,
             f->entries == 1 ? "y points to a refcount block that counts itself"
                             : "ies point to refcount blocks that count themselves");
    return out;
}

static void take_reftable(struct guessing *g, const struct reftable_found *f,
                          const char *how)
{
    char words[GUESS_WORDS];

    guess_put(g, G_REFTABLE_OFFSET, f->off, "%s: %s", how, reftable_words(f, words));
    guess_put(g, G_REFTABLE_CLUSTERS, f->clusters, "length of the table at 0x%llx",
              (ull)f->off);
}

void guess_reftable(struct guessing *g)
{
    const uint8_t order[] = { (uint8_t)g->s.geo.refcount_order, UINT8_MAX };
    const struct header before = g->s.hdr;
    uint64_t off = before.refcount_table_offset, n = before.refcount_table_clusters;
    bool bad_n = !n || n > REFTABLE_BYTES_MAX >> g->s.geo.cluster_bits;
    bool bad_off = misplaced(g, off) || !off || off >= g->s.file_size;
    struct reftable_found found;
    const char *how = NULL;

    if (g->forced[G_REFTABLE_OFFSET])
        return;
    if (!bad_off && !bad_n && reftable_makes_sense(&g->s))
        return;
    if (!bad_off && bad_n && reftable_fits(&g->s, off, 0, &found))
        how = "the header names this place";
    else if (reftable_fits(&g->s, g->s.geo.cluster_size, 0, &found))
        how = "default layout";
    else if (reftable_search(&g->s, order, GUESS_CLUSTERS_MAX, &found))
        how = "found by search";
    g->s.hdr = before;
    if (how && !bad_n)                          /* the header's length, if it can be */
        (void)reftable_fits(&g->s, found.off, n, &found);
    g->s.hdr = before;
    if (how)
        take_reftable(g, &found, how);
    seek_geometry(&g->s);
}

/* --- L1 table and the size of the disk --- */

/* The largest size that a snapshot gives the disk, if an L1 table that begins where this one does
 * has room for it in its cluster. 0: none. */
static uint64_t size_by_snapshots(struct guessing *g)
{
    const struct geometry *geo = &g->s.geo;
    struct snapshots snaps = { 0 };
    uint64_t size = 0;

    (void)snapshots_read(g->s.src, &g->s.hdr, geo, &snaps, NULL);
    for (size_t i = 0; i < snaps.n; i++)
        if (div_up(snaps.list[i].disk_size, geo->l2_span) <= geo->cluster_size / 8)
            size = u64_max(size, snaps.list[i].disk_size);
    snapshots_free(&snaps);
    return size;
}

/* A disk longer than its table can be read as it is, with nothing in its end; one that
 * was lost needs a length, or all there is would be VM state. */
static void take_size(struct guessing *g, uint64_t off, uint64_t n)
{
    uint64_t end = l1_mapped_end(&g->s, off, n), by_snapshots;

    if (!g->s.hdr.size && (by_snapshots = size_by_snapshots(g)) > end) {
        guess_take(g, G_SIZE, by_snapshots, "so large is the disk of a snapshot");
        guess_take(g, G_L1_SIZE, u64_max(n, div_up(by_snapshots, g->s.geo.l2_span)),
                   "so many entries the disk needs");
    } else if (!end) {
        return;
    } else if (g->s.hdr.size) {
        guess_propose(g, G_SIZE, end, "at least: the last cluster that the L1 table maps "
                      "ends there");
    } else {
        guess_take(g, G_SIZE, end, "at least: the last cluster that the L1 table maps "
                   "ends there");
    }
    seek_geometry(&g->s);
}

/* Does the table at `off` stand for a disk of this size: n entries, all possible? */
static bool l1_reaches(struct guessing *g, uint64_t off, uint64_t n)
{
    struct l1_found found;
    bool reaches = l1_look(&g->s, off, n, &found) && !found.bad;

    if (!reaches && !g->s.no_refcounts) {       /* they may be behind, or damaged too */
        g->s.no_refcounts = true;
        reaches = l1_look(&g->s, off, n, &found) && l1_convinces(&found);
        g->s.no_refcounts = false;
    }
    return reaches;
}

#define LAST_IN_USE "the table has so many entries up to the last in use"

/* As many entries as the disk needs, or more where VM state is mapped behind it. */
static void take_l1_size(struct guessing *g, uint64_t off)
{
    uint64_t needed = g->s.geo.l1_needed, n = l1_extent(&g->s, off);

    if (n > needed)
        guess_take(g, G_L1_SIZE, n, LAST_IN_USE);
    else
        guess_take(g, G_L1_SIZE, needed, "the disk needs so many entries, and the table "
                   "has them");
}

/* Tables with extended entries, where no header says of which size they are: entries of the
 * other size do not convince. */
static bool search_extended(struct guessing *g, uint64_t n, struct l1_found *found, bool *searched)
{
    uint64_t before = g->s.hdr.incompatible_features;

    g->s.hdr.incompatible_features |= INCOMPAT_EXTENDED_L2;
    if (!(before & INCOMPAT_EXTENDED_L2) && seek_geometry(&g->s) &&
        l1_search(&g->s, n, GUESS_CLUSTERS_MAX, found, searched) && l1_convinces(found)) {
        guess_take(g, G_INCOMPAT, g->s.hdr.incompatible_features,
                   "the L2 tables hold extended entries");
        return true;
    }
    g->s.hdr.incompatible_features = before;
    seek_geometry(&g->s);
    return false;
}

static bool search(struct guessing *g, uint64_t n, struct l1_found *found, bool *searched)
{
    bool any = l1_search(&g->s, n, GUESS_CLUSTERS_MAX, found, searched);

    if (g->lost && !(any && l1_convinces(found))) {
        struct l1_found other;
        bool far;

        if (search_extended(g, n, &other, &far)) {
            *found = other;
            *searched = far;
            return true;
        }
    }
    return any;
}

/* The table is somewhere else. n: entries, 0 unknown. */
static void find_table(struct guessing *g, uint64_t n)
{
    uint64_t needed = g->s.geo.l1_needed;
    struct l1_found found;
    const char *how;
    bool searched;

    if (!search(g, n, &found, &searched)) {
        g->s.no_refcounts = true;               /* they may be behind, or damaged too */
        if (!search(g, n, &found, &searched))
            return;
    }
    how = searched ? "found by search" : "default layout";
    if (found.used)
        guess_put(g, G_L1_OFFSET, found.off, "%s: %llu of %llu entries point to tables "
                  "of clusters in use", how, (ull)found.good, (ull)found.looked);
    else
        guess_put(g, G_L1_OFFSET, found.off, "%s: a table without entries in use", how);
    if (!g->refused)
        return;
    if (n && n == g->s.hdr.l1_size)
        return;
    if (n && l1_reaches(g, found.off, n)) {
        take_l1_size(g, found.off);
        return;
    }
    n = u64_max(l1_extent(&g->s, found.off), 1);
    guess_take(g, G_L1_SIZE, n, LAST_IN_USE);
    if (n < needed || !g->s.hdr.size)
        take_size(g, found.off, n);
}

/* The table is where it should be, its length or the size of the disk is wrong. */
static void fix_length(struct guessing *g)
{
    uint64_t off = g->s.hdr.l1_table_offset, needed = g->s.geo.l1_needed, n;

    if (needed && l1_reaches(g, off, needed)) {
        take_l1_size(g, off);
        return;
    }
    n = g->s.hdr.l1_size;
    if (!n || n > L1_ENTRIES_MAX || !l1_reaches(g, off, n))
        n = l1_extent(&g->s, off);
    if (!n) {
        find_table(g, needed <= L1_ENTRIES_MAX ? needed : 0);
        return;
    }
    guess_take(g, G_L1_SIZE, n, LAST_IN_USE);
    take_size(g, off, n);
}

/* QEMU takes any length that is enough, and counts what stands behind the table as entries of
 * it. */
static void propose_length(struct guessing *g)
{
    uint64_t off = g->s.hdr.l1_table_offset, needed = g->s.geo.l1_needed, n;

    if (!l1_runs_over(&g->s, needed) || !l1_reaches(g, off, needed))
        return;
    n = l1_extent(&g->s, off);
    if (n <= needed)
        guess_propose(g, G_L1_SIZE, needed, "the disk needs so many entries, and behind them "
                      "stands something else");
    else if (n < g->s.hdr.l1_size)
        guess_propose(g, G_L1_SIZE, n, LAST_IN_USE);
}

void guess_doubt_refcounts(struct guessing *g)
{
    uint64_t count;

    g->s.no_refcounts = !seek_refcount(&g->s, 0, &count) || !count;
}

void guess_l1(struct guessing *g)
{
    struct header *h = &g->s.hdr;
    uint64_t needed = g->s.geo.l1_needed, n = h->l1_size;
    bool bad_n = n > L1_ENTRIES_MAX || n < needed;
    bool bad_off = misplaced(g, h->l1_table_offset) ||
                   (n && (!h->l1_table_offset || h->l1_table_offset >= g->s.file_size));

    if (g->forced[G_L1_SIZE])
        bad_n = false;
    if (!bad_off && n && !g->forced[G_L1_OFFSET])
        bad_off = l1_is_nonsense(&g->s);
    if (g->forced[G_L1_OFFSET])
        bad_off = false;
    if (g->refused && !n && !h->size) {     /* all that is known of the disk is lost */
        bad_n = !g->forced[G_L1_SIZE];
        bad_off = bad_off || (!h->l1_table_offset && !g->forced[G_L1_OFFSET]);
    }
    if (bad_n || bad_off)
        guess_doubt_refcounts(g);
    if (bad_off)
        find_table(g, !bad_n ? n : needed && needed <= L1_ENTRIES_MAX ? needed : 0);
    else if (bad_n)
        fix_length(g);
    else if (needed && n > needed && !g->refused && !g->forced[G_L1_SIZE])
        propose_length(g);
}
