/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Three rounds, each on the outcome of the one before:
 *   1. pointers to blocks that cannot be used become 0, and a refcount table that cannot be
 *      used is written somewhere else;
 *   2. clusters in use that no block describes get one, which may itself need one;
 *   3. the refcounts are written.
 * The second and third are one pass over the map. */
#include "config.h"

#include "plan/refcounts.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/edit.h"
#include "plan/room.h"

/* --- round 1: the table --- */

static bool block_usable(const struct trial *t, uint64_t i)
{
    const struct geometry *geo = &t->img->geo;
    uint64_t entry = t->img->reftable[i], cl = entry >> geo->cluster_bits;
    struct map_cell cell;
    uint8_t byte;

    if (entry & (geo->cluster_size - 1)
        || !range_inside(entry, geo->cluster_size, geo->file_size))
        return false;
    map_get(t->scan->map, cl, &cell);
    if ((cell.owners & OWNER_KINDS) != OWNER_REFBLOCK || cell.counted != 1)
        return false;
    /* A block that cannot be read is found by its bytes; one at each end will do, as a
     * failing sector elsewhere shows when the block is read for good. */
    return source_read(t->img->src, entry, &byte, 1, NULL)
        && source_read(t->img->src, entry + geo->cluster_size - 1, &byte, 1, NULL);
}

/* Entries a table needs to describe the file, and what writing blocks may add to it. */
static uint64_t entries_wanted(const struct geometry *geo)
{
    uint64_t blocks = div_up(geo->n_clusters, geo->refblock_entries);

    return div_up(geo->n_clusters + 2 * blocks + 2, geo->refblock_entries) + 1;
}

/* Does a compressed stream reach into the cluster after the end? QEMU counts that one too. */
static bool counted_beyond(const struct trial *t)
{
    struct map_cell cell;

    map_get(t->scan->map, t->img->geo.n_clusters, &cell);
    return cell.counted;
}

static bool table_usable(const struct trial *t)
{
    const struct image *img = t->img;
    const struct geometry *geo = &img->geo;
    uint64_t off = img->hdr.refcount_table_offset, n = img->hdr.refcount_table_clusters;
    uint64_t len, first = off >> geo->cluster_bits;

    if (off & (geo->cluster_size - 1) || !off || !u64_mul(n, geo->cluster_size, &len)
        || len > REFTABLE_BYTES_MAX || !range_inside(off, len, geo->file_size)
        || img->reftable_bad.len
        || len / 8 < div_up(geo->n_clusters + counted_beyond(t), geo->refblock_entries))
        return false;
    for (uint64_t cl = first; cl < first + n; cl++) {
        struct map_cell cell;

        map_get(t->scan->map, cl, &cell);
        if ((cell.owners & OWNER_KINDS) != OWNER_REFTABLE || cell.counted != 1)
            return false;
    }
    return true;
}

/* Writes the table anew, with its usable entries. */
static bool move_table(struct trial *t, const uint64_t *entry, uint64_t n,
                       struct patches *step, struct error *err)
{
    const struct geometry *geo = &t->img->geo;
    uint64_t wanted = u64_max(entries_wanted(geo), 1), clusters, first;
    struct room space;
    bool ok = false;

    clusters = div_up(wanted * 8, geo->cluster_size);
    if (clusters * geo->cluster_size > REFTABLE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a refcount table for this file would be larger than "
                       "QEMU allows");
    room_init(&space, t);
    if (!room_take(&space, clusters, &first, err))
        goto out;
    patches_zero(step, first << geo->cluster_bits, clusters << geo->cluster_bits);
    for (uint64_t i = 0; i < u64_min(n, clusters * geo->cluster_size / 8); i++)
        if (entry[i])
            edit_entry(step, (first << geo->cluster_bits) + i * 8, entry[i]);
    edit_header(step, "refcount_table_offset", first << geo->cluster_bits);
    edit_header(step, "refcount_table_clusters", clusters);
    room_set_length(&space, step);
    ok = true;
out:
    room_free(&space);
    return ok;
}

static bool mend_table(struct trial *t, struct patches *step, struct refcounts_outcome *out,
                       struct error *err)
{
    const struct image *img = t->img;
    uint64_t n = img->reftable_n;
    uint64_t *entry = calloc(n ? n : 1, sizeof *entry);
    struct patches round = { 0 };
    bool usable = table_usable(t), ok = false;

