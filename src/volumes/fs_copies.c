/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The copies that file systems keep of their first sectors, for when those are lost. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "volumes/fs_work.h"

#define SECTOR_MIN 512u
#define SECTOR_MAX 4096u
#define XFS_GROUPS_MAX 64

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | p[n];
    return v;
}

/* --- ext: super blocks in the first block of some groups --- */

bool fs_ext_copy(unsigned i, uint32_t *block, uint32_t *block_size)
{
    static const uint32_t size[] = { 4096, 1024, 2048 };
    static const uint32_t group[] = { 1, 3, 5, 7 };
    const unsigned n_sizes = sizeof size / sizeof size[0];

    if (i >= n_sizes * sizeof group / sizeof group[0])
        return false;
    *block_size = size[i % n_sizes];
    /* A group has as many blocks as a block has bits; blocks of 1 KiB are counted from 1. */
    *block = group[i / n_sizes] * 8 * *block_size + (*block_size == 1024);
    return true;
}

static bool by_ext_copy(struct fs_work *w, struct volume *v)
{
    uint8_t sb[SECTOR_MIN];
    uint32_t block, size;

    for (unsigned i = 0; fs_ext_copy(i, &block, &size); i++) {
        uint64_t off = (uint64_t)block * size;

        if (!range_inside(off, sizeof sb, v->len))
            continue;
        fs_volume_read(w, v, off, sb, sizeof sb);
        if (le(sb + 0x38, 2) != 0xef53 || le(sb + 0x18, 4) > 6 ||
            1024u << le(sb + 0x18, 4) != size)
            continue;
        snprintf(v->type, sizeof v->type, "%s", sb[0x60] & 0x40 ? "ext4"
                 : sb[0x5c] & 4 ? "ext3" : "ext2");
        snprintf(v->label, sizeof v->label, "%.16s", (const char *)sb + 0x78);
        return true;
    }
    return false;
}

/* --- boot sectors --- */

static bool is_boot_sector(const uint8_t *b)
{
    return b[510] == 0x55 && b[511] == 0xaa;
}

static bool is_ntfs(const uint8_t *b)
{
    return is_boot_sector(b) && memcmp(b + 3, "NTFS    ", 8) == 0;
}

/* libblkid knows NTFS only where the file table begins as it should. */
static bool by_ntfs_boot(struct fs_work *w, struct volume *v)
{
    uint8_t b[SECTOR_MIN];

    fs_volume_read(w, v, 0, b, sizeof b);
    if (is_ntfs(b))
        snprintf(v->type, sizeof v->type, "ntfs");
    return is_ntfs(b);
}

/* NTFS: in the sector after those that the file system counts, the last of its partition. */
static const char *ntfs_copy(struct fs_work *w, struct volume *v)
{
    uint8_t b[SECTOR_MIN];

    for (uint32_t sector = SECTOR_MIN; sector <= SECTOR_MAX; sector *= 2) {
        uint64_t last = v->len / sector * sector;

        if (last < sector)
            return NULL;
        fs_volume_read(w, v, last - sector, b, sizeof b);
        if (is_ntfs(b) && le(b + 11, 2) == sector && le(b + 40, 8) == last / sector - 1) {
            fs_use_stand_in(w, v, 0, sizeof b, last - sector);
            return "boot sector is lost: the copy at its end";
        }
    }
    return NULL;
}

/* FAT32: in sector 6. */
static const char *fat_copy(struct fs_work *w, struct volume *v)
{
    uint8_t b[SECTOR_MIN];

    for (uint32_t sector = SECTOR_MIN; sector <= SECTOR_MAX; sector *= 2) {
        fs_volume_read(w, v, 6 * sector, b, sizeof b);
        if (is_boot_sector(b) && memcmp(b + 82, "FAT32   ", 8) == 0 && le(b + 11, 2) == sector) {
            fs_use_stand_in(w, v, 0, sizeof b, 6 * sector);
            return "boot sector is lost: the copy in sector 6";
        }
    }
    return NULL;
}

/* exFAT: twelve sectors, twice. */
static const char *exfat_copy(struct fs_work *w, struct volume *v)
{
    uint8_t b[SECTOR_MIN];

    for (uint32_t sector = SECTOR_MIN; sector <= SECTOR_MAX; sector *= 2) {
        fs_volume_read(w, v, 12 * sector, b, sizeof b);
        if (is_boot_sector(b) && memcmp(b + 3, "EXFAT   ", 8) == 0 && b[108] < 32 &&
            1u << b[108] == sector) {
            fs_use_stand_in(w, v, 0, 12 * sector, 12 * sector);
            return "boot sector is lost: the copy in sector 12";
        }
    }
    return NULL;
}

/* --- other super blocks --- */

