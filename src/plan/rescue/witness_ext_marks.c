/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "base/num.h"
#include "plan/rescue/witness_ext.h"

static void mark_bytes(const struct ext_fs *fs, struct rescue_guest *g, uint64_t block,
                       uint64_t from, uint64_t len, enum rescue_use use, bool *news)
{
    *news |= rescue_mark(g, fs->off + (block << fs->bits) + from, len, use);
}

static void mark_blocks(const struct ext_fs *fs, struct rescue_guest *g, uint64_t block,
                        uint64_t n, enum rescue_use use, bool *news)
{
    mark_bytes(fs, g, block, 0, n << fs->bits, use, news);
}

/* `len` bytes at the start of a block hold something, the rest of it nothing. */
static void mark_head(const struct ext_fs *fs, struct rescue_guest *g, uint64_t block,
                      uint64_t len, bool *news)
{
    mark_bytes(fs, g, block, 0, len, USE_CONTENT, news);
    if (len < fs->block)
        mark_bytes(fs, g, block, len, fs->block - len, USE_FREE, news);
}

static void mark_super(const struct ext_fs *fs, struct rescue_guest *g,
                       const struct ext_item *it, bool *news)
{
    if (it->id || fs->bits == 10) {
        mark_head(fs, g, it->block, 1024, news);
        return;
    }
    /* What boots the machine may lie before the first one. */
    mark_bytes(fs, g, it->block, 1024, 1024, USE_CONTENT, news);
    if (fs->block > 2048)
        mark_bytes(fs, g, it->block, 2048, fs->block - 2048, USE_FREE, news);
}

/* Blocks kept for the table to grow: those of the first table list their copies. */
static void mark_reserved(const struct ext_fs *fs, struct rescue_guest *g,
                          const struct ext_item *it, bool *news)
{
    unsigned copies = 0;

    if (it->id) {
        mark_blocks(fs, g, it->block, it->n, USE_FREE, news);
        return;
    }
    for (uint32_t i = 1; i < fs->n_groups && copies < 64; i++)
        copies += ext_has_super(fs, i);
    if (copies)
        for (uint32_t i = 0; i < it->n; i++)
            mark_head(fs, g, it->block + i, (uint64_t)copies * 4, news);
    else
        mark_blocks(fs, g, it->block, it->n, USE_FREE, news);
}

static void mark_itable(struct ext_fs *fs, struct rescue_guest *g, uint32_t group, bool *news)
{
    struct ext_bg *gr = &fs->group[group];
    const uint8_t *map = ext_imap(fs, g, group);
    uint32_t per = fs->block / fs->inode_size;

    if (!map || gr->inodes_marked)
        return;
    gr->inodes_marked = true;
    for (uint32_t block = 0; block < fs->itable_blocks; block++) {
        bool used = false;

        for (uint32_t k = 0; k < per && block * per + k < fs->inodes_per_group; k++) {
            uint32_t index = block * per + k;
            uint32_t number = group * fs->inodes_per_group + index + 1;

            if (!ext_bit(map, index))
                continue;
            used = true;
            if (number >= fs->first_inode || number == 2)
                mark_bytes(fs, g, gr->itable + block, (uint64_t)k * fs->inode_size,
                           fs->inode_size, USE_CONTENT, news);
        }
        if (!used)
            mark_blocks(fs, g, gr->itable + block, 1, USE_FREE, news);
    }
}

/* A journal that was never written to has its first number still. */
bool ext_journal_unused(struct ext_fs *fs, struct rescue_guest *g, uint64_t block)
{
    uint8_t p[512];

    return rescue_read(g, fs->off + (block << fs->bits), p, sizeof p, SURE_LIKELY) &&
           be_load(p, 4) == 0xc03b3998 && be_load(p + 24, 4) == 1 && be_load(p + 28, 4) == 0;
}