    if (!entry)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++) {
        entry[i] = img->reftable[i];
        if (!entry[i] || block_usable(t, i))
            continue;
        entry[i] = 0;
        if (usable)
            edit_entry(&round, img->hdr.refcount_table_offset + i * 8, 0);
    }
    out->new_table = !usable;
    if (!usable && !move_table(t, entry, n, &round, err))
        goto out;
    if ((round.n || round.failed) && !trial_take(t, &round, err))
        goto out;
    patches_append(step, &round);
    ok = true;
out:
    patches_free(&round);
    free(entry);
    return ok;
}

/* --- rounds 2 and 3: the blocks --- */

struct blocks {
    struct trial *t;
    struct room space;
    const struct scan_result *before;       /* of refcounts_follow; NULL: none */
    uint64_t n;                     /* refcount table entries */
    uint64_t *off;                  /* host byte of each block; 0: none */
    uint8_t *state;                 /* BLOCK_* of each */
    bool more;                      /* the last new block asked for another one */
};

enum { BLOCK_OLD = 1, BLOCK_NEEDED = 2, BLOCK_NEW = 4 };

static void need(struct blocks *b, uint64_t cl)
{
    uint64_t i = cl >> b->t->img->geo.refblock_bits;

    if (i < b->n && !b->state[i]) {
        b->state[i] = BLOCK_NEEDED;
        b->more = true;
    }
}

static void need_for_counted(struct blocks *b)
{
    const struct map *map = b->t->scan->map;
    uint64_t at = 0, end = b->t->img->geo.n_clusters;
    struct map_run run;

    if (counted_beyond(b->t))
        need(b, end);
    while (at < end && map_run_at(map, at, &run)) {
        uint64_t last = u64_min(run.first + run.n, end) - 1;

        if (run.cell.counted)
            for (uint64_t cl = at; cl <= last;) {
                need(b, cl);
                cl = ((cl >> b->t->img->geo.refblock_bits) + 1)
                    << b->t->img->geo.refblock_bits;
            }
        at = last + 1;
    }
}

/* Gives every block that is needed a place. A place may need a block in turn, so this goes
 * round until none does; each round uses up entries of the table. */
static bool place_blocks(struct blocks *b, struct refcounts_outcome *out, struct error *err)
{
    const struct geometry *geo = &b->t->img->geo;

    while (b->more) {
        b->more = false;
        for (uint64_t i = 0; i < b->n; i++) {
            uint64_t cl;

            if (b->state[i] != BLOCK_NEEDED)
                continue;
            if (!room_take(&b->space, 1, &cl, err))
                return false;
            if (cl >> geo->refblock_bits >= b->n)
                return err_set(err, ERR_LIMIT, "the refcount table has no entry for cluster "
                               "%llu", (unsigned long long)cl);
            b->off[i] = cl << geo->cluster_bits;
            b->state[i] = BLOCK_NEW;
            out->new_blocks++;
            need(b, cl);
        }
    }
    return true;
}

/* The refcount that changes as the number of references did. */
static uint64_t followed_count(const struct blocks *b, uint64_t cl, uint64_t stored,
                               uint64_t now)
{
    struct map_cell was;

    map_get(b->before->map, cl, &was);
    if (was.counted == COUNTED_UNKNOWN || was.counted == now)
        return stored;
    if (was.counted < now)
        return u64_min(stored + (now - was.counted), b->t->img->geo.refcount_max);
    return stored - u64_min(stored, was.counted - now);
}

static uint64_t wanted_count(struct blocks *b, uint64_t cl, uint64_t stored, unsigned goal,
                             struct refcounts_outcome *out, bool *known)
{
    const struct geometry *geo = &b->t->img->geo;
    struct map_cell cell;
    uint64_t want;

    if (room_taken(&b->space, cl))
        return 1;
    map_get(b->t->scan->map, cl, &cell);
    if (cell.counted == COUNTED_UNKNOWN) {
        *known = false;
        return stored;
    }
    if (b->before)
        return followed_count(b, cl, stored, cell.counted);
    want = u64_min(cell.counted, geo->refcount_max);
    if (want < cell.counted)
        out->too_wide++;
    if (want > stored && goal & REFCOUNTS_RAISE) {
        out->raised++;
        return want;
    }
    if (want < stored && goal & REFCOUNTS_LOWER) {
        out->lowered++;
        return want;
    }
    return stored;
}

