/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/crc.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/witness_ext.h"

#define JOURNAL_BLOCKS_MAX (1u << 22)

enum {
    COMPAT_JOURNAL = 0x4, COMPAT_RESIZE = 0x10, COMPAT_SPARSE2 = 0x200,
    INCOMPAT_JOURNAL_DEV = 0x8, INCOMPAT_META_BG = 0x10, INCOMPAT_64BIT = 0x80,
    INCOMPAT_SEED = 0x2000,
    RO_SPARSE = 0x1, RO_GROUP_SUMS = 0x10, RO_BIGALLOC = 0x200, RO_SUMS = 0x400,
};

/* --- super block --- */

uint32_t ext_super_group(const uint8_t *p)
{
    return (uint32_t)le_load(p + 90, 2);
}

static bool power_of(uint32_t n, uint32_t base)
{
    while (n > 1 && n % base == 0)
        n /= base;
    return n == 1;
}

static bool is_power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

static bool parse_sizes(const uint8_t *p, struct ext_fs *fs)
{
    uint64_t log = le_load(p + 24, 4), log_cluster = le_load(p + 28, 4), bitmap;
    bool big = fs->ro_compat & RO_BIGALLOC;

    if (log > 6)
        return false;
    fs->bits = 10 + (unsigned)log;
    fs->block = UINT32_C(1) << fs->bits;
    if (big && (log_cluster < log || log_cluster > 20))
        return false;
    fs->ratio_bits = big ? (unsigned)(log_cluster - log) : 0;
    bitmap = UINT64_C(8) << fs->bits;                   /* bits that a block holds */
    fs->n_blocks = le_load(p + 4, 4);
    if (fs->incompat & INCOMPAT_64BIT)
        fs->n_blocks |= le_load(p + 0x150, 4) << 32;
    fs->first_block = (uint32_t)le_load(p + 20, 4);
    fs->per_group = (uint32_t)le_load(p + 32, 4);
    fs->inodes_per_group = (uint32_t)le_load(p + 40, 4);
    fs->inode_size = le_load(p + 76, 4) ? (uint32_t)le_load(p + 88, 2) : 128;
    fs->first_inode = le_load(p + 76, 4) ? (uint32_t)le_load(p + 84, 4) : 11;
    fs->desc_size = fs->incompat & INCOMPAT_64BIT ? (uint32_t)le_load(p + 254, 2) : 32;
    return fs->first_block <= 1 && fs->per_group && fs->inodes_per_group &&
           fs->per_group % 8 == 0 && (fs->per_group >> fs->ratio_bits) <= bitmap &&
           fs->per_group >> fs->ratio_bits &&
           fs->inodes_per_group <= bitmap && fs->inodes_per_group % 8 == 0 &&
           is_power_of_two(fs->inode_size) && fs->inode_size >= 128 &&
           fs->inode_size <= fs->block && is_power_of_two(fs->desc_size) &&
           fs->desc_size >= 32 && fs->desc_size <= 1024;
}

bool ext_super_parse(const uint8_t *p, uint64_t size_max, struct ext_fs *fs)
{
    uint64_t groups, inodes;

    memset(fs, 0, sizeof *fs);
    if (le_load(p + 56, 2) != 0xef53 || le_load(p + 76, 4) > 1)
        return false;
    fs->compat = (uint32_t)le_load(p + 92, 4);
    fs->incompat = (uint32_t)le_load(p + 96, 4);
    fs->ro_compat = (uint32_t)le_load(p + 100, 4);
    if (fs->incompat & INCOMPAT_JOURNAL_DEV || !parse_sizes(p, fs) ||
        fs->n_blocks <= fs->first_block || fs->n_blocks > size_max >> fs->bits)
        return false;
    groups = div_up(fs->n_blocks - fs->first_block, fs->per_group);
    inodes = groups * fs->inodes_per_group;
    if (groups > EXT_GROUPS_MAX || inodes != le_load(p, 4))
        return false;
    fs->n_groups = (uint32_t)groups;
    fs->itable_blocks = (uint32_t)div_up((uint64_t)fs->inodes_per_group * fs->inode_size,
                                         fs->block);
    fs->desc_per_block = fs->block / fs->desc_size;
    fs->n_desc_blocks = (uint32_t)div_up(groups, fs->desc_per_block);
    fs->first_meta_bg = fs->incompat & INCOMPAT_META_BG ? (uint32_t)le_load(p + 0x104, 4)
                                                        : fs->n_desc_blocks;
    fs->reserved = fs->compat & COMPAT_RESIZE ? (uint32_t)le_load(p + 206, 2) : 0;
    fs->backup_bg[0] = (uint32_t)le_load(p + 0x24c, 4);
    fs->backup_bg[1] = (uint32_t)le_load(p + 0x250, 4);
    memcpy(fs->uuid, p + 104, 16);
    if (fs->compat & COMPAT_JOURNAL && p[0xfd] == 1)
        memcpy(fs->jnl_backup, p + 0x10c, sizeof fs->jnl_backup);
    fs->written = le_load(p + 48, 4);
    fs->sums = fs->ro_compat & RO_SUMS;
    fs->sums32 = fs->sums && fs->desc_size >= 64;
    fs->inode_sums32 = fs->sums && fs->inode_size > 128;
    fs->seed = fs->incompat & INCOMPAT_SEED ? (uint32_t)le_load(p + 0x270, 4)
                                            : crc32c(UINT32_MAX, fs->uuid, 16);
    return !fs->sums || crc32c(UINT32_MAX, p, 0x3fc) == le_load(p + 0x3fc, 4);
}

