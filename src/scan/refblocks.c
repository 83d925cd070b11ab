/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The refcount blocks: read once for the COPIED rule, counted as references themselves,
 * and compared with what was counted. Spec: "Host cluster management". */
#include "config.h"

#include "scan/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define ONES_AT_ONCE    32

static uint64_t block_off(const struct engine *e, uint64_t i)
{
    return i < e->img->reftable_n ? e->img->reftable[i] & REFTABLE_OFFSET_MASK : 0;
}

bool engine_stored_is_one(const struct engine *e, uint64_t k, bool *is_one)
{
    uint64_t stored;

    if (k < e->geo->n_clusters) {
        uint64_t i = k >> e->geo->refblock_bits;

        *is_one = false;
        if (i >= e->n_blocks)
            return true;
        if (e->block[i] == BLOCK_BAD || e->block[i] == BLOCK_UNREADABLE)
            return false;
        *is_one = cells_flag(e->cells, k);
        return true;
    }
    if (k >> e->geo->refblock_bits >= e->img->reftable_n) {
        *is_one = false;                    /* past all that refcounts can describe */
        return true;
    }
    switch (refcache_get(e->refcache, k, &stored)) {
    case STORED_OK:
        *is_one = stored == 1;
        return true;
    case STORED_NO_BLOCK:
        *is_one = false;
        return true;
    default:
        return false;
    }
}

/* --- first reading --- */

struct first_pass {
    struct engine *e;
    _Atomic uint64_t next;
    _Atomic uint64_t read;          /* blocks */
    _Atomic uint64_t past_end;      /* non-zero refcounts of clusters after the file */
    _Atomic bool failed;
};

/* Are the bytes that hold entries [j, j + n) of a block zeros? */
static bool all_zero(const uint8_t *block, uint32_t order, uint64_t j, uint64_t n)
{
    const uint8_t *p = block + ((j << order) / 8);

    return bytes_all_zero(p, (size_t)(div_up((j + n) << order, 8) - (j << order) / 8));
}

/* One 16-bit refcount. Returns its bits but the lowest. */
static inline uint16_t flag_one(uint8_t *cell, const uint8_t *refcount)
{
    *cell |= (uint8_t)((refcount[0] == 0 && refcount[1] == 1) << 7);
    return (uint16_t)(refcount[0] << 8 | (refcount[1] & 0xfe));
}

/* The same for some of them, in a shape that compilers make vector instructions of. */
static uint16_t flag_some_ones(uint8_t *restrict cell, const uint8_t *restrict refcount)
{
    uint16_t v[ONES_AT_ONCE], others = 0;
    uint16_t one;

    memcpy(&one, (const uint8_t[]){ 0, 1 }, sizeof one);
    memcpy(v, refcount, sizeof v);
    for (unsigned k = 0; k < ONES_AT_ONCE; k++)
        others |= v[k] & (uint16_t)~one;
    for (unsigned k = 0; k < ONES_AT_ONCE; k++)
        cell[k] |= (uint8_t)((v[k] == one) << 7);
    return others;
}

/* Flags the cells of the clusters whose stored refcount is 1, and says whether the block
 * holds anything but 0 and 1. Entries [from, to) of the block, whose first cluster is
 * `first`. False when memory runs out. */
static bool flag_ones(struct engine *e, uint64_t first, uint64_t from, uint64_t to,
                      const uint8_t *block, uint64_t *others)
{
    uint32_t order = e->geo->refcount_order;

    for (uint64_t j = from, m; j < to; j += m) {
        uint64_t cl = first + j, in_chunk = CHUNK_CELLS - (cl & (CHUNK_CELLS - 1));
        uint8_t *cell;

        m = u64_min(in_chunk, to - j);
        if (all_zero(block, order, j, m))
            continue;
        cell = cells_chunk_touch(e->cells, cl >> CHUNK_BITS);
        if (!cell)
            return false;
        cell += cl & (CHUNK_CELLS - 1);
        if (order == 4) {
            uint64_t k = 0;

            for (; k + ONES_AT_ONCE <= m; k += ONES_AT_ONCE)
                *others |= flag_some_ones(cell + k, block + (j + k) * 2);
            for (; k < m; k++)
                *others |= flag_one(cell + k, block + (j + k) * 2);
        } else {
            for (uint64_t k = 0; k < m; k++) {
                uint64_t v = refblock_get(block, order, j + k);

                cell[k] |= (uint8_t)((v == 1) << 7);
                *others |= v & ~UINT64_C(1);
            }
        }
    }
    return true;
}

