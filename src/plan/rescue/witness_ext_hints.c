/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* From candidates to places: what their blocks say about where they belong. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/num.h"
#include "plan/rescue/witness_ext_placing.h"

#define PAIRS_MAX (1u << 18)    /* candidates x places tried blindly in one round */
#define ALIKE_MAX 8             /* items of one key, past which the key tells nothing */

static uint64_t guest_of(const struct ext_placing *pl, uint64_t block)
{
    return pl->fs->off + (block << pl->fs->bits);
}

static uint64_t count_key(enum ext_kind kind, uint64_t in_cluster, uint32_t free_bits)
{
    return (uint64_t)(kind == EXT_IBITMAP) << 63 | in_cluster << 32 | free_bits;
}

static uint64_t sum_key(uint64_t in_cluster, uint32_t sum)
{
    return in_cluster << 32 | sum;
}

/* Is there still a candidate to be found for that guest byte? */
static bool wanted(const struct ext_placing *pl, uint64_t guest_off)
{
    enum rescue_sure sure;
    uint64_t cl = guest_off / pl->cluster;

    return rescue_lost(pl->g, cl) &&
           (!rescue_placed(pl->g, cl, NULL, &sure) || sure < SURE_LIKELY);
}

static void list_table(struct ext_placing *pl, size_t i)
{
    const struct ext_fs *fs = pl->fs;
    const struct ext_item *it = &fs->item[i];
    const struct ext_bg *gr = &fs->group[it->id];
    const uint8_t *map = ext_imap(pl->fs, pl->g, it->id);
    uint64_t last = UINT64_MAX;
    uint32_t per = fs->block / fs->inode_size;

    if (!map || gr->free_inodes == fs->inodes_per_group)
        return;
    for (uint32_t k = 0; k < fs->inodes_per_group; k++) {
        uint64_t cl = guest_of(pl, it->block + k / per) / pl->cluster;

        if (!ext_bit(map, k) || cl == last)
            continue;
        last = cl;
        if (wanted(pl, cl * pl->cluster))
            ext_key_add(pl, &pl->tables, cl, i);
    }
}

static void list_keys(struct ext_placing *pl)
{
    const struct ext_fs *fs = pl->fs;

    for (size_t i = 0; i < fs->n_items; i++) {
        const struct ext_item *it = &fs->item[i];
        uint64_t at = guest_of(pl, it->block), in = at % pl->cluster;
        const struct ext_bg *gr = it->kind <= EXT_ITABLE ? &fs->group[it->id] : NULL;

        switch ((enum ext_kind)it->kind) {
        case EXT_BBITMAP:
            if (gr->flags & EXT_FLAG_BLOCK_UNINIT || !wanted(pl, at))
                break;
            ext_key_add(pl, &pl->sums, fs->sums32 ? sum_key(in, gr->bsum)
                    : count_key(EXT_BBITMAP, in, gr->free_blocks >> fs->ratio_bits), i);
            break;
        case EXT_IBITMAP:
            if (gr->flags & EXT_FLAG_INODE_UNINIT || !wanted(pl, at))
                break;
            ext_key_add(pl, &pl->sums, fs->sums32 ? sum_key(in, gr->isum)
                    : count_key(EXT_IBITMAP, in, gr->free_inodes), i);
            break;
        case EXT_ITABLE:
            if (!fs->inode_sums32)
                list_table(pl, i);
            break;
        case EXT_DIR:
            ext_key_add(pl, &pl->owners, (uint64_t)EXT_DIR << 32 | (fs->sums ? it->seed : it->id),
                    i);
            if (fs->sums)       /* the root of a hash tree has no checksum of this kind */
                ext_key_add(pl, &pl->owners, (uint64_t)(EXT_DIR + 16) << 32 | it->id, i);
            break;
        case EXT_EXTENTS:
            if (wanted(pl, at))
                ext_key_add(pl, &pl->owners,
                        (uint64_t)EXT_EXTENTS << 32 | (fs->sums ? it->seed : it->first), i);
            break;
        case EXT_INDIRECT:
            if (wanted(pl, at))
                ext_key_add(pl, &pl->maps, in, i);
            break;
        default:
            break;
        }
    }
    ext_keys_sort(&pl->sums);
    ext_keys_sort(&pl->owners);
    ext_keys_sort(&pl->maps);
}

/* --- places that the blocks of a candidate suggest --- */

