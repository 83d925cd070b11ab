/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* From inodes to the blocks of their files. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"
#include "insight/content.h"
#include "plan/rescue/witness_ext.h"

enum {
    FLAG_EXTENTS = 0x80000, FLAG_INLINE = 0x10000000,
    INODE_ROOT = 2, INODE_RESIZE = 7, INODE_JOURNAL = 8,
    TYPE_DIR = 4, TYPE_FILE = 8, TYPE_LINK = 10,
};

struct ext_walk {
    struct ext_fs *fs;
    struct rescue_guest *g;
    bool *news;
    uint32_t inode, seed;
    unsigned type;
    uint64_t size;
    const char *name;           /* or NULL */
    bool dirs;                  /* this time only directories */
    bool maps;                  /* what maps it counts, but not its data */
    bool unused;                /* the journal, and nothing was ever written to it */
    bool complete;              /* all that maps it was read */
};

/* --- names --- */

static int by_inode(const void *a, const void *b)
{
    const struct ext_name *x = a, *y = b;

    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void name_add(struct ext_fs *fs, uint32_t inode, const uint8_t *p, size_t len)
{
    if (fs->n_names == fs->names_cap) {
        size_t cap = fs->names_cap ? fs->names_cap * 2 : 256;
        struct ext_name *more = cap <= EXT_NAMES_MAX ? realloc(fs->name, cap * sizeof *more)
                                                     : NULL;

        if (!more)
            return;
        fs->name = more;
        fs->names_cap = cap;
    }
    if (fs->text_cap - fs->text_len < len + 1) {
        size_t cap = fs->text_cap * 2 + 4096;
        char *more = realloc(fs->text, cap);

        if (!more)
            return;
        fs->text = more;
        fs->text_cap = cap;
    }
    memcpy(fs->text + fs->text_len, p, len);
    fs->text[fs->text_len + len] = '\0';
    fs->name[fs->n_names++] = (struct ext_name){ inode, (uint32_t)fs->text_len };
    fs->text_len += len + 1;
}

static const char *name_of(const struct ext_fs *fs, uint32_t inode)
{
    size_t lo;

    BISECT(lo, fs->n_names, mid, fs->name[mid].inode >= inode);
    return lo < fs->n_names && fs->name[lo].inode == inode ? fs->text + fs->name[lo].at : NULL;
}

/* The names in a block of a directory that can be read. */
static void dir_names(struct ext_walk *k, uint64_t block)
{
    struct ext_fs *fs = k->fs;
    uint8_t *p = fs->node[EXT_DEPTH_MAX + 1];

    if (!ext_block_read(fs, k->g, block, p) || !ext_like_dir(p, fs->block))
        return;
    for (size_t at = 0; at + 8 <= fs->block;) {
        size_t rec = (size_t)le_load(p + at + 4, 2), name = p[at + 6];
        uint32_t inode = (uint32_t)le_load(p + at, 4);

        if (inode >= fs->first_inode && name && p[at + 7] != 2)
            name_add(fs, inode, p + at + 8, name);
        if (rec < 8 || rec > fs->block - at)
            return;
        at += rec;
    }
}

/* --- pieces of files --- */

static void item(struct ext_walk *k, enum ext_kind kind, uint64_t block, uint32_t n,
                 uint32_t first, uint8_t level, uint64_t left)
{
    if (k->fs->n_items - k->fs->n_fixed < EXT_ITEMS_MAX)
        ext_item_add(k->fs, &(struct ext_item){
            .block = block, .n = n, .id = k->inode, .seed = k->seed, .first = first,
            .left = (uint32_t)u64_min(left, UINT32_MAX), .kind = (uint8_t)kind,
            .level = level });
}

static void piece(struct ext_walk *k, uint64_t logical, uint64_t block, uint64_t n, bool written)
{
    struct ext_fs *fs = k->fs;
    uint64_t at = fs->off + (block << fs->bits);

    if (k->maps) {                      /* the journal: nothing in it was ever written */
        if (k->unused && logical && n && range_inside(block, n, fs->n_blocks))
            *k->news |= rescue_mark(k->g, at, n << fs->bits, USE_FREE);
        return;
    }
    if (!n || block <= fs->first_block || !range_inside(block, n, fs->n_blocks))
        return;
    if (k->type == TYPE_DIR) {
        item(k, EXT_DIR, block, (uint32_t)u64_min(n, UINT32_MAX), (uint32_t)logical, 0, 0);
        for (uint64_t i = 0; i < n && i < 65536; i++) {
            if (k->dirs)
                dir_names(k, block + i);
            else
                *k->news |= rescue_mark(k->g, at + (i << fs->bits), 8, USE_CONTENT);
        }
    } else if (k->dirs || !written || logical << fs->bits >= k->size) {
        return;
    } else if (k->type == TYPE_LINK) {
        *k->news |= rescue_mark(k->g, at, 1, USE_CONTENT);
    } else {
        rescue_extent(k->g, (uint64_t)(fs->index + 1) << 32 | k->inode, logical << fs->bits,
                      at, n << fs->bits, k->size, k->name);
    }
}

/* --- extent trees --- */

/* A node of an extent tree in memory: leaves become pieces, the rest is for the caller. */
static void leaves(struct ext_walk *k, const uint8_t *p, size_t room)
{
    size_t n = (size_t)u64_min(le_load(p + 2, 2), (room - 12) / 12);

    for (size_t i = 0; i < n; i++) {
        const uint8_t *e = p + 12 + 12 * i;
        uint64_t len = le_load(e + 4, 2);

        piece(k, le_load(e, 4), le_load(e + 6, 2) << 32 | le_load(e + 8, 4),
              len > 32768 ? len - 32768 : len, len <= 32768);
    }
}

/* Reads the node that entry `i` of p leads to; false: it is not known yet. */
static bool child(struct ext_walk *k, const uint8_t *p, size_t i, unsigned depth, uint8_t *dst)
{
    const uint8_t *e = p + 12 + 12 * i;
    uint64_t block = le_load(e + 4, 4) | le_load(e + 8, 2) << 32;

    if (block >= k->fs->n_blocks || !k->fs->nodes_left) {
        k->complete = false;
        return false;
    }
    k->fs->nodes_left--;
    item(k, EXT_EXTENTS, block, 1, (uint32_t)le_load(e, 4), (uint8_t)depth, 0);
    *k->news |= rescue_mark(k->g, k->fs->off + (block << k->fs->bits), 12, USE_CONTENT);
    if (ext_block_read(k->fs, k->g, block, dst) && le_load(dst, 2) == 0xf30a &&
        le_load(dst + 6, 2) == depth)
        return true;
    k->complete = false;
    return false;
}

static void walk_extents(struct ext_walk *k, const uint8_t *root)
{
    const uint8_t *node[EXT_DEPTH_MAX + 1];
    size_t next[EXT_DEPTH_MAX + 1], n[EXT_DEPTH_MAX + 1];
    unsigned depth = (unsigned)le_load(root + 6, 2), level = 0;

    if (le_load(root, 2) != 0xf30a || depth > EXT_DEPTH_MAX) {
        k->complete = false;
        return;
    }
    if (depth == 0) {
        leaves(k, root, 60);
        return;
    }
    node[0] = root;
    next[0] = 0;
    n[0] = (size_t)u64_min(le_load(root + 2, 2), 4);
    for (;;) {
        uint8_t *dst = k->fs->node[level];

        if (next[level] == n[level]) {
            if (!level--)
                return;
            continue;
        }
        if (!child(k, node[level], next[level]++, depth - level - 1, dst))
            continue;
        if (depth - level - 1 == 0) {
            leaves(k, dst, k->fs->block);
            continue;
        }
        level++;
        node[level] = dst;
        next[level] = 0;
        n[level] = (size_t)u64_min(le_load(dst + 2, 2), (k->fs->block - 12) / 12);
    }
}

/* --- blocks listed one by one --- */

/* Joins neighbours to one piece. */
struct joined { uint64_t logical, block, n; };

static void join(struct ext_walk *k, struct joined *j, uint64_t logical, uint64_t block)
{
    if (j->n && block == j->block + j->n && logical == j->logical + j->n) {
        j->n++;
        return;
    }
    piece(k, j->logical, j->block, j->n, true);
    *j = (struct joined){ logical, block, block != 0 };
}

/* The blocks under a block of numbers; `logical`: of the file, moved on past all of them. */
static void walk_indirect(struct ext_walk *k, struct joined *j, uint64_t block, unsigned level,
                          uint64_t *logical, uint64_t end)
{
    uint64_t per = k->fs->block / 4, reach[4] = { 1, per, per * per, per * per * per };
    uint64_t at[4] = { 0 };
    unsigned depth = level;

    /* node[d - 1] holds the block of level d that is being read */
    for (bool enter = true;;) {
        if (enter) {
            bool read = false;

            if (block && block < k->fs->n_blocks && k->fs->nodes_left) {
                k->fs->nodes_left--;
                item(k, EXT_INDIRECT, block, 1, (uint32_t)*logical, (uint8_t)depth,
                     end > *logical ? end - *logical : 0);
                *k->news |= rescue_mark(k->g, k->fs->off + (block << k->fs->bits), 4,
                                        USE_CONTENT);
                read = ext_block_read(k->fs, k->g, block, k->fs->node[depth - 1]);
                k->complete = k->complete && read;
            } else if (block) {
                k->complete = false;
            }
            if (!read) {
                *logical += reach[depth];
                depth++;
            } else {
                at[depth] = 0;
            }
        }
        enter = false;
        if (depth > level)
            return;
        if (at[depth] == per || *logical >= end) {
            depth++;
            continue;
        }
        block = le_load(k->fs->node[depth - 1] + 4 * at[depth]++, 4);
        if (depth > 1) {
            depth--;
            enter = true;
        } else {
            if (block)
                join(k, j, *logical, block);
            ++*logical;
        }
    }
}

static void walk_blocks(struct ext_walk *k, const uint8_t *i_block)
{
    struct joined j = { 0, 0, 0 };
    uint64_t logical, end = div_up(k->size, k->fs->block);

    if (k->inode == INODE_RESIZE) {         /* maps the table that can grow, and is sparse */
        logical = le_load(i_block + 4 * 13, 4);
        if (logical && logical < k->fs->n_blocks)
            *k->news |= rescue_mark(k->g, k->fs->off + (logical << k->fs->bits), 4,
                                    USE_CONTENT);
        return;
    }
    for (logical = 0; logical < 12; logical++)
        if (le_load(i_block + 4 * logical, 4))
            join(k, &j, logical, le_load(i_block + 4 * logical, 4));
    for (unsigned level = 1; level <= 3 && logical < end; level++)
        walk_indirect(k, &j, le_load(i_block + 44 + 4 * level, 4), level, &logical, end);
    piece(k, j.logical, j.block, j.n, true);
}

/* --- inodes --- */

/* Returns whether all is known of it. */
static bool inode_read(struct ext_walk *k, uint32_t number, const uint8_t *p)
{
    struct ext_fs *fs = k->fs;
    uint64_t flags = le_load(p + 32, 4), acl = le_load(p + 104, 4);

    k->inode = number;
    k->type = (unsigned)le_load(p, 2) >> 12;
    k->size = le_load(p + 4, 4) | (k->type == TYPE_FILE ? le_load(p + 108, 4) << 32 : 0);
    k->complete = true;
    if ((k->type != TYPE_DIR && k->type != TYPE_FILE && k->type != TYPE_LINK) ||
        !ext_like_inode(p, fs->inode_size) || (k->dirs && k->type != TYPE_DIR))
        return true;
    k->seed = ext_inode_seed(fs, number, (uint32_t)le_load(p + 100, 4));
    k->name = name_of(fs, number);
    if (acl && acl < fs->n_blocks && !k->dirs)
        *k->news |= rescue_mark(k->g, fs->off + (acl << fs->bits), 32, USE_CONTENT);
    if (flags & FLAG_INLINE || (k->type == TYPE_LINK && k->size < 60))
        return true;
    k->maps = number == INODE_JOURNAL;
    k->unused = k->maps && !(flags & FLAG_EXTENTS) &&
                ext_journal_unused(fs, k->g, le_load(p + 40, 4));
    if (flags & FLAG_EXTENTS)
        walk_extents(k, p + 40);
    else
        walk_blocks(k, p + 40);
    /* A name may turn up in a later round. */
    return k->complete && k->type == TYPE_FILE && (k->name || fs->round > 6);
}

static void itable_read(struct ext_walk *k, uint32_t group)
{
    struct ext_fs *fs = k->fs;
    struct ext_bg *gr = &fs->group[group];
    const uint8_t *map = ext_imap(fs, k->g, group);
    uint8_t p[1024];
    size_t len = fs->inode_size < sizeof p ? fs->inode_size : sizeof p;

    if (!map || gr->flags & EXT_FLAG_INODE_UNINIT)
        return;
    if (!gr->done)
        gr->done = calloc(1, fs->inodes_per_group / 8 + 1);
    if (!gr->done) {
        fs->starved = true;
        return;
    }
    for (uint32_t i = 0; i < fs->inodes_per_group; i++) {
        uint64_t at = fs->off + (gr->itable << fs->bits) + (uint64_t)i * fs->inode_size;

        if (!ext_bit(map, i) || ext_bit(gr->done, i) ||
            !rescue_read(k->g, at, p, len, SURE_LIKELY))
            continue;
        if (inode_read(k, group * fs->inodes_per_group + i + 1, p) && !k->dirs)
            gr->done[i / 8] |= (uint8_t)(1u << i % 8);
    }
}

void ext_inodes_read(struct ext_fs *fs, struct rescue_guest *g, bool *news)
{
    struct ext_walk k = { .fs = fs, .g = g, .news = news };

    fs->round++;
    fs->n_names = 0;
    fs->text_len = 0;
    fs->nodes_left = EXT_NODES_MAX;
    k.dirs = true;
    for (uint32_t i = 0; i < fs->n_groups; i++)
        itable_read(&k, i);
    if (fs->n_names)
        qsort(fs->name, fs->n_names, sizeof *fs->name, by_inode);
    /* The second time reads everything, directories too. */
    fs->n_items = fs->n_fixed;
    k.dirs = false;
    for (uint32_t i = 0; i < fs->n_groups; i++)
        itable_read(&k, i);
    ext_items_sort(fs);
}
