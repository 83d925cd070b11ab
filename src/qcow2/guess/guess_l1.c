/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L1 tables, told by what is in them: entries that point to tables of entries. */
#include "config.h"

#include <stdlib.h>

#include "base/limits.h"
#include "qcow2/entry.h"
#include "qcow2/guess/guess_seek.h"
#include "qcow2/snapshot.h"

#define TABLES_TRIED 16                 /* of one L1 table */
#define PROBE 4096                      /* bytes of a cluster that might begin one */
#define TABLES_WALKED 4096              /* L2 tables read to find who maps one cluster */
#define TABLES_BACK 64                  /* L2 tables looked at for the last mapping */

static bool l1_possible(const struct seek *s, uint64_t e)
{
    uint64_t off = e & ENTRY_OFFSET_MASK;

    return !(e & L1_RESERVED_MASK) && off && !(off & (s->geo.cluster_size - 1)) &&
           off < s->file_size;
}

/* Can this be an entry of an L2 table? Unallocated ones are not asked about. */
static bool l2_possible(const struct seek *s, uint64_t e)
{
    const struct geometry *geo = &s->geo;
    uint64_t off = e & ENTRY_OFFSET_MASK;

    if (e & OFLAG_COMPRESSED)
        return !(e & OFLAG_COPIED) && !geo->data_file && compressed_off(geo, e) &&
               compressed_off(geo, e) < s->file_size;
    if (e & L2_RESERVED_MASK || off & (geo->cluster_size - 1))
        return false;
    return geo->data_file || off < s->file_size;
}

enum l2_look { TABLE_GOOD, TABLE_EMPTY, TABLE_BAD };

/* A few damaged entries do not make a table something else. */
static bool few(uint64_t bad, uint64_t used)
{
    return bad * 16 <= used;
}

/* What lies where an L1 entry points to. One of its data clusters must be in use. */
static enum l2_look look_at_l2(struct seek *s, uint64_t off)
{
    uint8_t *page = malloc(SEEK_PAGE);
    size_t len = (size_t)u64_min(s->geo.cluster_size, SEEK_PAGE);
    uint64_t used = 0, bad = 0, real = 0, data = 0;
    enum l2_look kind = TABLE_BAD;

    if (!page || !seek_read(s, off, page, len))
        goto out;
    for (size_t i = 0; i < len; i += s->geo.l2_entry_size) {
        uint64_t e = be64(page + i);

        if (!e)
            continue;
        used++;
        if (!l2_possible(s, e)) {
            bad++;
            continue;
        }
        real += e & (OFLAG_COMPRESSED | OFLAG_COPIED | ENTRY_OFFSET_MASK) ? 1 : 0;
        if (!data && !(e & OFLAG_COMPRESSED))
            data = e & ENTRY_OFFSET_MASK;
    }
    if (few(bad, used) && !real)
        kind = TABLE_EMPTY;
    else if (few(bad, used) && (!data || s->geo.data_file || seek_owned(s, data, false)))
        kind = TABLE_GOOD;
out:
    free(page);
    return kind;
}

/* Looks into up to TABLES_TRIED of the tables that the used entries name. */
static void look_below(struct seek *s, const uint64_t *entry, size_t used,
                       struct l1_found *out)
{
    size_t n = used < TABLES_TRIED ? used : TABLES_TRIED;

    for (size_t i = 0; i < n && out->bad <= 1; i++) {
        uint64_t e = entry[i * used / n], off = e & ENTRY_OFFSET_MASK, count = 0;

        out->looked++;
        if (!s->no_refcounts &&
            (!seek_refcount(s, geo_cluster_of(&s->geo, off), &count) || !count)) {
            out->bad++;
            continue;
        }
        out->flags += s->no_refcounts || (count == 1) == (e >> 63);
        switch (look_at_l2(s, off)) {
        case TABLE_GOOD: out->good++; break;
        case TABLE_EMPTY: out->empty++; break;
        case TABLE_BAD: out->bad++; break;
        }
    }
}

bool l1_look(struct seek *s, uint64_t off, uint64_t n, struct l1_found *out)
{
    size_t look = (size_t)u64_min(n, SEEK_PAGE / 8), used = 0, bad = 0;
    uint64_t len, *entry;
    uint8_t *page;
    bool ok = false;

    *out = (struct l1_found){ .off = off };
    if (!n || n > L1_ENTRIES_MAX || !off || off & (s->geo.cluster_size - 1))
        return false;
    len = n * 8;
    if (!range_inside(off, len, s->file_size) || !seek_owned(s, off, true) ||
        !seek_owned(s, off + len - 8, true))
        return false;
    page = malloc(SEEK_PAGE);
    entry = malloc(SEEK_PAGE);
    if (!page || !entry || !seek_read(s, off, page, look * 8))
        goto out;
    for (size_t i = 0; i < look; i++) {
        uint64_t e = be64(page + i * 8);

        if (!e)
            continue;
        if (!l1_possible(s, e) || (e & ENTRY_OFFSET_MASK) == off)
            bad++;
        else
            entry[used++] = e;
    }
    if (!few(bad, used))
        goto out;
    out->used = used;
    look_below(s, entry, used, out);
    ok = true;
out:
    free(page);
    free(entry);
    return ok;
}

