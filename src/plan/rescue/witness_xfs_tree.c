/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Allocation groups of XFS and their B+trees: what is free, where inodes are. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_xfs.h"

#define LEVELS_MAX      10u
#define WALK_MAX        (1u << 18)      /* blocks of one tree */
#define CHUNK_INODES    64u

/* --- addresses --- */

uint64_t xfs_group_off(const struct xfs *fs, uint64_t group, uint64_t block)
{
    if (group >= fs->super.groups || block >= fs->super.group_blocks)
        return UINT64_MAX;
    return (group * fs->super.group_blocks + block) * fs->super.block;
}

uint64_t xfs_block_off(const struct xfs *fs, uint64_t fsblock)
{
    return xfs_group_off(fs, fsblock >> fs->super.group_bits,
                         fsblock & ((UINT64_C(1) << fs->super.group_bits) - 1));
}

uint64_t xfs_inode_off(const struct xfs *fs, uint64_t ino)
{
    unsigned bits = fs->super.inodes_per_block_bits;
    uint64_t off = xfs_block_off(fs, ino >> bits);

    return off == UINT64_MAX ? off
        : off + (ino & ((UINT64_C(1) << bits) - 1)) * fs->super.inode;
}

/* Reads bytes of the volume. */
static bool xfs_read(struct xfs *fs, uint64_t off, void *dst, size_t len)
{
    return range_inside(off, len, fs->super.blocks * fs->super.block) &&
           rescue_read(fs->g, fs->start + off, dst, len, SURE_LIKELY);
}

/* --- marks --- */

void xfs_mark(struct xfs *fs, uint64_t off, uint64_t len, enum rescue_use use)
{
    uint64_t cluster = rescue_cluster(fs->g), end = fs->super.blocks * fs->super.block, first, n;

    if (off >= end)
        return;
    end = fs->start + off + u64_min(len, end - off);
    first = (fs->start + off) / cluster;
    while (rescue_next_lost(fs->g, &first, &n) && first * cluster < end) {
        uint64_t a = u64_max(first * cluster, fs->start + off);

        fs->news |= rescue_mark(fs->g, a, u64_min((first + n) * cluster, end) - a, use);
        first += n;
    }
}

void xfs_idle(struct xfs *fs, uint64_t off, uint64_t len)
{
    if (fs->n_idle == XFS_RANGES_MAX)
        return;
    if (!list_room(&fs->idle, fs->n_idle, &fs->idle_cap, sizeof *fs->idle)) {
        fs->starved = true;
        return;
    }
    fs->idle[fs->n_idle++] = (struct xfs_range){ off, len };
}

/* --- trees --- */

struct xfs_step {
    uint8_t *block;
    unsigned next;
};

static uint64_t pointer_off(const struct xfs *fs, const struct xfs_tree *t, uint64_t pointer)
{
    return t->wide ? xfs_block_off(fs, pointer) : xfs_group_off(fs, t->group, pointer);
}

/* Reads a block of a tree, which must be of that level, and bear its address in version 5. */
static bool tree_read(struct xfs *fs, const struct xfs_tree *t, uint64_t pointer,
                      unsigned level, uint8_t *dst)
{
    uint64_t off = pointer_off(fs, t, pointer);

    if (off == UINT64_MAX || !xfs_read(fs, off, dst, fs->super.block) ||
        memcmp(dst, t->magic[fs->super.v5], 4) || be16(dst + 4) != level)
        return false;
    return !fs->super.v5 ||
           (be64(dst + (t->wide ? 24 : 16)) == off / 512 &&
            !memcmp(dst + (t->wide ? 40 : 32), fs->super.meta_uuid, 16) &&
            xfs_sum_right(dst, fs->super.block, t->wide ? 64 : 52));
}

/* Bytes of a block's header. */
static uint32_t header_len(const struct xfs *fs, const struct xfs_tree *t)
{
    if (t->wide)
        return fs->super.v5 ? 72 : 24;
    return fs->super.v5 ? 56 : 16;
}

/* The next child of an inner block; false: there is none left. */
static bool next_child(const struct xfs *fs, const struct xfs_tree *t, struct xfs_step *s,
                       uint64_t *pointer)
{
    uint32_t head = header_len(fs, t), wide = t->wide ? 8 : 4;
    uint32_t most = (fs->super.block - head) / (t->key + wide);

    if (s->next >= be16(s->block + 6) || s->next >= most)
        return false;
    *pointer = be_load(s->block + head + (size_t)most * t->key + (size_t)s->next * wide, wide);
    s->next++;
    return true;
}

