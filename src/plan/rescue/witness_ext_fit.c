/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "base/crc.h"
#include "base/num.h"
#include "plan/rescue/witness_ext.h"

#define GOOD 4                  /* weight of a block that agrees in all that can be compared */
#define PROOF 8                 /* ... that is proved */
#define BAD 4
#define INDIRECT_STEP 131072    /* blocks between two that a block lists, at most */
#define NEAR 64                 /* blocks between a map and the first block that it lists */

/* --- what blocks look like --- */

bool ext_like_inode(const uint8_t *p, size_t size)
{
    unsigned mode = (unsigned)le_load(p, 2), type = mode >> 12;
    uint64_t flags = le_load(p + 32, 4);

    if (type != 1 && type != 2 && type != 4 && type != 6 && type != 8 && type != 10 &&
        type != 12)
        return false;
    /* Upper half of where attributes are, and a field that is reserved. */
    if (le_load(p + 26, 2) > 65000 || le_load(p + 16, 4) < 1 || le_load(p + 118, 2) ||
        le_load(p + 126, 2))
        return false;
    if (flags & 0x80000 && !(flags & 0x10000000) && le_load(p + 40, 2) != 0xf30a)
        return false;
    return size == 128 || (le_load(p + 128, 2) <= size - 128 && le_load(p + 128, 2) % 4 == 0);
}

bool ext_like_dir(const uint8_t *p, size_t len)
{
    size_t at = 0, entries = 0;

    while (at + 8 <= len) {
        size_t rec = (size_t)le_load(p + at + 4, 2), name = p[at + 6];

        if (rec == 65535 || (rec == 0 && len == 65536))
            rec = 65536;
        if (rec < 8 || rec % 4 || rec > len - at || name + 8 > rec)
            return false;
        if (le_load(p + at, 4) && (!name || p[at + 7] > 7 ||
                                   memchr(p + at + 8, '\0', name) ||
                                   memchr(p + at + 8, '/', name)))
            return false;
        entries++;
        at += rec;
    }
    return at == len && entries > 0;
}

/* Numbers of blocks, most of them of neighbours, or as far apart as blocks that list as many
 * again; then zeros. */
bool ext_like_indirect(const uint8_t *p, size_t len)
{
    size_t n = len / 4, used = 0, steps = 0;
    uint32_t last = 0, step = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t now = (uint32_t)le_load(p + 4 * i, 4);

        if (!now)
            continue;
        if (last && now <= last && now + 4096 < last)
            return false;
        steps += last && now > last && (now - last <= n + 2 || now - last == step);
        step = now - last;
        last = now;
        used++;
        if (used == 16 && steps < 8)
            return false;
    }
    return used > 0 && (used == 1 || steps * 2 >= used - 1);
}

static bool like_dir_start(const uint8_t *p)
{
    size_t rec = (size_t)le_load(p + 4, 2), name = p[6];

    return rec >= 8 && rec % 4 == 0 && name + 8u <= rec && p[7] <= 7 &&
           (name || le_load(p, 4) == 0);
}

/* Long runs of zeros and ones. */
static bool like_bitmap(const uint8_t *p)
{
    size_t plain = 0, other = 0;

    for (size_t i = 0; i < 1024; i++)
        if (p[i] == 0 || p[i] == 0xff)
            plain++;
        else
            other++;
    return plain >= other;
}

uint8_t ext_like(const uint8_t *bytes, size_t len)
{
    uint8_t like = 0;

    /* A partition may start with any sector. */
    for (size_t at = 0; at + 1024 <= len; at += 512) {
        const uint8_t *p = bytes + at;
        uint32_t first = (uint32_t)le_load(p, 4), second = (uint32_t)le_load(p + 4, 4);

        if (le_load(p + 56, 2) == 0xef53)
            like |= EXT_LIKE_SUPER;
        if (be_load(p, 4) == 0xc03b3998)
            like |= EXT_LIKE_JOURNAL;
        if (le_load(p, 2) == 0xf30a)
            like |= EXT_LIKE_EXTENTS;
        if (!(like & EXT_LIKE_DIR) && like_dir_start(p))
            like |= EXT_LIKE_DIR;
        if (first && (second == 0 || (second > first && second - first <= INDIRECT_STEP)))
            like |= EXT_LIKE_INDIRECT;
        if (!(like & EXT_LIKE_BITMAP) && like_bitmap(p) && !bytes_all_zero(p, 1024))
            like |= EXT_LIKE_BITMAP;
        for (size_t i = 0; i < 512 && !(like & EXT_LIKE_INODES); i += 128)
            if (ext_like_inode(p + i, 128))
                like |= EXT_LIKE_INODES;
    }
    return like;
}

