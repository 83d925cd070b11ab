/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the trees of btrfs say: which bytes are in use, what their checksums are, which are
 * pieces of files. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/crc.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_btrfs.h"

enum {
    TREE_EXTENTS = 2, TREE_FILES = 5, FIRST_SUBVOLUME = 256,
    TYPE_INODE = 1, TYPE_FILE_EXTENT = 108, TYPE_SUM = 128, TYPE_ROOT = 132,
    TYPE_EXTENT = 168, TYPE_METADATA = 169,
};
#define SUBVOLUMES_MAX 64u
#define ROOT_LEN 239u

struct tree { uint64_t id, root, generation; unsigned level; };

/* What is being gathered while trees are walked. */
struct gather {
    struct tree tree[SUBVOLUMES_MAX + 2];
    size_t n_trees;
    uint64_t cursor;            /* logical end of the last extent that was told */
    bool news, starved, whole;
    uint64_t ino, ino_len;      /* the inode that was seen last */
    uint64_t subvolume;
    uint32_t zero_crc;          /* of a sector of zeros */
};

static void root_leaf(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap)
{
    struct gather *t = ctx;
    struct btrfs_item item;

    (void)gap;
    for (uint32_t i = 0; btrfs_item(fs, leaf, i, &item); i++) {
        bool wanted = item.objectid == TREE_EXTENTS || item.objectid == TREE_FILES ||
                      item.objectid == BTRFS_SUMS ||
                      (item.objectid >= FIRST_SUBVOLUME && item.objectid <= UINT64_MAX - 256);

        if (item.type != TYPE_ROOT || !wanted || item.len < ROOT_LEN ||
            t->n_trees == sizeof t->tree / sizeof *t->tree)
            continue;
        t->tree[t->n_trees++] = (struct tree){ item.objectid, le_load(item.at + 176, 8),
                                               le_load(item.at + 160, 8), item.at[238] };
    }
}

static const struct tree *tree_of(const struct gather *t, uint64_t id)
{
    for (size_t i = 0; i < t->n_trees; i++)
        if (t->tree[i].id == id)
            return &t->tree[i];
    return NULL;
}

/* --- checksums --- */

static bool sum_keep(struct btrfs *fs, uint32_t crc, uint64_t device_off, uint32_t age)
{
    if (!list_room(&fs->sum, fs->n_sums, &fs->sums_cap, sizeof *fs->sum))
        return false;
    fs->sum[fs->n_sums++] = (struct btrfs_sum){
        crc, (uint32_t)(device_off / fs->super.sector), age
    };
    return true;
}

const struct btrfs_sum *btrfs_sum_at(const struct btrfs *fs, uint64_t block)
{
    size_t lo;

    BISECT(lo, fs->n_sums, mid, fs->sum[mid].block >= block);
    return lo < fs->n_sums && fs->sum[lo].block == block ? &fs->sum[lo] : NULL;
}

/* The sums of a leaf. */
static bool sums_of(struct btrfs *fs, const uint8_t *leaf, uint32_t age)
{
    struct btrfs_item item;

    for (uint32_t i = 0; btrfs_item(fs, leaf, i, &item); i++)
        for (uint32_t k = 0; item.type == TYPE_SUM && k < item.len / 4; k++) {
            uint64_t logical = item.offset + k * (uint64_t)fs->super.sector;
            uint64_t place[STRIPES_MAX], left;
            unsigned n = btrfs_places(fs, logical, place, &left);

            for (unsigned s = 0; s < n && fs->n_sums < SUMS_MAX; s++)
                if (place[s] / fs->super.sector <= UINT32_MAX &&
                    rescue_lost(fs->g, (fs->start + place[s]) / rescue_cluster(fs->g)) &&
                    !sum_keep(fs, (uint32_t)le_load(item.at + k * 4, 4), place[s], age))
                    return false;
        }
    return true;
}

static void sum_leaf(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap)
{
    struct gather *t = ctx;

    (void)gap;
    if (!sums_of(fs, leaf, 0))
        t->starved = true;
}

static int by_block(const void *a, const void *b)
{
    const struct btrfs_sum *x = a, *y = b;

    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return x->age < y->age ? -1 : x->age > y->age;
}

static void sums_settle(struct btrfs *fs)
{
    size_t m = 0;

    if (fs->n_sums)
        qsort(fs->sum, fs->n_sums, sizeof *fs->sum, by_block);
    for (size_t i = 0; i < fs->n_sums; i++)
        if (!m || fs->sum[m - 1].block != fs->sum[i].block)
            fs->sum[m++] = fs->sum[i];
    fs->n_sums = m;
}