/* Block i, table k of the reader's batch: what lies in holes of the file are zeros. */
static void first_block(struct first_pass *fp, uint64_t i, const struct reader *rd, size_t k)
{
    struct engine *e = fp->e;
    const struct geometry *geo = e->geo;
    const struct reader_extent *x = reader_extents(rd, k);
    const uint8_t *block = reader_table(rd, k);
    uint64_t first = i << geo->refblock_bits, others = 0, beyond = 0;
    uint64_t n = u64_min(geo->refblock_entries, geo->n_clusters - first);
    bool ok = true;

    fp->read++;
    if (rd->bad[k].len) {
        e->block[i] = BLOCK_UNREADABLE;
        return;
    }
    for (unsigned m = 0; ok && m < rd->n_extents[k]; m++) {
        uint64_t from = (uint64_t)x[m].start * 8 >> geo->refcount_order;
        uint64_t to = (uint64_t)x[m].end * 8 >> geo->refcount_order;

        ok = flag_ones(e, first, from, u64_min(to, n), block, &others);
        for (uint64_t j = u64_max(from, n); j < to; j++)
            beyond += refblock_get(block, geo->refcount_order, j) != 0;
    }
    e->block[i] = (uint8_t)(!ok ? BLOCK_UNREADABLE : others ? BLOCK_MIXED : BLOCK_SIMPLE);
    if (beyond)
        fp->past_end += beyond;
}

/* Blocks from *i on that must be read, max at most, into `index` and `off`; of the others it is
 * said what they are. Returns how many; 0: *i is `end`. */
static size_t blocks_to_read(struct engine *e, uint64_t *i, uint64_t end, size_t max,
                             uint64_t *index, uint64_t *off)
{
    size_t n = 0;

    for (; *i < end && n < max; ++*i) {
        uint64_t at = block_off(e, *i);

        if (!at) {
            if (reftable_entry_lost(e->img, *i))
                e->block[*i] = BLOCK_UNREADABLE;
        } else if (at & (e->geo->cluster_size - 1)
                   || at > READ_OFFSET_MAX - e->geo->cluster_size) {
            e->block[*i] = BLOCK_BAD;
        } else if (at >= e->geo->file_len) {
            e->block[*i] = BLOCK_SIMPLE;        /* past the end: zeros */
        } else {
            index[n] = *i;
            off[n++] = at;
        }
    }
    return n;
}

static void first_worker(void *ctx, unsigned worker)
{
    struct first_pass *fp = ctx;
    struct engine *e = fp->e;
    struct reader rd;
    bool ready = reader_init(&rd, e->img, e->geo->cluster_size, e->threads);
    uint64_t *index = ready ? calloc(rd.max, sizeof *index) : NULL;
    uint64_t *off = ready ? calloc(rd.max, sizeof *off) : NULL;
    /* Blocks that share a chunk of cells go to one worker. */
    uint64_t grab = round_up(rd.max, u64_max(1, CHUNK_CELLS >> e->geo->refblock_bits));

    (void)worker;
    rd.leave_holes = true;
    if (!index || !off)
        fp->failed = true;
    while (!fp->failed && !engine_cancelled(e)) {
        uint64_t i = atomic_fetch_add(&fp->next, grab), end = u64_min(i + grab, e->n_blocks);
        size_t n;

        if (i >= e->n_blocks)
            break;
        while ((n = blocks_to_read(e, &i, end, rd.max, index, off)) > 0) {
            reader_fetch(&rd, off, n);
            for (size_t k = 0; k < n; k++)
                first_block(fp, index[k], &rd, k);
            engine_done(e, n);
        }
    }
    free(index);
    free(off);
    reader_free(&rd);
}