static bool write_block(struct blocks *b, uint64_t i, unsigned goal, uint8_t *old,
                        uint8_t *now, struct patches *step, struct refcounts_outcome *out,
                        struct error *err)
{
    const struct geometry *geo = &b->t->img->geo;
    uint64_t first = i << geo->refblock_bits;
    size_t len = (size_t)geo->cluster_size;
    bool is_new = b->state[i] == BLOCK_NEW, known = true;

    memset(old, 0, len);
    if (!is_new && !source_read(b->t->img->src, b->off[i], old, len, err))
        return false;
    memcpy(now, old, len);
    if (is_new)
        goal |= REFCOUNTS_RAISE;
    for (uint64_t j = 0; j < geo->refblock_entries; j++) {
        uint64_t stored = refblock_get(old, geo->refcount_order, j);
        uint64_t want;

        if (!stored && first + j >= b->space.end_cl && first + j != geo->n_clusters)
            continue;
        want = wanted_count(b, first + j, stored, goal, out, &known);
        if (!want && is_new && goal & REFCOUNTS_KEEP && first + j < geo->n_clusters
            && !room_reads_as_zeros(b->t->img, first + j))
            want = 1;
        if (want != stored)
            refblock_set(now, geo->refcount_order, j, want);
    }
    if (!known)
        return err_set(err, ERR_LIMIT, "memory was too short to count all references; "
                       "try a larger --memory-limit");
    if (!is_new) {
        edit_difference(step, b->off[i], old, now, len);
        return true;
    }
    patches_write(step, b->off[i], now, len);
    edit_entry(step, b->t->img->hdr.refcount_table_offset + i * 8, b->off[i]);
    return true;
}

static bool write_blocks(struct blocks *b, unsigned goal, struct patches *step,
                         struct refcounts_outcome *out, struct error *err)
{
    size_t len = (size_t)b->t->img->geo.cluster_size;
    uint8_t *old = malloc(len), *now = malloc(len);
    bool ok = old && now;

    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; ok && i < b->n; i++)
        if (b->state[i])
            ok = write_block(b, i, goal, old, now, step, out, err);
    free(old);
    free(now);
    return ok;
}

static bool mend_blocks(struct trial *t, unsigned goal, const struct scan_result *before,
                        struct patches *step, struct refcounts_outcome *out,
                        struct error *err)
{
    struct blocks b = { .t = t, .before = before, .n = t->img->geo.reftable_entries };
    struct patches round = { 0 };
    bool ok = false;

    room_init(&b.space, t);
    b.off = calloc(b.n ? b.n : 1, sizeof *b.off);
    b.state = calloc(b.n ? b.n : 1, 1);
    if (!b.off || !b.state) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (uint64_t i = 0; i < u64_min(b.n, t->img->reftable_n); i++)
        if (t->img->reftable[i]) {
            b.off[i] = t->img->reftable[i];
            b.state[i] = BLOCK_OLD;
        }
    need_for_counted(&b);
    if (!place_blocks(&b, out, err) || !write_blocks(&b, goal, &round, out, err))
        goto out;
    room_set_length(&b.space, &round);
    if ((round.n || round.failed) && !trial_take(t, &round, err))
        goto out;
    patches_append(step, &round);
    ok = true;
out:
    patches_free(&round);
    room_free(&b.space);
    free(b.off);
    free(b.state);
    return ok;
}

bool refcounts_plan(struct trial *trial, unsigned goal, struct patches *step,
                    struct refcounts_outcome *out, struct error *err)
{
    unsigned rounds = 3;
    uint64_t clusters;

    *out = (struct refcounts_outcome){ 0 };
    if (!mend_table(trial, step, out, err))
        return false;
    /* Pointers past the end lead into the file once it has grown. */
    do {
        clusters = trial->img->geo.n_clusters;
        if (!mend_blocks(trial, goal, NULL, step, out, err))
            return false;
    } while (trial->img->geo.n_clusters != clusters && rounds--);
    return true;
}

bool refcounts_follow(struct trial *trial, const struct scan_result *before,
                      struct patches *step, struct error *err)
{
    struct refcounts_outcome out = { 0 };

    return mend_table(trial, step, &out, err)
        && mend_blocks(trial, 0, before, step, &out, err);
}
