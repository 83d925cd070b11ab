/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inodes of XFS: extents of files, blocks of directories. */
#include "config.h"

#include <string.h>

#include "base/num.h"
#include "plan/rescue/witness_xfs.h"

enum { FORMAT_EXTENTS = 2, FORMAT_BTREE = 3, TYPE_DIR = 4, TYPE_FILE = 8, TYPE_LINK = 10 };
#define FLAG_REALTIME   1u
#define FLAG2_FAR_COUNTS (UINT64_C(1) << 4)

struct xfs_file {
    uint64_t id, size;
    unsigned type;
};

/* One record of an extent: 1 bit unwritten, 54 bits block of the file, 52 bits block of the file
 * system, 21 bits number of blocks. */
static void tell_extent(struct xfs *fs, const struct xfs_file *file, const uint8_t *p)
{
    uint64_t high = be64(p), low = be64(p + 8);
    uint64_t file_block = high >> 9 & ((UINT64_C(1) << 54) - 1);
    uint64_t block = (high & 511) << 43 | low >> 21, len = (low & ((1u << 21) - 1));
    uint64_t off = xfs_block_off(fs, block), file_off, end;

    len *= fs->super.block;
    if (off == UINT64_MAX || !len || !range_inside(off, len, fs->super.blocks * fs->super.block))
        return;
    if (high >> 63) {
        xfs_idle(fs, off, len);
        return;
    }
    if (file->type == TYPE_DIR || file->type == TYPE_LINK) {
        for (uint64_t at = 0; at < len; at += fs->super.dir_block)
            xfs_mark(fs, off + at, 1, USE_CONTENT);
        xfs_mark(fs, off, len, USE_DATA);
        return;
    }
    if (!u64_mul(file_block, fs->super.block, &file_off) || !u64_add(file_off, len, &end))
        return;
    if (file->size < end)
        xfs_idle(fs, off + len - u64_min(end - file->size, len), u64_min(end - file->size, len));
    rescue_extent(fs->g, file->id, file_off, fs->start + off, len, file->size, NULL);
}

static void extent_leaf(struct xfs *fs, void *ctx, const uint8_t *records, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        tell_extent(fs, ctx, records + i * 16);
}

/* The root of a block map lies in the inode, without the head of a block. */
static void tell_map(struct xfs *fs, struct xfs_file *file, const uint8_t *fork, uint32_t len)
{
    const struct xfs_tree tree = { { "BMAP", "BMA3" }, 16, 8, true, 0, extent_leaf, file };
    unsigned level = be16(fork), n = be16(fork + 2), most = (len - 4) / 16;

    for (unsigned i = 0; i < n && i < most; i++)
        if (level == 0 || !xfs_tree_walk(fs, &tree, be64(fork + 4 + most * 8 + i * 8), level - 1))
            fs->whole = false;
}

void xfs_inode_tell(struct xfs *fs, uint64_t ino, const uint8_t *p)
{
    uint32_t head = p[4] >= 3 ? 176 : 100;
    uint32_t len = p[82] ? p[82] * 8u : fs->super.inode - head;
    struct xfs_file file = { fs->start >> 9 << 40 ^ ino, be64(p + 56), be16(p + 2) >> 12 };
    uint64_t n = be32(p + 76);

    if (file.type != TYPE_DIR && file.type != TYPE_FILE && file.type != TYPE_LINK)
        return;
    if (head > fs->super.inode || len > fs->super.inode - head || len < 16 ||
        be16(p + 90) & FLAG_REALTIME)
        return;
    if (p[4] >= 3 && fs->super.far_counts && be64(p + 120) & FLAG2_FAR_COUNTS)
        n = be64(p + 24);
    if (p[5] == FORMAT_EXTENTS)
        extent_leaf(fs, &file, p + head, (unsigned)u64_min(n, len / 16));
    else if (p[5] == FORMAT_BTREE)
        tell_map(fs, &file, p + head, len);
}