/* Byte `at` of the candidate would lie at that guest byte. */
static void suggest(struct ext_placing *pl, size_t at, uint64_t guest_off)
{
    uint64_t cl;

    if (guest_off < at || (guest_off - at) % pl->cluster)
        return;
    cl = (guest_off - at) / pl->cluster;
    if (!rescue_lost(pl->g, cl))
        return;
    for (size_t i = 0; i < pl->n_places; i++)
        if (pl->place[i] == cl)
            return;
    if (pl->n_places < EXT_PLACES_MAX)
        pl->place[pl->n_places++] = cl;
}

/* Any block of an item may be the one at `at`. */
static void suggest_item(struct ext_placing *pl, size_t at, const struct ext_item *it)
{
    for (uint32_t i = 0; i < it->n && i < 4096; i++)
        suggest(pl, at, guest_of(pl, it->block + i));
}

static void suggest_keys(struct ext_placing *pl, size_t at, const struct ext_keys *keys, uint64_t key,
                         size_t most)
{
    size_t first, n = ext_key_find(keys, key, &first);

    if (n > most)
        return;
    for (size_t i = 0; i < n; i++)
        suggest_item(pl, at, &pl->fs->item[keys->list[first + i].item]);
}

static void hint_super(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    struct ext_fs parsed;

    if (ext_super_parse(p, rescue_size(pl->g), &parsed) &&
        memcmp(parsed.uuid, pl->fs->uuid, 16) == 0 &&
        ext_super_group(p) < pl->fs->n_groups)
        suggest(pl, at, pl->fs->off + ext_super_at(pl->fs, ext_super_group(p)));
}

static void hint_inodes(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    const struct ext_fs *fs = pl->fs;

    for (uint32_t i = 0; i < fs->block; i += fs->inode_size) {
        uint32_t inode, group, index;

        if (!ext_like_inode(p + i, fs->inode_size))
            continue;
        inode = ext_inode_solve(fs, p + i);
        if (!inode)
            continue;
        group = (inode - 1) / fs->inodes_per_group;
        index = (inode - 1) % fs->inodes_per_group;
        if (fs->group[group].known)
            suggest(pl, at + i, guest_of(pl, fs->group[group].itable) +
                                (uint64_t)index * fs->inode_size);
    }
}

static void hint_dir(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    uint32_t seed;

    if (!ext_like_dir(p, pl->fs->block))
        return;
    if (!pl->fs->sums) {
        if (p[6] == 1 && p[8] == '.')
            suggest_keys(pl, at, &pl->owners, (uint64_t)EXT_DIR << 32 | le_load(p, 4), 64);
    } else if (ext_dir_solve(pl->fs, p, &seed)) {
        suggest_keys(pl, at, &pl->owners, (uint64_t)EXT_DIR << 32 | seed, 64);
    } else if (p[6] == 1 && p[8] == '.') {
        suggest_keys(pl, at, &pl->owners, (uint64_t)(EXT_DIR + 16) << 32 | le_load(p, 4), 64);
    }
}

static void hint_extents(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    uint32_t key;

    if (!pl->fs->sums)
        key = (uint32_t)le_load(p + 12, 4);
    else if (!ext_extents_solve(pl->fs, p, &key))
        return;
    suggest_keys(pl, at, &pl->owners, (uint64_t)EXT_EXTENTS << 32 | key, 64);
}

static void hint_indirect(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    size_t first, n;

    /* A block kept for the table of groups to grow lists its copies, from group 1 on. */
    if (pl->fs->reserved)
        suggest(pl, at, guest_of(pl, le_load(p, 4) - pl->fs->per_group));
    if (!pl->maps.n || !ext_like_indirect(p, pl->fs->block))
        return;
    /* Mostly it lies just before the first block that it lists. */
    suggest(pl, at, guest_of(pl, le_load(p, 4) - 1));
    n = ext_key_find(&pl->maps, at, &first);
    for (size_t i = 0; i < n && pl->pairs_left; i++) {
        const struct ext_item *it = &pl->fs->item[pl->maps.list[first + i].item];
        uint64_t away = le_load(p, 4) > it->block ? le_load(p, 4) - it->block
                                                  : it->block - le_load(p, 4);

        pl->pairs_left--;
        if (away < 64 || n <= ALIKE_MAX)
            suggest(pl, at, guest_of(pl, it->block));
    }
}

