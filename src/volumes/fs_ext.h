/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Parts of the reader of ext2, ext3 and ext4. */
#ifndef QCHECK_VOLUMES_FS_EXT_H
#define QCHECK_VOLUMES_FS_EXT_H

#include <ext2fs/ext2fs.h>

#include "volumes/fs_names.h"

struct ext {
    struct fs *fs;
    ext2_filsys ext;
    uint64_t block;             /* bytes */
    bool lacking;               /* something of the volume is lacking */
    bool inodes_lost;           /* ... among it parts of inode tables */
    struct fs_names names;
};

/* Sends what super blocks, bitmaps and inode tables lack. */
void ext_groups(struct ext *x);

/* Sends how much of what is lacking is free space. Bytes whose block bitmap is lacking
 * itself do not count. */
void ext_free_space(struct ext *x);

#endif