bool ext_has_super(const struct ext_fs *fs, uint32_t group)
{
    if (group == 0)
        return true;
    if (fs->compat & COMPAT_SPARSE2)
        return group == fs->backup_bg[0] || group == fs->backup_bg[1];
    return !(fs->ro_compat & RO_SPARSE) || power_of(group, 3) || power_of(group, 5) ||
           power_of(group, 7);
}

uint64_t ext_group_first(const struct ext_fs *fs, uint32_t group)
{
    return fs->first_block + (uint64_t)group * fs->per_group;
}

uint64_t ext_super_at(const struct ext_fs *fs, uint32_t group)
{
    return group ? ext_group_first(fs, group) << fs->bits : 1024;
}

uint32_t ext_group_blocks(const struct ext_fs *fs, uint32_t group)
{
    return (uint32_t)u64_min(fs->per_group, fs->n_blocks - ext_group_first(fs, group));
}

/* --- life --- */

struct ext_fs *ext_fs_new(const uint8_t *super, uint64_t off, uint64_t size_max,
                          enum rescue_sure sure, uint32_t index)
{
    struct ext_fs parsed, *fs;

    if (!ext_super_parse(super, size_max, &parsed))
        return NULL;
    fs = malloc(sizeof *fs);
    if (!fs)
        return NULL;
    *fs = parsed;
    fs->off = off;
    fs->sure = sure;
    fs->index = index;
    fs->group = calloc(fs->n_groups, sizeof *fs->group);
    for (size_t i = 0; i < EXT_DEPTH_MAX + 2; i++) {
        fs->node[i] = malloc(fs->block);
        fs->starved |= !fs->node[i];
    }
    fs->imap = malloc(fs->block);
    fs->imap_group = UINT32_MAX;
    if (!fs->group || !fs->imap || fs->starved) {
        ext_fs_free(fs);
        return NULL;
    }
    ext_undo_make(&fs->undo_inode, 8 + (size_t)fs->inode_size);
    ext_undo_make(&fs->undo_dir, fs->block - 12);
    ext_undo_make(&fs->undo_extents, 12 + (size_t)(fs->block - 12) / 12 * 12);
    return fs;
}

void ext_fs_free(struct ext_fs *fs)
{
    if (!fs)
        return;
    for (uint32_t i = 0; fs->group && i < fs->n_groups; i++)
        free(fs->group[i].done);
    for (size_t i = 0; i < EXT_DEPTH_MAX + 2; i++)
        free(fs->node[i]);
    free(fs->imap);
    free(fs->group);
    free(fs->item);
    free(fs->name);
    free(fs->text);
    free(fs);
}

bool ext_block_read(struct ext_fs *fs, struct rescue_guest *g, uint64_t block, uint8_t *dst)
{
    return block < fs->n_blocks &&
           rescue_read(g, fs->off + (block << fs->bits), dst, fs->block, SURE_LIKELY);
}

/* --- items --- */

void ext_item_add(struct ext_fs *fs, const struct ext_item *item)
{
    if (!range_inside(item->block, item->n, fs->n_blocks) || !item->n)
        return;
    if (!list_room(&fs->item, fs->n_items, &fs->items_cap, sizeof *fs->item)) {
        fs->starved = true;
        return;
    }
    fs->item[fs->n_items++] = *item;
}

