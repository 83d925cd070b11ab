/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables of ext2, ext3 and ext4, and its free space. */
#include "config.h"

#ifdef HAVE_LIBEXT2FS

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "volumes/fs_ext.h"

/* --- opening --- */

/* Is any of the group descriptors lost that belong to the super block in block `super`? */
static bool descriptors_lost(const struct ext *x, ext2_filsys ext, blk64_t super)
{
    const uint64_t block = ext->blocksize;

    for (dgrp_t i = 0; i < ext->desc_blocks; i++) {
        uint64_t off;

        if (!u64_mul(x->lib->ext2fs_descriptor_block_loc2(ext, super, i), block, &off) ||
            fs_lacking(x->fs, LACK_LOST, off, block))
            return true;
    }
    return false;
}

static ext2_filsys open_at(const struct ext *x, struct struct_io_manager *manager, uint32_t block,
                           uint32_t block_size, errcode_t *err)
{
    const int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES |
                      EXT2_FLAG_JOURNAL_DEV_OK | EXT2_FLAG_SKIP_MMP |
                      EXT2_FLAG_IGNORE_CSUM_ERRORS | EXT2_FLAG_IGNORE_SB_ERRORS;
    ext2_filsys ext;

    *err = x->lib->ext2fs_open2("disk", NULL, flags, (int)block, block_size, manager, &ext);
    return *err ? NULL : ext;
}

errcode_t ext_open(struct ext *x, struct struct_io_manager *manager)
{
    errcode_t err, ignored;
    ext2_filsys copy;
    uint32_t block, size;
    bool first;

    x->ext = open_at(x, manager, 0, 0, &err);
    first = x->ext;
    if (first && !descriptors_lost(x, x->ext, x->ext->super->s_first_data_block))
        return 0;
    for (unsigned i = 0; fs_ext_copy(i, &block, &size); i++) {
        if ((uint64_t)block * size >= x->fs->v->len || (first && size != x->ext->blocksize))
            continue;
        copy = open_at(x, manager, block, size, &ignored);
        if (!copy)
            continue;
        if (!descriptors_lost(x, copy, block)) {
            if (x->ext)
                x->lib->ext2fs_close_free(&x->ext);
            x->ext = copy;
            fs_note(x->fs->v, "%s lost: a copy is read",
                    first ? "group descriptors are" : "its super block is");
            return 0;
        }
        if (x->ext)
            x->lib->ext2fs_close_free(&copy);
        else
            x->ext = copy;
    }
    if (x->ext)
        fs_note(x->fs->v, "group descriptors are lost");
    return x->ext ? 0 : err;
}

/* --- what tables lack --- */

static bool is_hit(const struct touch *now, const struct touch *before)
{
    return memcmp(now->bytes, before->bytes, sizeof now->bytes) != 0;
}

/* Adds blocks [at, at + n). */
static bool touch_blocks(struct ext *x, struct touch *t, uint64_t at, uint64_t n)
{
    const struct touch before = *t;
    uint64_t off, len;

    if (u64_mul(at, x->block, &off) && u64_mul(n, x->block, &len))
        touch_add(x->fs, t, off, len, NO_ADDRESS);
    return is_hit(t, &before);
}

/* Super block and group descriptors, or their copies. */
static bool touch_super(struct ext *x, struct touch *t, dgrp_t g)
{
    blk64_t super, old_desc, new_desc;
    bool hit = false;

    x->lib->ext2fs_super_and_bgd_loc2(x->ext, g, &super, &old_desc, &new_desc, NULL);
    if (super || g == 0)
        hit |= touch_blocks(x, t, super, 1);
    if (old_desc)
        hit |= touch_blocks(x, t, old_desc, x->ext->desc_blocks);
    if (new_desc)
        hit |= touch_blocks(x, t, new_desc, 1);
    return hit;
}

/* Bitmaps that say "all free" are zeros, which may be holes. */
static bool touch_bitmaps(struct ext *x, struct touch *t, dgrp_t g)
{
    const struct touch before = *t;
    const blk64_t map[] = { x->lib->ext2fs_block_bitmap_loc(x->ext, g),
                            x->lib->ext2fs_inode_bitmap_loc(x->ext, g) };

    for (int i = 0; i < 2; i++) {
        uint64_t off;

        if (u64_mul(map[i], x->block, &off))
            touch_add_spare(x->fs, t, off, x->block, NO_ADDRESS);
    }
    return is_hit(t, &before);
}

/* Returns how many bytes of the table are of inodes that were ever used. */
static uint64_t used_of_table(struct ext *x, dgrp_t g)
{
    uint32_t per_group = x->ext->super->s_inodes_per_group, unused = 0;

    if (ext2fs_has_group_desc_csum(x->ext)) {
        if (x->lib->ext2fs_bg_flags_test(x->ext, g, EXT2_BG_INODE_UNINIT))
            return 0;
        unused = (uint32_t)u64_min(x->lib->ext2fs_bg_itable_unused(x->ext, g), per_group);
    } else if (x->lib->ext2fs_bg_free_inodes_count(x->ext, g) >= per_group) {
        return 0;
    }
    return (uint64_t)(per_group - unused) * (uint64_t)EXT2_INODE_SIZE(x->ext->super);
}