static int newest_first(const void *a, const void *b)
{
    const struct btrfs_seen *const *x = a, *const *y = b;

    if ((*x)->generation != (*y)->generation)
        return (*x)->generation > (*y)->generation ? -1 : 1;
    return (*x)->logical < (*y)->logical ? -1 : (*x)->logical > (*y)->logical;
}

bool btrfs_old_sums(struct btrfs *fs)
{
    const struct btrfs_witness *w = fs->w;
    const struct btrfs_seen **old = malloc((w->n_seen + 1) * sizeof *old);
    uint8_t *node = malloc(fs->super.node);
    bool ok = old && node;
    size_t n = 0;

    for (size_t i = 0; ok && i < w->n_seen; i++)
        if (w->seen[i].sums && w->seen[i].proved &&
            !memcmp(w->fsid[w->seen[i].fsid], fs->super.node_fsid, 16))
            old[n++] = &w->seen[i];
    if (n)
        qsort(old, n, sizeof *old, newest_first);
    for (size_t i = 0; ok && i < n; i++)
        if (btrfs_node_of_candidates(fs, old[i], node))
            ok = sums_of(fs, node, (uint32_t)(i + 1));
    sums_settle(fs);
    free(old);
    free(node);
    return ok;
}

/* --- use --- */

/* A range that is in use: sectors with a sum hold something, or zeros that are not stored. */
static void mark_used(struct btrfs *fs, struct gather *t, uint64_t device_off, uint64_t len)
{
    uint32_t sector = fs->super.sector;

    for (uint64_t off = device_off; off < device_off + len; off += sector) {
        const struct btrfs_sum *sum = btrfs_sum_at(fs, off / sector);

        t->news |= rescue_mark(fs->g, fs->start + off, sector, !sum ? USE_DATA
                               : sum->crc == t->zero_crc ? USE_FREE : USE_CONTENT);
    }
}

/* Marks the lost parts of [from, to), bytes of the disk. */
static void mark_lost(struct btrfs *fs, struct gather *t, uint64_t from, uint64_t to, bool used)
{
    uint64_t cluster = rescue_cluster(fs->g), first = from / cluster, n;

    while (rescue_next_lost(fs->g, &first, &n) && first * cluster < to) {
        uint64_t a = u64_max(first * cluster, from), b = u64_min((first + n) * cluster, to);

        if (used)
            mark_used(fs, t, a - fs->start, b - a);
        else
            t->news |= rescue_mark(fs->g, a, b - a, USE_FREE);
        first += n;
    }
}

/* Marks [from, to) of the logical addresses at each place where it lies. */
static void mark_logical(struct btrfs *fs, struct gather *t, uint64_t from, uint64_t to,
                         bool used)
{
    for (size_t i = 0; i < fs->n_chunks; i++) {
        const struct btrfs_chunk *c = &fs->chunk[i];
        uint64_t a = u64_max(from, c->logical), b = u64_min(to, c->logical + c->len);

        for (unsigned k = 0; c->mirrored && a < b && k < c->n_stripes; k++) {
            uint64_t off = fs->start + c->stripe[k] + (a - c->logical);

            mark_lost(fs, t, off, off + (b - a), used);
        }
    }
}

