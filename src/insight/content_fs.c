/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* NTFS, XFS, btrfs, FAT: all have marks at the start of their sectors or blocks. */
#include "config.h"

#include <string.h>

#include "insight/content_work.h"
#include "qcow2/place.h"

static bool has(const struct looking *l, size_t at, const char *bytes, size_t n)
{
    return at + n <= l->len && !memcmp(l->bytes + at, bytes, n);
}

static void vote_ntfs(struct looking *l, size_t at)
{
    const uint8_t *p = l->bytes + at;

    if (has(l, at, "FILE", 4) && at + 48 <= l->len && le_load(p + 4, 2) >= 42 &&
        le_load(p + 4, 2) <= 48 && le_load(p + 28, 4) <= 4096)
        content_vote(l, CONTENT_NTFS_MFT, 980, at, NO_ADDRESS, "record %u",
                     (unsigned)le_load(p + 44, 4));
    if (has(l, at, "INDX", 4) && at + 40 <= l->len && le_load(p + 4, 2) == 40)
        content_vote(l, CONTENT_NTFS_INDEX, 980, at, NO_ADDRESS, NULL);
}

/* Blocks of version 5 bear their own address, in sectors. */
static void vote_xfs(struct looking *l, size_t at)
{
    static const struct { char magic[5]; uint8_t addr; } blocks[] = {
        { "XAGF", 0 }, { "XAGI", 0 }, { "XAFL", 0 }, { "ABTB", 0 }, { "ABTC", 0 },
        { "AB3B", 16 }, { "AB3C", 16 }, { "IABT", 0 }, { "IAB3", 16 }, { "FIB3", 16 },
        { "BMAP", 0 }, { "BMA3", 24 }, { "XD2B", 0 }, { "XD2D", 0 }, { "XDB3", 8 },
        { "XDD3", 8 }, { "R3FC", 16 }, { "RMB3", 16 },
    };
    const uint8_t *p = l->bytes + at;

    if (has(l, at, "XFSB", 4) && at + 264 <= l->len && be32(p + 4) >= 512 &&
        be32(p + 4) <= 65536)
        content_vote(l, CONTENT_XFS_SUPER, 990, at, NO_ADDRESS, NULL);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        if (!has(l, at, blocks[i].magic, 4) || at + 64 > l->len)
            continue;
        content_vote(l, CONTENT_XFS, 950, at, blocks[i].addr
                     && be64(p + blocks[i].addr) < UINT64_MAX / 512
                     ? be64(p + blocks[i].addr) * 512 : NO_ADDRESS, "%s",
                     blocks[i].magic);
    }
    if (has(l, at, "IN", 2) && at + 176 <= l->len && p[4] >= 1 && p[4] <= 3 && p[5] <= 5)
        content_vote(l, CONTENT_XFS, 900, at, NO_ADDRESS, "inodes");
}

/* "written", and the revision of back references. */
#define BTRFS_FLAGS "\1\0\0\0\0\0\0\1"

static void vote_btrfs(struct looking *l, size_t at)
{
    const uint8_t *p = l->bytes + at;

    if (has(l, at + 64, "_BHRfS_M", 8))
        content_vote(l, CONTENT_BTRFS_SUPER, 990, at, le_load(p + 48, 8), NULL);
    else if (has(l, at + 56, BTRFS_FLAGS, 8) && at + 101 <= l->len && p[100] <= 8 &&
             !(le_load(p + 48, 8) & 4095) && le_load(p + 96, 4) <= 4096)
        content_vote(l, CONTENT_BTRFS, 970, at, le_load(p + 48, 8), "level %u", p[100]);
}

static void vote_fat(struct looking *l)
{
    if (has(l, 510, "\x55\xaa", 2)) {
        if (has(l, 3, "NTFS    ", 8))
            content_vote(l, CONTENT_NTFS_BOOT, 990, 0, 0, NULL);
        else if (has(l, 82, "FAT32   ", 8) || has(l, 54, "FAT1", 4))
            content_vote(l, CONTENT_FAT_BOOT, 990, 0, 0, NULL);
    }
    if (has(l, 0, "\xf8\xff\xff\x0f\xff\xff\xff", 7) || has(l, 0, "\xf8\xff\xff\xff", 4))
        content_vote(l, CONTENT_FAT, 850, 0, NO_ADDRESS, NULL);
}

void content_vote_files(struct looking *l)
{
    for (size_t at = 0; at < l->len; at += 512) {
        vote_xfs(l, at);
        if (at % 1024 == 0)
            vote_ntfs(l, at);
        if (at % 4096 == 0)
            vote_btrfs(l, at);
    }
    vote_fat(l);
}
