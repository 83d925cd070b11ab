/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Parts of the reader of ext2, ext3 and ext4. */
#ifndef QCHECK_VOLUMES_FS_EXT_H
#define QCHECK_VOLUMES_FS_EXT_H

#include <ext2fs/ext2fs.h>

#include "base/library.h"
#include "volumes/fs_names.h"

#define EXT_CALLS(X) \
    X(error_message) X(initialize_ext2_error_table) X(ext2fs_bg_flags_test) \
    X(ext2fs_bg_free_inodes_count) X(ext2fs_bg_itable_unused) \
    X(ext2fs_block_bitmap_loc) X(ext2fs_block_iterate3) X(ext2fs_blocks_count) \
    X(ext2fs_close_free) X(ext2fs_close_inode_scan) \
    X(ext2fs_descriptor_block_loc2) X(ext2fs_extent_free) \
    X(ext2fs_extent_get) X(ext2fs_extent_open2) X(ext2fs_free_blocks_count) \
    X(ext2fs_get_next_inode_full) X(ext2fs_group_first_block2) \
    X(ext2fs_group_last_block2) X(ext2fs_inline_data_get) X(ext2fs_inline_data_size) \
    X(ext2fs_inode_bitmap_loc) X(ext2fs_inode_has_valid_blocks2) \
    X(ext2fs_inode_i_blocks) X(ext2fs_inode_scan_flags) X(ext2fs_inode_table_loc) \
    X(ext2fs_open2) X(ext2fs_open_inode_scan) X(ext2fs_super_and_bgd_loc2)
struct ext_lib { EXT_CALLS(LIBRARY_CALL) };

struct ext {
    const struct ext_lib *lib;
    struct fs *fs;
    ext2_filsys ext;
    uint64_t block;             /* bytes */
    bool lacking;               /* something of the volume is lacking */
    bool inodes_lost;           /* ... among it parts of inode tables */
    struct fs_names names;
};

/* Opens by the first super block, or by a copy where that or its descriptors are lost. */
errcode_t ext_open(struct ext *x, struct struct_io_manager *manager);

/* Sends what super blocks, bitmaps and inode tables lack. */
void ext_groups(struct ext *x);

/* Sends how much of what is lacking is free space. Bytes whose block bitmap is lacking
 * itself do not count. */
void ext_free_space(struct ext *x);

#endif