bool l1_convinces(const struct l1_found *l)
{
    return l->good && !l->bad;
}

bool l1_is_nonsense(struct seek *s)
{
    uint8_t bytes[512];
    size_t n = (size_t)u64_min(s->hdr.l1_size, sizeof bytes / 8);
    uint64_t used = 0, good = 0;

    if (!n || !seek_read(s, s->hdr.l1_table_offset, bytes, n * 8))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t e = be64(bytes + i * 8);

        used += e != 0;
        good += l1_possible(s, e);
    }
    return used > 1 && !good;
}

/* --- search --- */

struct l1_job {
    uint64_t n;                         /* entries, 0: unknown */
    const struct snapshots *snaps;
    struct l1_found best;
};

/* Is `a` the better active table? Flags of a snapshot's table are as old as it is. */
static bool better(const struct l1_found *a, const struct l1_found *b)
{
    if (!b->looked || a->flags * b->looked != b->flags * a->looked)
        return !b->looked || a->flags * b->looked > b->flags * a->looked;
    return a->used > b->used;
}

static bool of_snapshot(const struct snapshots *snaps, uint64_t off)
{
    for (size_t i = 0; i < snaps->n; i++)
        if (snaps->list[i].l1_table_offset == off)
            return true;
    return false;
}

static bool of_reftable(const struct seek *s, uint64_t off)
{
    return off >= s->hdr.refcount_table_offset &&
           off - s->hdr.refcount_table_offset < s->geo.reftable_entries * 8;
}

static bool try_cluster(struct seek *s, uint64_t off, const uint8_t *bytes, size_t len,
                        void *data)
{
    struct l1_job *job = data;
    uint64_t n = job->n ? job->n : u64_min(s->geo.cluster_size / 8, SEEK_PAGE / 8);
    struct l1_found found;
    uint64_t used = 0, bad = 0;

    len = (size_t)u64_min(len, u64_min(n * 8, s->file_size - off));
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t e = be64(bytes + i);

        used += e != 0;
        bad += e && !l1_possible(s, e);
    }
    if (!used || !few(bad, used))
        return false;
    n = u64_min(n, (s->file_size - off) / 8);
    if (l1_look(s, off, n, &found) && l1_convinces(&found) &&
        found.flags * 2 >= found.looked && better(&found, &job->best) &&
        !of_snapshot(job->snaps, off) && !of_reftable(s, off))
        job->best = found;
    return false;
}

bool l1_search(struct seek *s, uint64_t n, uint64_t limit, struct l1_found *out,
               bool *searched)
{
    struct snapshots snaps = { 0 };
    struct l1_job job = { n, &snaps, { 0 } };
    uint64_t usual = 3 * s->geo.cluster_size;
    uint64_t first = n ? n : s->geo.cluster_size / 8;
    bool usual_fits;

    if (usual < s->file_size)
        first = u64_min(first, (s->file_size - usual) / 8);
    usual_fits = l1_look(s, usual, first, out);
    *searched = false;
    if (usual_fits && l1_convinces(out) && out->flags == out->looked)
        return true;
    (void)snapshots_read(s->src, &s->hdr, &s->geo, &snaps, NULL);
    seek_sweep(s, (size_t)u64_min(PROBE, s->geo.cluster_size), limit, try_cluster, &job);
    snapshots_free(&snaps);
    if (job.best.looked) {
        *out = job.best;
        *searched = out->off != usual;
        return true;
    }
    return usual_fits && !out->bad && out->flags == out->looked && !s->no_refcounts;
}

/* --- how long, and how much of a disk --- */

/* Entries in use in [first, first + n) of the table; *last is moved to behind the last.
 * False: not an L1 table any more. */
static bool extent_page(struct seek *s, uint64_t off, uint64_t first, size_t n,
                        uint64_t *last)
{
    struct l1_found found;
    uint8_t *page;
    bool ok;

    ok = l1_look(s, off, n, &found) && !found.bad && (!found.used || found.good);
    page = ok ? malloc(SEEK_PAGE) : NULL;
    ok = page && seek_read(s, off, page, n * 8);
    for (size_t i = 0; ok && i < n; i++)
        if (be64(page + i * 8))
            *last = first + i + 1;
    free(page);
    return ok;
}