static int by_block(const void *a, const void *b)
{
    const struct ext_item *x = a, *y = b;

    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* What a hostile disk puts at one block several times is kept once. */
void ext_items_sort(struct ext_fs *fs)
{
    size_t n = 0;

    if (fs->n_items)
        qsort(fs->item, fs->n_items, sizeof *fs->item, by_block);
    for (size_t i = 0; i < fs->n_items; i++)
        if (!n || fs->item[n - 1].block != fs->item[i].block)
            fs->item[n++] = fs->item[i];
    fs->n_items = n;
}

size_t ext_item_from(const struct ext_fs *fs, uint64_t block, size_t n)
{
    size_t lo;

    BISECT(lo, n, mid, fs->item[mid].block + fs->item[mid].n > block);
    return lo;
}

static void fixed(struct ext_fs *fs, uint64_t block, uint32_t n, enum ext_kind kind,
                  uint32_t id)
{
    ext_item_add(fs, &(struct ext_item){ .block = block, .n = n, .kind = (uint8_t)kind,
                                         .id = id });
}

/* Where a block of descriptors lies: in the first table (copy 0) or in that of a group. */
static bool desc_block_at(const struct ext_fs *fs, uint32_t i, uint32_t copy, uint64_t *block)
{
    uint32_t group;

    if (i < fs->first_meta_bg) {
        if (copy >= fs->n_groups || !ext_has_super(fs, copy))
            return false;
        /* With blocks of 1 KiB the first super block is block 1; else it is in block 0. */
        *block = (copy ? ext_group_first(fs, copy) : UINT64_C(1024) >> fs->bits) + 1 + i;
        return *block < fs->n_blocks;
    }
    if (copy > 2)
        return false;
    group = i * fs->desc_per_block + (copy == 2 ? fs->desc_per_block - 1 : copy);
    if (group >= fs->n_groups)
        return false;
    *block = ext_group_first(fs, group) + ext_has_super(fs, group) +
             (group == 0 && fs->bits == 10 && fs->first_block == 0);
    return *block < fs->n_blocks;
}

static void list_super(struct ext_fs *fs, uint32_t group)
{
    uint64_t first = group ? ext_group_first(fs, group) : UINT64_C(1024) >> fs->bits;

    fixed(fs, first, 1, EXT_SUPER, group);
    if (fs->first_meta_bg < fs->n_desc_blocks)
        return;
    for (uint32_t i = 0; i < fs->n_desc_blocks; i++)
        fixed(fs, first + 1 + i, 1, EXT_DESCS, i * fs->desc_per_block);
    fixed(fs, first + 1 + fs->n_desc_blocks, fs->reserved, EXT_RESERVED, group);
}

static void list_fixed(struct ext_fs *fs)
{
    fs->n_items = 0;
    for (uint32_t i = 0; i < fs->n_groups; i++) {
        const struct ext_bg *gr = &fs->group[i];

        if (ext_has_super(fs, i))
            list_super(fs, i);
        if (!gr->known)
            continue;
        fixed(fs, gr->bbitmap, 1, EXT_BBITMAP, i);
        fixed(fs, gr->ibitmap, 1, EXT_IBITMAP, i);
        fixed(fs, gr->itable, fs->itable_blocks, EXT_ITABLE, i);
    }
    if (fs->first_meta_bg < fs->n_desc_blocks)
        for (uint32_t i = 0; i < fs->n_desc_blocks; i++)
            for (uint32_t copy = 0; copy < 3; copy++) {
                uint64_t block;

                if (desc_block_at(fs, i, copy, &block))
                    fixed(fs, block, 1, EXT_DESCS, i * fs->desc_per_block);
            }
}

/* The journal, as the super block repeats what maps it. */
static void list_journal(struct ext_fs *fs)
{
    const uint8_t *p = fs->jnl_backup;
    uint64_t n = (le_load(p + 60, 4) << 32 | le_load(p + 64, 4)) >> fs->bits;

    if (le_load(p, 2) == 0xf30a && le_load(p + 6, 2) == 0) {
        fs->journal = le_load(p + 18, 2) << 32 | le_load(p + 20, 4);
        for (size_t i = 0; i < 4 && i < le_load(p + 2, 2); i++) {
            const uint8_t *e = p + 12 + 12 * i;

            ext_item_add(fs, &(struct ext_item){
                .block = le_load(e + 6, 2) << 32 | le_load(e + 8, 4),
                .n = (uint32_t)le_load(e + 4, 2), .kind = EXT_JOURNAL,
                .id = (uint32_t)le_load(e, 4), .level = 1 });
        }
    } else if (le_load(p, 4) && le_load(p + 4, 4) == le_load(p, 4) + 1) {
        /* Mapped by blocks, of which only the first twelve are here: made in one piece, with
         * the blocks that map it in between. */
        uint64_t block = le_load(p, 4), per = fs->block / 4, logical = 0;

        while (logical < n && logical < JOURNAL_BLOCKS_MAX) {
            uint64_t len = u64_min(logical ? per : 12, n - logical);

            fixed(fs, block, (uint32_t)len, EXT_JOURNAL, (uint32_t)logical);
            logical += len;
            block += len + 1 + (logical == 12 + per);
        }
    }
}

/* --- group descriptors --- */

static bool desc_fits(const struct ext_fs *fs, const uint8_t *p, uint32_t group,
                      struct ext_bg *gr)
{
    bool wide = fs->desc_size >= 64;

    if (fs->ro_compat & (RO_SUMS | RO_GROUP_SUMS) && !ext_desc_sum_fits(fs, p, group))
        return false;
    gr->bbitmap = le_load(p, 4) | (wide ? le_load(p + 0x20, 4) << 32 : 0);
    gr->ibitmap = le_load(p + 4, 4) | (wide ? le_load(p + 0x24, 4) << 32 : 0);
    gr->itable = le_load(p + 8, 4) | (wide ? le_load(p + 0x28, 4) << 32 : 0);
    gr->free_blocks = (uint32_t)(le_load(p + 12, 2) |
                                 (wide ? le_load(p + 0x2c, 2) << 16 : 0));
    gr->free_inodes = (uint32_t)(le_load(p + 14, 2) |
                                 (wide ? le_load(p + 0x2e, 2) << 16 : 0));
    gr->bsum = (uint32_t)(le_load(p + 0x18, 2) | (wide ? le_load(p + 0x38, 2) << 16 : 0));
    gr->isum = (uint32_t)(le_load(p + 0x1a, 2) | (wide ? le_load(p + 0x3a, 2) << 16 : 0));
    gr->unused_inodes = 0;
    gr->flags = 0;
    if (fs->ro_compat & (RO_SUMS | RO_GROUP_SUMS)) {
        gr->unused_inodes = (uint32_t)(le_load(p + 0x1c, 2) |
                                       (wide ? le_load(p + 0x32, 2) << 16 : 0));
        gr->flags = (uint16_t)le_load(p + 0x12, 2);
    }
    return gr->bbitmap > fs->first_block && gr->ibitmap > fs->first_block &&
           gr->itable > fs->first_block && gr->bbitmap < fs->n_blocks &&
           gr->ibitmap < fs->n_blocks &&
           range_inside(gr->itable, fs->itable_blocks, fs->n_blocks) &&
           gr->free_blocks <= fs->per_group && gr->free_inodes <= fs->inodes_per_group &&
           gr->unused_inodes <= fs->inodes_per_group;
}

static bool descs_read(struct ext_fs *fs, struct rescue_guest *g, uint32_t i, uint32_t copy)
{
    uint8_t *p = fs->node[0];
    uint64_t block;

    if (!desc_block_at(fs, i, copy, &block) || !ext_block_read(fs, g, block, p))
        return false;
    for (uint32_t k = 0; k < fs->desc_per_block; k++) {
        uint32_t group = i * fs->desc_per_block + k;
        struct ext_bg found, *gr = &fs->group[group];

        if (group >= fs->n_groups)
            break;
        if (gr->fresh || (gr->known && copy))
            continue;
        found = *gr;
        if (!desc_fits(fs, p + (size_t)k * fs->desc_size, group, &found))
            continue;
        found.known = true;
        found.fresh = copy == 0;
        *gr = found;
    }
    return true;
}

void ext_groups_read(struct ext_fs *fs, struct rescue_guest *g)
{
    fs->imap_group = UINT32_MAX;
    for (uint32_t i = 0; i < fs->n_desc_blocks; i++) {
        uint32_t tries = 0;

        if (fs->group[i * fs->desc_per_block].fresh || descs_read(fs, g, i, 0))
            continue;
        if (fs->group[i * fs->desc_per_block].known)
            continue;
        for (uint32_t copy = 1; copy < fs->n_groups && tries < 64; copy++)
            if (i >= fs->first_meta_bg || ext_has_super(fs, copy)) {
                tries++;
                if (descs_read(fs, g, i, copy))
                    break;
            }
    }
    list_fixed(fs);
    list_journal(fs);
    ext_items_sort(fs);
    fs->n_fixed = fs->n_items;
}

const uint8_t *ext_imap(struct ext_fs *fs, struct rescue_guest *g, uint32_t group)
{
    const struct ext_bg *gr = &fs->group[group];

    if (!gr->known)
        return NULL;
    if (fs->imap_group != group) {
        fs->imap_group = group;
        if (gr->flags & EXT_FLAG_INODE_UNINIT)
            memset(fs->imap, 0, fs->block);
        fs->imap_read = gr->flags & EXT_FLAG_INODE_UNINIT ||
                        ext_block_read(fs, g, gr->ibitmap, fs->imap);
    }
    return fs->imap_read ? fs->imap : NULL;
}
