/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/crc.h"
#include "base/num.h"
#include "plan/rescue/witness_ext.h"

/* --- backwards --- */

/* What a CRC was before `len` bytes of zeros came. That is linear: 32 columns tell all. */
void ext_undo_make(struct ext_undo *u, size_t len)
{
    uint32_t after[256];
    uint8_t by_top[256], zero = 0;

    for (uint32_t i = 0; i < 256; i++) {
        after[i] = crc32c(i, &zero, 1);
        by_top[after[i] >> 24] = (uint8_t)i;
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t crc = UINT32_C(1) << bit;

        for (size_t i = 0; i < len; i++) {
            uint8_t low = by_top[crc >> 24];

            crc = (crc ^ after[low]) << 8 | low;
        }
        u->column[bit] = crc;
    }
}

static uint32_t ext_undo(const struct ext_undo *u, uint32_t crc)
{
    uint32_t out = 0;

    for (unsigned bit = 0; bit < 32; bit++)
        if (crc >> bit & 1)
            out ^= u->column[bit];
    return out;
}

/* --- inodes --- */

static uint32_t crc_number(uint32_t crc, uint32_t n)
{
    uint8_t le[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

    return crc32c(crc, le, 4);
}

uint32_t ext_inode_seed(const struct ext_fs *fs, uint32_t inode, uint32_t generation)
{
    return crc_number(crc_number(fs->seed, inode), generation);
}

/* Its bytes with the checksum as zeros. */
static uint32_t crc_inode(const struct ext_fs *fs, uint32_t crc, const uint8_t *p,
                          uint32_t *stored)
{
    static const uint8_t zero[2];

    *stored = (uint32_t)le_load(p + 0x7c, 2);
    crc = crc32c(crc, p, 0x7c);
    crc = crc32c(crc, zero, 2);
    crc = crc32c(crc, p + 0x7e, 2);
    if (fs->inode_size == 128)
        return crc;
    if (le_load(p + 0x80, 2) < 4)           /* no room for the upper half */
        return crc32c(crc, p + 0x80, fs->inode_size - 0x80);
    *stored |= (uint32_t)le_load(p + 0x82, 2) << 16;
    crc = crc32c(crc, p + 0x80, 2);
    crc = crc32c(crc, zero, 2);
    return crc32c(crc, p + 0x84, fs->inode_size - 0x84);
}

static bool has_upper_half(const struct ext_fs *fs, const uint8_t *p)
{
    return fs->inode_size > 128 && le_load(p + 0x80, 2) >= 4;
}

uint32_t ext_inode_solve(const struct ext_fs *fs, const uint8_t *p)
{
    uint32_t stored, crc, inode;

    if (!fs->inode_sums32 || !has_upper_half(fs, p))
        return 0;
    crc = crc_inode(fs, crc_number(0, (uint32_t)le_load(p + 0x64, 4)), p, &stored);
    inode = fs->seed ^ ext_undo(&fs->undo_inode, stored ^ crc);
    return inode && (inode - 1) / fs->inodes_per_group < fs->n_groups ? inode : 0;
}

bool ext_inode_sum_fits(const struct ext_fs *fs, const uint8_t *p, uint32_t inode)
{
    uint32_t stored, crc;

    crc = crc_inode(fs, ext_inode_seed(fs, inode, (uint32_t)le_load(p + 0x64, 4)), p,
                    &stored);
    return has_upper_half(fs, p) ? crc == stored : (crc & 0xffff) == stored;
}

/* --- directories --- */

static bool dir_tail(const struct ext_fs *fs, const uint8_t *p)
{
    const uint8_t *tail = p + fs->block - 12;

    return le_load(tail, 4) == 0 && le_load(tail + 4, 2) == 12 && tail[6] == 0 &&
           tail[7] == 0xde;
}

bool ext_dir_solve(const struct ext_fs *fs, const uint8_t *p, uint32_t *seed)
{
    if (!dir_tail(fs, p))
        return false;
    *seed = ext_undo(&fs->undo_dir, (uint32_t)le_load(p + fs->block - 4, 4) ^
                                    crc32c(0, p, fs->block - 12));
    return true;
}

/* Blocks of a hash tree look like one entry, or like "." and "..", that fills the block. Where
 * their list of hashes starts; 0: no such block. */
static uint32_t hash_list(const struct ext_fs *fs, const uint8_t *p)
{
    uint64_t full = fs->block == 65536 ? 65535 : fs->block;

    if (le_load(p, 4) == 0 && le_load(p + 4, 2) == full)
        return 8;
    if (le_load(p + 4, 2) == 12 && le_load(p + 16, 2) == full - 12 &&
        le_load(p + 24, 4) == 0 && p[29] == 8)
        return 32;
    return 0;
}

int ext_dir_sum(const struct ext_fs *fs, const uint8_t *p, uint32_t seed)
{
    static const uint8_t zero[4];
    uint32_t at, limit, count, crc;

    if (dir_tail(fs, p))
        return crc32c(seed, p, fs->block - 12) == le_load(p + fs->block - 4, 4) ? 1 : -1;
    at = hash_list(fs, p);
    if (!at)
        return 0;
    limit = (uint32_t)le_load(p + at, 2);
    count = (uint32_t)le_load(p + at + 2, 2);
    if (count > limit || at + limit * 8 + 8 > fs->block)
        return -1;
    crc = crc32c(seed, p, at + count * 8);
    crc = crc32c(crc, p + at + limit * 8, 4);
    crc = crc32c(crc, zero, 4);
    return crc == le_load(p + at + limit * 8 + 4, 4) ? 1 : -1;
}

/* --- extents --- */

bool ext_extents_solve(const struct ext_fs *fs, const uint8_t *p, uint32_t *seed)
{
    uint32_t max = (fs->block - 12) / 12, len = 12 + max * 12;

    if (le_load(p, 2) != 0xf30a || le_load(p + 4, 2) != max || len + 4 > fs->block)
        return false;
    *seed = ext_undo(&fs->undo_extents,
                     (uint32_t)le_load(p + len, 4) ^ crc32c(0, p, len));
    return true;
}

/* --- group descriptors --- */

/* CRC-16 (polynomial 0x8005), reflected. */
static uint16_t crc16(uint16_t crc, const uint8_t *p, size_t len)
{
    while (len--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xa001 : 0));
    }
    return crc;
}

bool ext_desc_sum_fits(const struct ext_fs *fs, const uint8_t *p, uint32_t group)
{
    static const uint8_t zero[2];
    uint8_t le[4] = { (uint8_t)group, (uint8_t)(group >> 8), (uint8_t)(group >> 16),
                      (uint8_t)(group >> 24) };
    uint16_t sum;

    if (fs->sums) {
        uint32_t crc = crc32c(crc32c(crc_number(fs->seed, group), p, 0x1e), zero, 2);

        sum = (uint16_t)crc32c(crc, p + 0x20, fs->desc_size - 0x20);
    } else {
        sum = crc16(crc16(UINT16_MAX, fs->uuid, 16), le, 4);
        sum = crc16(sum, p, 0x1e);
        if (fs->desc_size > 0x20)
            sum = crc16(sum, p + 0x20, fs->desc_size - 0x20);
    }
    return sum == le_load(p + 0x1e, 2);
}