/* Reads those blocks once more, to know which bytes of them it is. */
static bool tell_unreadable(struct engine *e)
{
    size_t cs = (size_t)e->geo->cluster_size;
    uint8_t *block = malloc(cs);

    if (!block)
        return false;
    for (uint64_t i = 0; i < e->n_blocks; i++) {
        struct place place = { PLACE_REFBLOCK, 0, i, 0, block_off(e, i), NO_ADDRESS };
        struct source_span bad;

        if (e->block[i] != BLOCK_UNREADABLE || reftable_entry_lost(e->img, i))
            continue;
        if (source_read_known(e->img->src, place.file_off, block, cs, &bad))
            bad = (struct source_span){ place.file_off, cs };
        engine_unreadable(e, &place, bad, "refcount block");
    }
    free(block);
    return true;
}

bool pass_refblocks(struct engine *e, struct error *err)
{
    struct first_pass fp = { .e = e };
    uint64_t covered = div_up(e->geo->n_clusters, e->geo->refblock_entries);

    e->n_blocks = u64_min(covered, e->img->reftable_n);
    e->block = calloc(e->n_blocks ? e->n_blocks : 1, 1);
    if (!e->block)
        return err_set(err, ERR_NOMEM, "out of memory");
    engine_phase(e, PHASE_REFBLOCKS, e->n_blocks);
    if (!team_run(e->cells->flat ? e->threads : 1, NULL, first_worker, &fp, err))
        return false;
    if (fp.failed || e->cells->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    e->res->stats.refblocks = fp.read;
    e->flags_known = true;
    for (uint64_t i = 0; i < e->n_blocks; i++)
        e->flags_known &= e->block[i] != BLOCK_BAD && e->block[i] != BLOCK_UNREADABLE;
    if (!tell_unreadable(e))
        return err_set(err, ERR_NOMEM, "out of memory");
    if (fp.past_end) {
        struct place place = { PLACE_REFBLOCK, 0, e->geo->n_clusters >> e->geo->refblock_bits,
                               e->geo->n_clusters & (e->geo->refblock_entries - 1),
                               NO_ADDRESS, NO_ADDRESS };

        place_complete(e->img, &place);
        problem_note(&e->res->problems, PROBLEM_REFCOUNT_PAST_END, &place, fp.past_end, 0,
                     NULL);
    }
    return true;
}

/* --- blocks as references (QEMU does this after everything else) --- */

/* Refcount table entry i, which is `raw` and not 0. */
static void count_refblock(struct engine *e, uint64_t i, uint64_t raw)
{
    const struct geometry *geo = e->geo;
    uint64_t off = raw & REFTABLE_OFFSET_MASK, cl = geo_cluster_of(geo, off);
    struct problem p = {
        .place = { PLACE_REFTABLE, 0, i, 0, e->img->hdr.refcount_table_offset + i * 8,
                   NO_ADDRESS },
        .count = 1, .qemu_count = 1, .host_off = off, .guest_off = NO_ADDRESS,
        .found = raw,
    };
    struct state state;

    if (raw & REFTABLE_RESERVED_MASK) {
        p.kind = PROBLEM_REFTABLE_RESERVED;
        problems_add(&e->res->problems, &p);
        return;
    }
    if (off & (geo->cluster_size - 1)) {
        p.kind = PROBLEM_REFBLOCK_MISALIGNED;
        problems_add(&e->res->problems, &p);
        return;
    }
    if (cl >= geo->n_clusters + e->grown
        || !engine_count(e, off, geo->cluster_size, OWNER_REFBLOCK, 1)) {
        p.kind = PROBLEM_REFBLOCK_PAST_END;
        p.expected = geo->file_size;
        problems_add(&e->res->problems, &p);
        return;
    }
    state = cells_get(e->cells, cl);
    if (cells_is_lost(e->cells, cl))
        state.count = COUNTED_UNKNOWN;      /* two at least */
    if (u64_min(state.count, geo->refcount_max) != 1) {
        p.kind = PROBLEM_REFBLOCK_SHARED;
        p.found = state.count;
        p.expected = 1;
        p.owners = state.owners;
        problems_add(&e->res->problems, &p);
    }
}

void count_refblocks(struct engine *e)
{
    for (uint64_t i = 0; i < e->img->reftable_n; i++) {
        if (e->img->reftable[i])
            count_refblock(e, i, e->img->reftable[i]);
    }
}