/* --- checks of one block --- */

static void good(struct ext_fit *fit, unsigned weight)
{
    fit->good += weight;
}

static void proof(struct ext_fit *fit)
{
    fit->proofs++;
    fit->good += PROOF;
}

static void bad(struct ext_fit *fit)
{
    fit->bad += BAD;
}

static void fit_super(const struct ext_fs *fs, const uint8_t *p, uint32_t group,
                      struct ext_fit *fit)
{
    const uint8_t *s = p + (group == 0 && fs->bits > 10 ? 1024 : 0);
    struct ext_fs parsed;

    if (ext_super_parse(s, fs->n_blocks << fs->bits, &parsed) &&
        memcmp(parsed.uuid, fs->uuid, 16) == 0 && ext_super_group(s) == (group & 0xffff))
        proof(fit);
    else
        bad(fit);
}

static void fit_descs(const struct ext_fs *fs, const uint8_t *p, uint32_t first,
                      struct ext_fit *fit)
{
    unsigned fits = 0, not = 0;

    for (uint32_t i = 0; i < fs->desc_per_block && first + i < fs->n_groups; i++) {
        const uint8_t *d = p + (size_t)i * fs->desc_size;

        if (fs->ro_compat & 0x410) {
            if (ext_desc_sum_fits(fs, d, first + i))
                fits++;
            else
                not++;
        } else if (le_load(d, 4) && le_load(d, 4) < fs->n_blocks && le_load(d + 4, 4) &&
                   le_load(d + 4, 4) < fs->n_blocks && le_load(d + 8, 4) &&
                   le_load(d + 8, 4) < fs->n_blocks) {
            fits++;
        } else {
            not++;
        }
    }
    if (not)
        bad(fit);
    else if (fits >= 2 && fs->ro_compat & 0x410)
        proof(fit);
    else if (fits)
        good(fit, GOOD);
}

uint32_t ext_count_zero_bits(const uint8_t *map, uint32_t n)
{
    uint32_t ones = 0, i = 0;

    for (; i + 8 <= n; i += 8)
        ones += (uint32_t)__builtin_popcount(map[i / 8]);
    for (; i < n; i++)
        ones += ext_bit(map, i);
    return n - ones;
}

static bool all_ones(const uint8_t *p, uint32_t from, uint32_t to)
{
    for (; from < to && from % 8; from++)
        if (!ext_bit(p, from))
            return false;
    for (from /= 8; from < to / 8; from++)
        if (p[from] != 0xff)
            return false;
    return true;
}

static bool block_in_use(const struct ext_fs *fs, const uint8_t *map, uint32_t group,
                         uint64_t block)
{
    uint64_t first = ext_group_first(fs, group);

    return block < first || block >= first + ext_group_blocks(fs, group) ||
           ext_bit(map, (uint32_t)(block - first) >> fs->ratio_bits);
}

/* Is the sum of a bitmap right? 1, -1; 0: it has none of 32 bits. */
static int bitmap_sum(const struct ext_fs *fs, const uint8_t *p, uint32_t bits, uint32_t sum)
{
    uint32_t crc;

    if (!fs->sums)
        return 0;
    crc = crc32c(fs->seed, p, bits / 8);
    if (!fs->sums32)
        return (crc & 0xffff) == sum ? 0 : -1;
    return crc == sum ? 1 : -1;
}

static void fit_bbitmap(const struct ext_fs *fs, const uint8_t *p, uint32_t group,
                        struct ext_fit *fit)
{
    const struct ext_bg *gr = &fs->group[group];
    uint32_t bits = fs->per_group >> fs->ratio_bits;
    uint32_t have = (uint32_t)div_up(ext_group_blocks(fs, group),
                                     UINT32_C(1) << fs->ratio_bits);
    int sum;

