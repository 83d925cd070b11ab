/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the parts of a FAT or exFAT file system are, and which clusters it uses. */
#ifndef QCHECK_VOLUMES_FS_FAT_H
#define QCHECK_VOLUMES_FS_FAT_H

#include "volumes/fs_work.h"

struct fat_shape {
    unsigned bits;                  /* of an entry: 12, 16 or 32; 1: the bitmap of exFAT */
    uint64_t table_off, table_len;  /* the first FAT; bytes of the volume */
    unsigned tables;                /* copies of it, one after the other */
    uint64_t map_off;               /* what tells free clusters: the first FAT, or the bitmap;
                                       NO_ADDRESS: not found */
    uint64_t heap_off;              /* the first cluster */
    uint64_t cluster;               /* bytes of one */
    uint64_t clusters;
};

/* False where the boot sector makes no sense. */
bool fat_shape(struct fs *fs, struct fat_shape *out);

/* Sets `used` of the volume, and sends what free clusters lack. */
void fat_count_free(struct fs *fs, const struct fat_shape *shape);

#endif