/* btrfs: at 64 MiB and 256 GiB, and each says where it is. */
static const char *btrfs_copy(struct fs_work *w, struct volume *v)
{
    static const struct { uint64_t off; const char *words; } copy[] = {
        { UINT64_C(1) << 26, "super block is lost: the copy at 64 MiB" },
        { UINT64_C(1) << 38, "super block is lost: the copy at 256 GiB" },
    };
    uint8_t b[SECTOR_MAX];

    for (size_t i = 0; i < sizeof copy / sizeof copy[0]; i++) {
        if (!range_inside(copy[i].off, sizeof b, v->len))
            break;
        fs_volume_read(w, v, copy[i].off, b, sizeof b);
        if (memcmp(b + 0x40, "_BHRfS_M", 8) == 0 && le(b + 0x30, 8) == copy[i].off) {
            fs_use_stand_in(w, v, FS_BTRFS_SUPER, sizeof b, copy[i].off);
            return copy[i].words;
        }
    }
    return NULL;
}

/* Is there a super block of XFS that says that a group of so many blocks ends before it? */
static bool is_xfs_group(struct fs_work *w, const struct volume *v, uint64_t blocks,
                         uint32_t block_size, uint32_t *sector)
{
    uint8_t b[SECTOR_MIN];
    uint64_t off;

    if (blocks > UINT32_MAX || !u64_mul(blocks, block_size, &off) ||
        !range_inside(off, sizeof b, v->len))
        return false;
    fs_volume_read(w, v, off, b, sizeof b);
    *sector = be16(b + 102);
    return memcmp(b, "XFSB", 4) == 0 && be32(b + 4) == block_size && be32(b + 84) == blocks &&
           *sector >= SECTOR_MIN && *sector <= block_size;
}

/* XFS: at the start of each group. How large groups are only the super block tells; mkfs.xfs
 * makes some number of equal ones, of at most 1 TiB. */
static const char *xfs_copy(struct fs_work *w, struct volume *v)
{
    static const uint32_t size[] = { 4096, 1024, 512, 2048, 8192, 16384, 32768, 65536 };
    uint32_t sector;

    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        const uint64_t most = (UINT64_C(1) << 40) / size[i];

        for (uint64_t n = 2; n <= XFS_GROUPS_MAX + 1; n++) {
            uint64_t blocks = n <= XFS_GROUPS_MAX ? div_up(v->len / size[i], n) : most;

            if (is_xfs_group(w, v, blocks, size[i], &sector)) {
                fs_use_stand_in(w, v, 0, sector, blocks * size[i]);
                return "super block is lost: the copy of the second group";
            }
        }
    }
    return NULL;
}

void fs_identify_by_copy(struct fs_work *w, struct volume *v)
{
    static const struct {
        const char *(*find)(struct fs_work *w, struct volume *v);   /* NULL, or words */
        const char *type;
    } way[] = {
        { ntfs_copy, "ntfs" }, { exfat_copy, "exfat" }, { fat_copy, "vfat" },
        { btrfs_copy, "btrfs" }, { xfs_copy, "xfs" },
    };

    if (by_ntfs_boot(w, v) || by_ext_copy(w, v))
        return;                         /* who looks into it tells what is lost */

    for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
        const char *words = way[i].find(w, v);

        if (!words)
            continue;
        fs_note(v, "its %s is read", words);
        fs_probe_volume(w, v);
        /* libblkid wants to see more than that sector, which may be lost as well. */
        if (!v->type[0])
            snprintf(v->type, sizeof v->type, "%s", way[i].type);
        return;
    }
}

/* --- the file table of NTFS --- */

#define MIRRORED 4                      /* records, or as many as a cluster holds */

void fs_ntfs_use_mirror(struct fs *fs)
{
    uint8_t b[SECTOR_MIN], magic[4];
    uint64_t cluster, record, table, mirror;

    fs_volume_read(fs->w, fs->v, 0, b, sizeof b);
    cluster = le(b + 11, 2) * (b[13] > 128 ? UINT64_C(1) << u64_min(256 - b[13], 31) : b[13]);
    record = b[64] < 128 ? b[64] * cluster : UINT64_C(1) << u64_min(256 - b[64], 31);
    if (!record || record > (1u << 16) || !u64_mul(le(b + 48, 8), cluster, &table) ||
        !u64_mul(le(b + 56, 8), cluster, &mirror) || table >= fs->v->len ||
        !range_inside(mirror, MIRRORED * record, fs->v->len))
        return;
    fs_volume_read(fs->w, fs->v, table, magic, sizeof magic);
    if (memcmp(magic, "FILE", 4) == 0)
        return;
    fs_volume_read(fs->w, fs->v, mirror, magic, sizeof magic);
    if (memcmp(magic, "FILE", 4) != 0)
        return;
    fs_use_stand_in(fs->w, fs->v, table, MIRRORED * record, mirror);
    fs_note(fs->v, "the start of its file table is lost: the copy of that is read");
}