    if (!gr->known || gr->flags & EXT_FLAG_BLOCK_UNINIT)
        return;
    sum = bitmap_sum(fs, p, bits, gr->bsum);
    if (sum > 0) {
        proof(fit);
        return;
    }
    if (!gr->fresh)
        return;
    if (sum < 0 || !all_ones(p, have, fs->block * 8 < bits ? bits : fs->block * 8) ||
        !block_in_use(fs, p, group, gr->bbitmap) || !block_in_use(fs, p, group, gr->ibitmap) ||
        !block_in_use(fs, p, group, gr->itable) ||
        ext_count_zero_bits(p, have) << fs->ratio_bits != gr->free_blocks)
        bad(fit);
    else
        good(fit, gr->free_blocks ? GOOD : 1);
}

static void fit_ibitmap(const struct ext_fs *fs, const uint8_t *p, uint32_t group,
                        struct ext_fit *fit)
{
    const struct ext_bg *gr = &fs->group[group];
    uint32_t n = fs->inodes_per_group;
    int sum;

    if (!gr->known || gr->flags & EXT_FLAG_INODE_UNINIT)
        return;
    sum = bitmap_sum(fs, p, n, gr->isum);
    if (sum > 0) {
        proof(fit);
        return;
    }
    if (!gr->fresh)
        return;
    if (sum < 0 || !all_ones(p, n, fs->block * 8) ||
        (group == 0 && !all_ones(p, 0, (uint32_t)u64_min(fs->first_inode - 1, n))) ||
        ext_count_zero_bits(p, n) != gr->free_inodes)
        bad(fit);
    else
        good(fit, gr->free_inodes && n < fs->block * 8 ? GOOD : 1);
}

/* One block of a table of inodes, of which the first is that one. */
static void fit_itable(struct ext_fs *fs, struct rescue_guest *g, const uint8_t *p,
                       uint32_t group, uint32_t index, struct ext_fit *fit)
{
    const uint8_t *map = ext_imap(fs, g, group);
    unsigned fits = 0, proofs = 0, not = 0;

    for (uint32_t at = 0; at < fs->block && index < fs->inodes_per_group;
         at += fs->inode_size, index++) {
        const uint8_t *in = p + at;
        uint32_t number = group * fs->inodes_per_group + index + 1;
        bool zero = bytes_all_zero(in, fs->inode_size);
        bool used = map && ext_bit(map, index);

        if (zero) {
            not += used && number >= fs->first_inode;
        } else if (fs->inode_sums32) {
            if (!ext_inode_sum_fits(fs, in, number))
                not++;
            else if (le_load(in + 0x80, 2) >= 4)
                proofs++;
            else
                fits++;
        } else if (!ext_like_inode(in, fs->inode_size) && le_load(in, 2) != 0) {
            not++;
        } else if (map && used != (le_load(in + 26, 2) != 0) && number >= fs->first_inode) {
            not++;
        } else if (fs->sums && !ext_inode_sum_fits(fs, in, number)) {
            not++;
        } else {
            fits += (map && used) || (number == 2 && le_load(in, 2) >> 12 == 4);
        }
    }
    if (not)
        bad(fit);
    else if (proofs)
        proof(fit);
    else
        good(fit, fits < GOOD ? fits : GOOD);
}

static void fit_dir(const struct ext_fs *fs, const uint8_t *p, const struct ext_item *it,
                    uint32_t logical, struct ext_fit *fit)
{
    bool first = logical == 0, dot = p[6] == 1 && p[8] == '.';

    if (!ext_like_dir(p, fs->block) || first != dot || (first && le_load(p, 4) != it->id)) {
        bad(fit);
    } else if (fs->sums) {
        int sum = ext_dir_sum(fs, p, it->seed);

        if (sum > 0)
            proof(fit);
        else
            bad(fit);
    } else {
        good(fit, first ? GOOD : 1);
    }
}

static void fit_extents(const struct ext_fs *fs, const uint8_t *p, const struct ext_item *it,
                        struct ext_fit *fit)
{
    uint32_t seed;

    if (le_load(p, 2) != 0xf30a || le_load(p + 6, 2) != it->level || !le_load(p + 2, 2) ||
        le_load(p + 12, 4) != it->first) {
        bad(fit);
    } else if (fs->sums) {
        if (ext_extents_solve(fs, p, &seed) && seed == it->seed)
            proof(fit);
        else
            bad(fit);
    } else {
        good(fit, GOOD);
    }
}