static void tell_leaf(struct xfs *fs, const struct xfs_tree *t, const uint8_t *block)
{
    uint32_t head = header_len(fs, t), most = (fs->super.block - head) / t->record;

    t->leaf(fs, t->ctx, block + head, (unsigned)u64_min(be16(block + 6), most));
}

static bool walk(struct xfs *fs, const struct xfs_tree *t, struct xfs_step *path,
                 uint64_t root, unsigned top)
{
    unsigned level = top, budget = WALK_MAX;
    bool whole = true;

    if (!tree_read(fs, t, root, top, path[top].block))
        return false;
    path[top].next = 0;
    for (;;) {
        uint64_t pointer;

        if (level && next_child(fs, t, &path[level], &pointer)) {
            if (!budget--)
                return false;
            if (tree_read(fs, t, pointer, level - 1, path[level - 1].block))
                path[--level].next = 0;
            else
                whole = false;
            continue;
        }
        if (!level)
            tell_leaf(fs, t, path[0].block);
        if (level++ == top)
            return whole;
    }
}

bool xfs_tree_walk(struct xfs *fs, const struct xfs_tree *t, uint64_t root, unsigned level)
{
    struct xfs_step path[LEVELS_MAX];
    uint8_t *all;
    bool whole;

    if (level >= LEVELS_MAX)
        return false;
    all = malloc((size_t)LEVELS_MAX * fs->super.block);
    if (!all) {
        fs->starved = true;
        return false;
    }
    for (unsigned i = 0; i < LEVELS_MAX; i++)
        path[i] = (struct xfs_step){ all + (size_t)i * fs->super.block, 0 };
    whole = walk(fs, t, path, root, level);
    free(all);
    return whole;
}

/* --- groups --- */

/* What is being read of one group. */
struct xfs_group {
    uint64_t number, len;       /* len: bytes */
    struct xfs_range *free;     /* owned; bytes of the volume, rising */
    size_t n_free, free_cap;
};

static void free_leaf(struct xfs *fs, void *ctx, const uint8_t *records, unsigned n)
{
    struct xfs_group *ag = ctx;

    for (unsigned i = 0; i < n; i++) {
        uint64_t block = be32(records + i * 8), blocks = be32(records + i * 8 + 4);
        uint64_t off = xfs_group_off(fs, ag->number, block);

        if (off == UINT64_MAX || blocks > fs->super.group_blocks - block)
            continue;
        xfs_mark(fs, off, blocks * fs->super.block, USE_FREE);
        if (!list_room(&ag->free, ag->n_free, &ag->free_cap, sizeof *ag->free)) {
            fs->starved = true;
            return;
        }
        ag->free[ag->n_free++] = (struct xfs_range){ off, blocks * fs->super.block };
    }
}

/* Blocks that the group keeps for its trees are not in use. */
static void tell_reserve(struct xfs *fs, uint64_t number, const uint8_t *agf)
{
    uint32_t first = be32(agf + 40), n = be32(agf + 48), sector = fs->super.sector;
    uint32_t head = fs->super.v5 ? 36 : 0, slots = (sector - head) / 4;
    uint8_t list[4096];

    if (sector > sizeof list || first >= slots || n > slots ||
        !xfs_read(fs, xfs_group_off(fs, number, 0) + 3 * (uint64_t)sector, list, sector) ||
        (fs->super.v5 && memcmp(list, "XAFL", 4)))
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t off = xfs_group_off(fs, number, be32(list + head + (first + i) % slots * 4));

        if (off != UINT64_MAX)
            xfs_idle(fs, off, fs->super.block);
    }
}

static void inode_leaf(struct xfs *fs, void *ctx, const uint8_t *records, unsigned n)
{
    const struct xfs_group *ag = ctx;
    unsigned bits = fs->super.inodes_per_block_bits;
    uint8_t bytes[2048];

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *r = records + i * 16;
        uint64_t free_mask = be64(r + 8);

        for (unsigned k = 0; k < CHUNK_INODES && fs->inodes_left; k++) {
            uint64_t ino = (ag->number << (fs->super.group_bits + bits)) + be32(r) + k;
            uint64_t off = xfs_inode_off(fs, ino);

            if (off == UINT64_MAX || (fs->super.sparse && be16(r + 4) >> k / 4 & 1))
                continue;
            xfs_mark(fs, off, 2, USE_CONTENT);
            xfs_mark(fs, off, fs->super.inode, USE_DATA);
            if (free_mask >> k & 1)
                continue;
            fs->inodes_left--;
            if (!xfs_read(fs, off, bytes, fs->super.inode) || memcmp(bytes, "IN", 2))
                fs->whole = false;
            else if (!fs->super.v5 || (be64(bytes + 152) == ino &&
                                       xfs_sum_right(bytes, fs->super.inode, 100)))
                xfs_inode_tell(fs, ino, bytes);
        }
    }
}