uint64_t l1_extent(struct seek *s, uint64_t off)
{
    uint64_t per = u64_min(s->geo.cluster_size, SEEK_PAGE) / 8, last = 0;

    for (uint64_t first = 0; first < L1_ENTRIES_MAX; first += per) {
        uint64_t at = off + first * 8;
        size_t n = at < s->file_size ? (size_t)u64_min(per, (s->file_size - at) / 8) : 0;

        /* pages inside a cluster are not asked for their refcounts alone */
        if (!n || at & (s->geo.cluster_size - 1) ||
            !extent_page(s, at, first, n, &last))
            break;
    }
    return last;
}

/* Does something else than an L1 table stand there? Not asked about refcounts. */
static bool something_else(struct seek *s, uint64_t off, uint64_t n)
{
    struct l1_found found;

    return !l1_look(s, off, n, &found) || (found.bad > 1 && !found.good);
}

bool l1_runs_over(struct seek *s, uint64_t needed)
{
    uint64_t cs = s->geo.cluster_size, per = u64_min(cs, SEEK_PAGE) / 8;
    uint64_t off = s->hdr.l1_table_offset, n = s->hdr.l1_size, first;
    bool had = s->no_refcounts, over = false;

    s->no_refcounts = true;
    for (first = round_up(needed * 8, cs) / 8; !over && first < n; first += cs / 8)
        over = something_else(s, off + first * 8, u64_min(per, n - first));
    s->no_refcounts = had;
    return over && s->reads_left;
}

/* Entries of the L2 table up to the last in use; 0: none. */
static uint64_t l2_used(struct seek *s, uint64_t off, uint8_t *page)
{
    uint64_t last = 0, size = s->geo.l2_entry_size;

    for (uint64_t at = 0; at < s->geo.cluster_size; at += SEEK_PAGE) {
        size_t len = (size_t)u64_min(SEEK_PAGE, s->geo.cluster_size - at);

        if (!seek_read(s, off + at, page, len))
            break;
        for (size_t i = 0; i < len; i += size)
            if (be64(page + i) || (size == 16 && be64(page + i + 8)))
                last = (at + i) / size + 1;
    }
    return last;
}

/* Is there an entry of the L2 table at `off` that maps this cluster? */
static bool l2_maps(struct seek *s, uint64_t off, uint64_t host_off, uint8_t *page)
{
    for (uint64_t at = 0; at < s->geo.cluster_size; at += SEEK_PAGE) {
        size_t len = (size_t)u64_min(SEEK_PAGE, s->geo.cluster_size - at);

        if (!seek_read(s, off + at, page, len))
            return false;
        for (size_t i = 0; i < len; i += s->geo.l2_entry_size) {
            uint64_t e = be64(page + i);

            if (!(e & OFLAG_COMPRESSED) && (e & ENTRY_OFFSET_MASK) == host_off)
                return true;
        }
    }
    return false;
}

bool l1_maps(struct seek *s, uint64_t host_off)
{
    uint64_t off = s->hdr.l1_table_offset, tables = 0;
    uint64_t n = u64_min(s->hdr.l1_size, L1_ENTRIES_MAX);
    uint8_t *page = malloc(SEEK_PAGE), word[8];
    bool maps = false;

    if (!page || s->geo.data_file || off >= s->file_size)
        n = 0;
    else
        n = u64_min(n, (s->file_size - off) / 8);
    for (uint64_t i = 0; i < n && !maps && tables < TABLES_WALKED; i++) {
        uint64_t e;

        if (!seek_read(s, off + i * 8, word, 8))
            break;
        e = be64(word);
        if (!l1_possible(s, e))
            continue;
        tables++;
        maps = l2_maps(s, e & ENTRY_OFFSET_MASK, host_off, page);
    }
    free(page);
    return maps;
}

uint64_t l1_mapped_end(struct seek *s, uint64_t off, uint64_t n)
{
    uint8_t *l1 = malloc(SEEK_PAGE), *l2 = malloc(SEEK_PAGE);
    uint64_t end = 0, tables = 0;

    while (l1 && l2 && n && !end) {
        uint64_t first = (n - 1) / (SEEK_PAGE / 8) * (SEEK_PAGE / 8);

        if (!seek_read(s, off + first * 8, l1, (size_t)(n - first) * 8))
            break;
        for (; n > first && !end && tables < TABLES_BACK; n--) {
            uint64_t e = be64(l1 + (n - 1 - first) * 8), used;

            if (!l1_possible(s, e))
                continue;
            tables++;
            used = l2_used(s, e & ENTRY_OFFSET_MASK, l2);
            if (used)
                end = geo_guest_off(&s->geo, n - 1, used);
        }
        if (tables == TABLES_BACK)
            break;
    }
    free(l1);
    free(l2);
    return end == UINT64_MAX ? 0 : end;
}