static void extent_leaf(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap)
{
    struct gather *t = ctx;
    struct btrfs_item item;

    for (uint32_t i = 0; btrfs_item(fs, leaf, i, &item); i++) {
        uint64_t len = item.type == TYPE_METADATA ? fs->super.node : item.offset, end;

        if ((item.type != TYPE_EXTENT && item.type != TYPE_METADATA) ||
            !u64_add(item.objectid, len, &end))
            continue;
        if (!gap && item.objectid > t->cursor)
            mark_logical(fs, t, t->cursor, item.objectid, false);
        gap = false;
        if (end > t->cursor)
            mark_logical(fs, t, u64_max(item.objectid, t->cursor), end, true);
        t->cursor = u64_max(t->cursor, end);
    }
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* What is in no chunk is free, but for the copies of the super block. */
static void mark_outside(struct btrfs *fs, struct gather *t)
{
    static const uint64_t super_at[] = { 64 << 10, 64 << 20, UINT64_C(256) << 30 };
    uint64_t (*used)[2] = malloc((fs->n_chunks * STRIPES_MAX + 3) * sizeof *used), at = 0;
    size_t n = 0;

    if (!used) {
        t->starved = true;
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        used[n][0] = super_at[i];
        used[n++][1] = super_at[i] + 4096;
        if (super_at[i] < fs->super.total_len)
            t->news |= rescue_mark(fs->g, fs->start + super_at[i], 512, USE_CONTENT);
    }
    for (size_t i = 0; i < fs->n_chunks; i++)
        for (unsigned k = 0; k < fs->chunk[i].n_stripes; k++) {
            used[n][0] = fs->chunk[i].stripe[k];
            used[n][1] = used[n][0] + fs->chunk[i].len;
            n++;
        }
    qsort(used, n, sizeof *used, by_number);
    for (size_t i = 0; i <= n; i++) {
        uint64_t end = i < n ? u64_min(used[i][0], fs->super.total_len) : fs->super.total_len;

        if (end > at)
            mark_lost(fs, t, fs->start + at, fs->start + end, false);
        if (i < n)
            at = u64_max(at, used[i][1]);
    }
    free(used);
}

static void mark_extents(struct btrfs *fs, struct gather *t)
{
    const struct tree *tree = tree_of(t, TREE_EXTENTS);
    bool plain = fs->chunks_whole;

    t->cursor = 0;
    if (tree && btrfs_walk(fs, tree->root, tree->generation, tree->level, extent_leaf, t))
        mark_logical(fs, t, t->cursor, UINT64_MAX, false);
    else
        t->whole = false;
    for (size_t i = 0; i < fs->n_chunks; i++)
        plain &= fs->chunk[i].mirrored;
    if (plain)
        mark_outside(fs, t);
}

/* --- files --- */

/* Files without sums only: where there are sums, they say more. */
static void file_leaf(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap)
{
    struct gather *t = ctx;
    struct btrfs_item item;

    (void)gap;
    for (uint32_t i = 0; btrfs_item(fs, leaf, i, &item); i++) {
        uint64_t place[STRIPES_MAX], left, logical, len;
        unsigned n;

        if (item.type == TYPE_INODE && item.len >= 24) {
            t->ino = item.objectid;
            t->ino_len = le_load(item.at + 16, 8);
        }
        if (item.type != TYPE_FILE_EXTENT || item.len < 53 || item.objectid != t->ino ||
            item.at[16] || item.at[20] != 1 || !le_load(item.at + 21, 8) ||
            !u64_add(le_load(item.at + 21, 8), le_load(item.at + 37, 8), &logical))
            continue;
        len = le_load(item.at + 45, 8);
        n = btrfs_places(fs, logical, place, &left);
        for (unsigned k = 0; k < n && len <= left; k++)
            if (!btrfs_sum_at(fs, place[k] / fs->super.sector))
                rescue_extent(fs->g, t->subvolume << 32 ^ t->ino, item.offset,
                              fs->start + place[k], len, t->ino_len, NULL);
    }
}

bool btrfs_tell(struct btrfs *fs, bool *news, bool *whole, struct error *err)
{
    struct gather t = { .whole = fs->chunks_whole };
    uint8_t *zeros = calloc(1, fs->super.sector);
    const struct tree *tree;

    if (!zeros)
        return err_set(err, ERR_NOMEM, "out of memory");
    t.zero_crc = ~crc32c(UINT32_MAX, zeros, fs->super.sector);
    free(zeros);
    t.whole &= btrfs_walk(fs, fs->super.root, fs->super.generation, fs->super.root_level,
                          root_leaf, &t);
    tree = fs->super.csum_type ? NULL : tree_of(&t, BTRFS_SUMS);
    if (tree && !btrfs_walk(fs, tree->root, tree->generation, tree->level, sum_leaf, &t))
        t.whole = false;
    sums_settle(fs);
    mark_extents(fs, &t);
    for (size_t i = 0; i < t.n_trees; i++) {
        t.subvolume = t.tree[i].id;
        if (t.subvolume == TREE_FILES || t.subvolume >= FIRST_SUBVOLUME)
            t.whole &= btrfs_walk(fs, t.tree[i].root, t.tree[i].generation, t.tree[i].level,
                                  file_leaf, &t);
    }
    if (t.starved)
        return err_set(err, ERR_NOMEM, "out of memory");
    *news |= t.news;
    *whole = t.whole;
    return true;
}