static bool header_of(struct xfs *fs, uint64_t number, unsigned sector, const char *magic,
                      uint8_t *dst)
{
    return fs->super.sector <= 4096 &&
           xfs_read(fs, xfs_group_off(fs, number, 0) + sector * (uint64_t)fs->super.sector, dst,
                    fs->super.sector) && !memcmp(dst, magic, 4) && be32(dst + 8) == number;
}

static int by_off(const void *a, const void *b)
{
    const struct xfs_range *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

/* What is neither free nor idle is in use. */
static void mark_rest(struct xfs *fs, const struct xfs_group *ag)
{
    uint64_t at = xfs_group_off(fs, ag->number, 0), end = at + ag->len;
    size_t i = 0, k = 0;

    while (at < end) {
        const struct xfs_range *next = NULL;

        if (i < ag->n_free)
            next = &ag->free[i];
        if (k < fs->n_idle && (!next || fs->idle[k].off < next->off))
            next = &fs->idle[k++];
        else if (next)
            i++;
        if (!next || next->off >= end) {
            xfs_mark(fs, at, end - at, USE_DATA);
            return;
        }
        if (next->off > at)
            xfs_mark(fs, at, next->off - at, USE_DATA);
        at = u64_max(at, next->off + next->len);
    }
}

/* The log is used from its start, again and again. */
static void tell_log(struct xfs *fs)
{
    uint64_t off = xfs_block_off(fs, fs->super.log_start);

    if (!fs->super.log_start || off == UINT64_MAX)
        return;
    if (fs->w->log_cycle_max <= 1)
        xfs_idle(fs, off, fs->super.log_blocks * (uint64_t)fs->super.block);
}

static bool group_free(struct xfs *fs, struct xfs_group *ag)
{
    const struct xfs_tree tree = { { "ABTB", "AB3B" }, 8, 8, false, ag->number, free_leaf, ag };
    uint8_t agf[4096];

    if (!header_of(fs, ag->number, 1, "XAGF", agf))
        return false;
    tell_reserve(fs, ag->number, agf);
    return be32(agf + 28) > 0 && xfs_tree_walk(fs, &tree, be32(agf + 16), be32(agf + 28) - 1);
}

static bool group_inodes(struct xfs *fs, struct xfs_group *ag)
{
    const struct xfs_tree tree = { { "IABT", "IAB3" }, 16, 4, false, ag->number, inode_leaf, ag };
    uint8_t agi[4096];

    return header_of(fs, ag->number, 2, "XAGI", agi) && be32(agi + 24) > 0 &&
           xfs_tree_walk(fs, &tree, be32(agi + 20), be32(agi + 24) - 1);
}

void xfs_tell(struct xfs *fs)
{
    struct xfs_group *ag = calloc(fs->super.groups, sizeof *ag);
    bool inodes = true;

    if (!ag) {
        fs->starved = true;
        return;
    }
    tell_log(fs);
    for (uint32_t i = 0; i < fs->super.groups; i++) {
        uint64_t blocks = fs->super.blocks - (uint64_t)i * fs->super.group_blocks;

        ag[i].number = i;
        ag[i].len = u64_min(blocks, fs->super.group_blocks) * fs->super.block;
        /* Headers of a group, and nothing of a super block is zeros at its start. */
        for (unsigned k = 0; k < 4; k++)
            xfs_mark(fs, xfs_group_off(fs, i, 0) + k * (uint64_t)fs->super.sector, 1,
                     USE_CONTENT);
        inodes &= group_inodes(fs, &ag[i]);
    }
    inodes &= fs->whole;
    if (fs->n_idle)
        qsort(fs->idle, fs->n_idle, sizeof *fs->idle, by_off);
    for (uint32_t i = 0; i < fs->super.groups; i++) {
        bool all = group_free(fs, &ag[i]);

        fs->whole &= all;
        /* Until all inodes are read, more of it may turn out as unwritten. */
        if (all && (inodes || fs->w->rounds > 2))
            mark_rest(fs, &ag[i]);
        free(ag[i].free);
    }
    for (size_t i = 0; i < fs->n_idle; i++)
        xfs_mark(fs, fs->idle[i].off, fs->idle[i].len, USE_FREE);
    free(ag);
    fs->whole &= inodes;
}