static void fit_indirect(const struct ext_fs *fs, const uint8_t *p, const struct ext_item *it,
                         struct ext_fit *fit)
{
    uint32_t per = fs->block / 4, used = 0, steps = 0, last = 0, most;
    uint64_t first, away;
    uint64_t reach = 1;                         /* file blocks that an entry leads to */

    for (unsigned i = 1; i < it->level; i++)
        reach *= per;
    most = (uint32_t)u64_min(div_up(it->left, reach), per);
    for (uint32_t i = 0; i < per; i++) {
        uint32_t now = (uint32_t)le_load(p + 4 * (size_t)i, 4);

        if (!now)
            continue;
        if (now >= fs->n_blocks || now <= fs->first_block || (most && i >= most)) {
            bad(fit);
            return;
        }
        steps += last && now > last && now - last <= reach + reach / per + 2;
        last = now;
        used++;
    }
    first = le_load(p, 4);
    away = first > it->block ? first - it->block : it->block - first;
    if (!used || (used > 1 && steps * 2 < used - 1) || (away > NEAR && used < 3))
        bad(fit);
    else
        good(fit, used == most && away <= NEAR ? GOOD : 1);
}

/* The block of the first table that is kept for its growth lists where its copies would be. */
static void fit_reserved(const struct ext_fs *fs, const uint8_t *p, const struct ext_item *it,
                         uint32_t nth, struct ext_fit *fit)
{
    uint32_t at = 0;

    if (it->id)
        return;
    for (uint32_t i = 1; i < fs->n_groups && at + 4 <= fs->block; i++) {
        if (!ext_has_super(fs, i))
            continue;
        if (le_load(p + at, 4) != ext_group_first(fs, i) + 1 + fs->n_desc_blocks + nth) {
            bad(fit);
            return;
        }
        at += 4;
    }
    if (at)
        good(fit, GOOD);
}

static void fit_journal(const struct ext_fs *fs, const uint8_t *p, uint32_t logical,
                        struct ext_fit *fit)
{
    if (logical)
        return;
    if (be_load(p, 4) != 0xc03b3998 || (be_load(p + 4, 4) | 7) != 7 ||
        be_load(p + 12, 4) != fs->block)
        bad(fit);
    else
        good(fit, GOOD);
}

static void fit_block(struct ext_fs *fs, struct rescue_guest *g, const struct ext_item *it,
                      uint64_t block, const uint8_t *p, struct ext_fit *fit)
{
    uint32_t nth = (uint32_t)(block - it->block);

    switch ((enum ext_kind)it->kind) {
    case EXT_SUPER: fit_super(fs, p, it->id, fit); break;
    case EXT_DESCS: fit_descs(fs, p, it->id, fit); break;
    case EXT_RESERVED: fit_reserved(fs, p, it, nth, fit); break;
    case EXT_BBITMAP: fit_bbitmap(fs, p, it->id, fit); break;
    case EXT_IBITMAP: fit_ibitmap(fs, p, it->id, fit); break;
    case EXT_ITABLE:
        fit_itable(fs, g, p, it->id, nth * (fs->block / fs->inode_size), fit);
        break;
    case EXT_JOURNAL: fit_journal(fs, p, it->id + nth, fit); break;
    case EXT_DIR: fit_dir(fs, p, it, it->first + nth, fit); break;
    case EXT_EXTENTS: fit_extents(fs, p, it, fit); break;
    case EXT_INDIRECT: fit_indirect(fs, p, it, fit); break;
    }
}

void ext_fit(struct ext_fs *fs, struct rescue_guest *g, const uint8_t *bytes,
             uint64_t guest_cl, struct ext_fit *fit)
{
    uint64_t start = guest_cl * rescue_cluster(g), end = start + rescue_cluster(g);
    uint64_t block = start <= fs->off ? 0 : div_up(start - fs->off, fs->block);

    *fit = (struct ext_fit){ 0, 0, 0 };
    for (size_t i = ext_item_from(fs, block, fs->n_items); i < fs->n_items; i++) {
        const struct ext_item *it = &fs->item[i];

        for (uint64_t b = u64_max(block, it->block); b < it->block + it->n; b++) {
            uint64_t at = fs->off + (b << fs->bits);

            if (at + fs->block > end)
                return;
            fit_block(fs, g, it, b, bytes + (at - start), fit);
        }
    }
}