static void send_table(struct ext *x, dgrp_t g)
{
    const uint64_t inode = (uint64_t)EXT2_INODE_SIZE(x->ext->super);
    uint64_t len = used_of_table(x, g), whole = x->ext->inode_blocks_per_group * x->block;
    uint64_t off = x->lib->ext2fs_inode_table_loc(x->ext, g), blocks;
    struct touch t = TOUCH_INIT;

    if (!u64_mul(off, x->block, &off) || off > UINT64_MAX - whole)
        return;
    len = u64_min(len, whole);
    touch_add(x->fs, &t, off, len, NO_ADDRESS);
    touch_add_spare(x->fs, &t, off + len, whole - len, NO_ADDRESS);
    blocks = t.bytes[LACK_LOST] + t.bytes[LACK_UNMAPPED];
    x->inodes_lost |= blocks != 0;
    fs_send_part(x->fs, ITEM_INODES, &t, g, blocks / inode);
}

void ext_groups(struct ext *x)
{
    struct touch super = TOUCH_INIT, bitmaps = TOUCH_INIT;
    uint64_t n_super = 0, n_bitmaps = 0;

    for (dgrp_t g = 0; g < x->ext->group_desc_count; g++) {
        n_super += touch_super(x, &super, g);
        n_bitmaps += touch_bitmaps(x, &bitmaps, g);
        send_table(x, g);
    }
    fs_send_part(x->fs, ITEM_SUPER, &super, 0, n_super);
    fs_send_part(x->fs, ITEM_BITMAP, &bitmaps, 0, n_bitmaps);
}

/* --- free space --- */

/* One group's share of it: blocks [first, last] and what its bitmap says. */
struct ext_group { dgrp_t g; uint64_t first, last; const uint8_t *bits; bool uninit; };

static uint64_t free_bytes(const struct ext *x, const struct ext_group *g, uint64_t start,
                           uint64_t end)
{
    uint64_t bytes = 0;

    if (g->uninit)
        return end - start;
    for (uint64_t off = start; off < end;) {
        uint64_t block = off / x->block;
        uint64_t bit = (block - g->first) >> x->ext->cluster_ratio_bits;
        uint64_t next = u64_min((block + 1) * x->block, end);

        if (bit / 8 < x->block && !(g->bits[bit / 8] & 1u << bit % 8))
            bytes += next - off;
        off = next;
    }
    return bytes;
}

/* Adds what of the ranges from *i on is free in the group. */
static void free_in_group(struct ext *x, const struct ext_group *g, enum volume_lack lack, size_t *i,
                          struct touch *t)
{
    const struct guest_ranges *r = &x->fs->lack[lack];
    uint64_t from = g->first * x->block, to = (g->last + 1) * x->block;

    while (*i < r->n && r->list[*i].end <= from)
        ++*i;
    for (size_t k = *i; k < r->n && r->list[k].off < to; k++)
        t->bytes[lack] += free_bytes(x, g, u64_max(r->list[k].off, from),
                                     u64_min(r->list[k].end, to));
}

void ext_free_space(struct ext *x)
{
    struct touch t = TOUCH_INIT;
    uint8_t *bits = malloc(x->block);
    size_t at[N_LACKS] = { 0 };

    for (dgrp_t n = 0; bits && n < x->ext->group_desc_count; n++) {
        struct ext_group g = { n, x->lib->ext2fs_group_first_block2(x->ext, n),
                               x->lib->ext2fs_group_last_block2(x->ext, n), bits, false };
        uint64_t off = g.first * x->block, len = (g.last - g.first + 1) * x->block;
        uint64_t bitmap = x->lib->ext2fs_block_bitmap_loc(x->ext, n);

        if (g.last < g.first || g.last >= UINT64_MAX / x->block ||
            !fs_lacks_any(x->fs, off, len))
            continue;
        g.uninit = ext2fs_has_group_desc_csum(x->ext) &&
                   x->lib->ext2fs_bg_flags_test(x->ext, n, EXT2_BG_BLOCK_UNINIT);
        if (!g.uninit) {
            if (!u64_mul(bitmap, x->block, &bitmap) ||
                fs_lacking(x->fs, LACK_LOST, bitmap, x->block))
                continue;
            fs_volume_read(x->fs->w, x->fs->v, bitmap, bits, x->block);
        }
        for (int k = 0; k < N_LACKS; k++)
            free_in_group(x, &g, (enum volume_lack)k, &at[k], &t);
    }
    free(bits);
    for (int k = 0; k < N_LACKS; k++)
        x->fs->known[k] += t.bytes[k];
    t.bytes[LACK_UNMAPPED] = 0;             /* as it should be */
    fs_send_part(x->fs, ITEM_FREE, &t, 0, 0);
}

#endif