static void mark_item(struct ext_fs *fs, struct rescue_guest *g, const struct ext_item *it,
                      bool *news)
{
    const struct ext_bg *gr = it->id < fs->n_groups ? &fs->group[it->id] : NULL;

    switch ((enum ext_kind)it->kind) {
    case EXT_SUPER:
        mark_super(fs, g, it, news);
        break;
    case EXT_DESCS:
        mark_head(fs, g, it->block, (uint64_t)fs->desc_size *
                  u64_min(fs->desc_per_block, fs->n_groups - it->id), news);
        break;
    case EXT_RESERVED:
        mark_reserved(fs, g, it, news);
        break;
    case EXT_BBITMAP:
        if (gr->flags & EXT_FLAG_BLOCK_UNINIT)
            mark_blocks(fs, g, it->block, 1, USE_FREE, news);
        else
            mark_blocks(fs, g, it->block, 1, USE_DATA, news);
        break;
    case EXT_IBITMAP:
        if (gr->flags & EXT_FLAG_INODE_UNINIT) {
            mark_blocks(fs, g, it->block, 1, USE_FREE, news);
        } else {
            mark_blocks(fs, g, it->block, 1, USE_DATA, news);
            /* What is past the last inode is filled with ones. */
            if (fs->inodes_per_group / 8 < fs->block)
                mark_bytes(fs, g, it->block, fs->block - 1, 1, USE_CONTENT, news);
        }
        break;
    case EXT_ITABLE:
        mark_itable(fs, g, it->id, news);
        break;
    case EXT_JOURNAL:
        if (it->id == 0)
            mark_bytes(fs, g, it->block, 0, 512, USE_CONTENT, news);
        if (it->level && ext_journal_unused(fs, g, fs->journal))
            mark_blocks(fs, g, it->block + (it->id == 0), it->n - (it->id == 0), USE_FREE,
                        news);
        break;
    default:
        break;
    }
}

/* [block, end) of a group's data is all in use or all free. What has a fixed place was marked
 * for what it is. */
static void mark_run(struct ext_fs *fs, struct rescue_guest *g, uint64_t block, uint64_t end,
                     enum rescue_use use, bool *news)
{
    size_t i = ext_item_from(fs, block, fs->n_fixed);

    while (block < end) {
        uint64_t stop = i < fs->n_fixed ? u64_max(block, fs->item[i].block) : end;

        if (stop > block)
            mark_blocks(fs, g, block, u64_min(stop, end) - block, use, news);
        if (i == fs->n_fixed)
            break;
        block = u64_max(block, fs->item[i].block + fs->item[i].n);
        i++;
    }
}

static void mark_group(struct ext_fs *fs, struct rescue_guest *g, uint32_t group, bool *news)
{
    struct ext_bg *gr = &fs->group[group];
    uint64_t first = ext_group_first(fs, group);
    uint32_t n = ext_group_blocks(fs, group), i = 0;
    uint8_t *map = fs->node[0];

    if (!gr->known || gr->blocks_marked)
        return;
    if (gr->flags & EXT_FLAG_BLOCK_UNINIT) {
        mark_run(fs, g, first, first + n, USE_FREE, news);
        gr->blocks_marked = gr->fresh;
        return;
    }
    if (gr->fresh && !gr->free_blocks)
        memset(map, 0xff, fs->block);
    else if (!ext_block_read(fs, g, gr->bbitmap, map))
        return;
    gr->blocks_marked = true;
    while (i < n) {
        bool used = ext_bit(map, i >> fs->ratio_bits);
        uint32_t from = i;

        while (i < n && ext_bit(map, i >> fs->ratio_bits) == used)
            i++;
        mark_run(fs, g, first + from, first + i, used ? USE_DATA : USE_FREE, news);
    }
}

void ext_mark(struct ext_fs *fs, struct rescue_guest *g, bool *news)
{
    for (size_t i = 0; i < fs->n_fixed; i++)
        mark_item(fs, g, &fs->item[i], news);
    for (uint32_t i = 0; i < fs->n_groups; i++)
        mark_group(fs, g, i, news);
}