static void hint_bitmap(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    const struct ext_fs *fs = pl->fs;
    uint32_t bits = fs->per_group >> fs->ratio_bits, inodes = fs->inodes_per_group;

    if (fs->sums32) {
        suggest_keys(pl, at, &pl->sums, sum_key(at, crc32c(fs->seed, p, bits / 8)),
                     ALIKE_MAX);
        suggest_keys(pl, at, &pl->sums, sum_key(at, crc32c(fs->seed, p, inodes / 8)),
                     ALIKE_MAX);
        return;
    }
    suggest_keys(pl, at, &pl->sums,
                 count_key(EXT_BBITMAP, at, ext_count_zero_bits(p, bits)), 64);
    suggest_keys(pl, at, &pl->sums,
                 count_key(EXT_IBITMAP, at, ext_count_zero_bits(p, inodes)), 64);
}

static void hint_journal(struct ext_placing *pl, const uint8_t *p, size_t at)
{
    const struct ext_fs *fs = pl->fs;

    if (be_load(p, 4) != 0xc03b3998 || (be_load(p + 4, 4) | 7) != 7)
        return;
    for (size_t i = 0; i < fs->n_items; i++)
        if (fs->item[i].kind == EXT_JOURNAL && fs->item[i].id == 0)
            suggest(pl, at, guest_of(pl, fs->item[i].block));
}

/* Inodes that do not tell their numbers: every table in use is tried. */
static void hint_tables(struct ext_placing *pl)
{
    for (size_t i = 0; i < pl->tables.n && pl->pairs_left && pl->n_places < EXT_PLACES_MAX; i++) {
        pl->pairs_left--;
        suggest(pl, 0, pl->tables.list[i].key * pl->cluster);
    }
}

static void hints(struct ext_placing *pl, uint8_t like)
{
    const struct ext_fs *fs = pl->fs;

    pl->n_places = 0;
    if (like & EXT_LIKE_SUPER)
        for (size_t at = 0; at + 1024 <= pl->cluster; at += 512)
            if (le_load(pl->bytes + at + 56, 2) == 0xef53)
                hint_super(pl, pl->bytes + at, at);
    if (like & EXT_LIKE_INODES && !fs->inode_sums32)
        hint_tables(pl);
    for (size_t at = fs->off % fs->block; at + fs->block <= pl->cluster; at += fs->block) {
        const uint8_t *p = pl->bytes + at;

        if (bytes_all_zero(p, fs->block))
            continue;
        if (like & EXT_LIKE_INODES && fs->inode_sums32)
            hint_inodes(pl, p, at);
        if (like & EXT_LIKE_DIR)
            hint_dir(pl, p, at);
        if (like & EXT_LIKE_EXTENTS && le_load(p, 2) == 0xf30a)
            hint_extents(pl, p, at);
        if (like & EXT_LIKE_INDIRECT && (pl->maps.n || fs->reserved))
            hint_indirect(pl, p, at);
        if (like & EXT_LIKE_JOURNAL)
            hint_journal(pl, p, at);
        if (like & EXT_LIKE_BITMAP && pl->sums.n)
            hint_bitmap(pl, p, at);
    }
}

static void try_places(struct ext_placing *pl, size_t cand)
{
    for (size_t i = 0; i < pl->n_places; i++) {
        struct ext_fit fit;

        ext_fit(pl->fs, pl->g, pl->bytes, pl->place[i], &fit);
        /* What proves something counts against others even where it does not fit. */
        if (fit.proofs || (fit.good >= 4 && fit.good > fit.bad * 2))
            ext_claim_add(pl, cand, pl->place[i], &fit);
    }
}

bool ext_place(struct ext_witness *w, struct ext_fs *fs, struct rescue_guest *g, bool *news,
               struct error *err)
{
    struct ext_placing pl = { .fs = fs, .g = g, .cluster = rescue_cluster(g),
                          .pairs_left = PAIRS_MAX };
    bool ok;

    pl.bytes = malloc(pl.cluster);
    ok = pl.bytes != NULL;
    list_keys(&pl);
    for (size_t i = 0; ok && i < rescue_candidates(g); i++) {
        struct rescue_pin pin;

        if (!w->like[i] ||
            (rescue_pinned(g, i, &pin) && pin.sure >= SURE_LIKELY) ||
            !rescue_candidate_read(g, i, pl.bytes, NULL))
            continue;
        hints(&pl, w->like[i]);
        try_places(&pl, i);
    }
    if (ok)
        ext_choose(&pl, w->like, news);
    ok = ok && !pl.starved && !fs->starved;
    free(pl.bytes);
    free(pl.sums.list);
    free(pl.owners.list);
    free(pl.maps.list);
    free(pl.tables.list);
    free(pl.claim);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
