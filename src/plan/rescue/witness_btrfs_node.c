/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Super blocks, chunks and trees of btrfs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/crc.h"
#include "base/num.h"
#include "plan/rescue/witness_btrfs.h"

#define KEY_LEN     17u
#define ITEM_LEN    25u
#define POINTER_LEN 33u
#define CHUNK_LEN   48u         /* without stripes */
#define STRIPE_LEN  32u
#define SUPER_LEN   4096u
#define TYPE_CHUNK  228u
#define WALK_MAX    (1u << 18)  /* nodes of one tree */
#define METADATA_UUID (UINT64_C(1) << 10)

static bool sum_right(const uint8_t *p, size_t len)
{
    return (uint32_t)~crc32c(UINT32_MAX, p + 32, len - 32) == le_load(p, 4);
}

/* --- super blocks --- */

static bool size_fit(uint64_t n)
{
    return n >= 4096 && n <= NODE_MAX && !(n & (n - 1));
}

bool btrfs_super_read(const uint8_t *p, size_t len, struct btrfs_super *out, uint64_t *bytenr)
{
    uint64_t array_len;

    if (len < SUPER_LEN || memcmp(p + 64, "_BHRfS_M", 8))
        return false;
    array_len = le_load(p + 160, 4);
    if (!size_fit(le_load(p + 144, 4)) || !size_fit(le_load(p + 148, 4)) ||
        array_len > sizeof out->array || p[198] >= LEVELS_MAX || p[199] >= LEVELS_MAX)
        return false;
    out->csum_type = (unsigned)le_load(p + 196, 2);
    if (out->csum_type == 0 && !sum_right(p, SUPER_LEN))
        return false;
    memcpy(out->fsid, p + 32, 16);
    memcpy(out->node_fsid, p + (le_load(p + 188, 8) & METADATA_UUID ? 571 : 32), 16);
    *bytenr = le_load(p + 48, 8);
    out->generation = le_load(p + 72, 8);
    out->root = le_load(p + 80, 8);
    out->chunk_root = le_load(p + 88, 8);
    out->sector = (uint32_t)le_load(p + 144, 4);
    out->node = (uint32_t)le_load(p + 148, 4);
    out->root_level = p[198];
    out->chunk_level = p[199];
    out->devid = le_load(p + 201, 8);
    out->total_len = le_load(p + 209, 8);
    memcpy(out->array, p + 811, sizeof out->array);
    out->array_len = (size_t)array_len;
    return true;
}

/* --- nodes --- */

/* Written, and back references of the present kind. */
static const uint8_t NODE_FLAGS[8] = { 1, 0, 0, 0, 0, 0, 0, 1 };

bool btrfs_node_like(const uint8_t *p, size_t len)
{
    return len >= 128 && !memcmp(p + 56, NODE_FLAGS, 8) && p[100] < LEVELS_MAX &&
           !(le_load(p + 48, 8) & 4095) && le_load(p + 96, 4) <= NODE_MAX / ITEM_LEN;
}

bool btrfs_node_proved(const uint8_t *p, size_t len)
{
    return sum_right(p, len);
}

/* Is that the node that was asked for? */
static bool is_node(const struct btrfs *fs, const uint8_t *p, uint64_t logical,
                    uint64_t generation, unsigned level)
{
    return btrfs_node_like(p, fs->super.node) && le_load(p + 48, 8) == logical &&
           !memcmp(p + 32, fs->super.node_fsid, 16) && p[100] == level &&
           (!generation || le_load(p + 80, 8) == generation) &&
           (fs->super.csum_type != 0 || sum_right(p, fs->super.node));
}

bool btrfs_node_of_candidates(struct btrfs *fs, const struct btrfs_seen *s, uint8_t *dst)
{
    uint32_t cluster = rescue_cluster(fs->g), at = s->at, have = 0;
    size_t cand = s->cand;

    for (unsigned piece = 0; have < fs->super.node; piece++, at = 0) {
        uint32_t n = (uint32_t)u64_min(cluster - at, fs->super.node - have);

        if (piece && piece <= 8 && s->zeros >> (piece - 1) & 1) {
            memset(dst + have, 0, n);
        } else {
            if (!rescue_candidate_read(fs->g, cand++, fs->w->cluster, NULL))
                return false;
            memcpy(dst + have, fs->w->cluster + at, n);
        }
        have += n;
    }
    return true;
}

/* Reads a node, from the disk or from a candidate. generation 0: any. */
static bool btrfs_node_get(struct btrfs *fs, uint64_t logical, uint64_t generation, unsigned level,
                           uint8_t *dst)
{
    const struct btrfs_witness *w = fs->w;
    uint64_t place[STRIPES_MAX], left;
    unsigned n = btrfs_places(fs, logical, place, &left);
    size_t lo;

    for (unsigned i = 0; i < n; i++)
        if (left >= fs->super.node &&
            rescue_read(fs->g, fs->start + place[i], dst, fs->super.node, SURE_LIKELY) &&
            is_node(fs, dst, logical, generation, level))
            return true;
    BISECT(lo, w->n_seen, mid, w->seen[mid].logical >= logical);
    for (unsigned tries = 0; lo < w->n_seen && w->seen[lo].logical == logical && tries < 64;
         lo++, tries++)
        if ((!generation || w->seen[lo].generation == generation) &&
            btrfs_node_of_candidates(fs, &w->seen[lo], dst) &&
            is_node(fs, dst, logical, generation, level))
            return true;
    return false;
}

bool btrfs_item(const struct btrfs *fs, const uint8_t *leaf, uint32_t i,
                struct btrfs_item *out)
{
    const uint8_t *p = leaf + NODE_HEADER + (size_t)i * ITEM_LEN;
    uint64_t off, len;

    if (i >= le_load(leaf + 96, 4) || NODE_HEADER + (i + UINT64_C(1)) * ITEM_LEN > fs->super.node)
        return false;
    off = le_load(p + 17, 4);
    len = le_load(p + 21, 4);
    if (!range_inside(off, len, fs->super.node - NODE_HEADER))
        return false;
    *out = (struct btrfs_item){ le_load(p, 8), le_load(p + 9, 8), p[8],
                                leaf + NODE_HEADER + off, (uint32_t)len };
    return true;
}

struct btrfs_step {
    uint8_t *node;
    uint32_t next;
};

static bool walk(struct btrfs *fs, struct btrfs_step *path, uint64_t root, uint64_t generation,
                 unsigned top, btrfs_leaf_fn *leaf, void *ctx)
{
    unsigned level = top;
    uint32_t budget = WALK_MAX;
    bool gap = false, whole = true;

    if (!btrfs_node_get(fs, root, generation, top, path[top].node))
        return false;
    path[top].next = 0;
    for (;;) {
        struct btrfs_step *s = &path[level];
        const uint8_t *p = s->node + NODE_HEADER + (size_t)s->next * POINTER_LEN;

        if (level == 0) {
            leaf(fs, ctx, s->node, gap);
            gap = false;
        } else if (s->next < le_load(s->node + 96, 4) &&
                   NODE_HEADER + (s->next + UINT64_C(1)) * POINTER_LEN <= fs->super.node) {
            s->next++;
            if (!budget-- || !btrfs_node_get(fs, le_load(p + 17, 8), le_load(p + 25, 8),
                                             level - 1, path[level - 1].node)) {
                if (!budget)
                    return false;
                gap = true;
                whole = false;
                continue;
            }
            path[--level].next = 0;
            continue;
        }
        if (level++ == top)
            return whole;
    }
}

bool btrfs_walk(struct btrfs *fs, uint64_t root, uint64_t generation, unsigned level,
                btrfs_leaf_fn *leaf, void *ctx)
{
    struct btrfs_step path[LEVELS_MAX] = { { NULL, 0 } };
    uint8_t *all;
    bool whole;

    if (level >= LEVELS_MAX)
        return false;
    all = malloc((size_t)LEVELS_MAX * fs->super.node);
    if (!all)
        return false;
    for (unsigned i = 0; i < LEVELS_MAX; i++)
        path[i].node = all + (size_t)i * fs->super.node;
    whole = walk(fs, path, root, generation, level, leaf, ctx);
    free(all);
    return whole;
}

/* --- chunks --- */

/* The chunk that holds a logical address, or SIZE_MAX. */
static size_t chunk_of(const struct btrfs *fs, uint64_t logical)
{
    size_t lo;

    BISECT(lo, fs->n_chunks, mid, fs->chunk[mid].logical > logical);
    return lo && logical - fs->chunk[lo - 1].logical < fs->chunk[lo - 1].len ? lo - 1
        : SIZE_MAX;
}

unsigned btrfs_places(const struct btrfs *fs, uint64_t logical, uint64_t place[STRIPES_MAX],
                      uint64_t *len)
{
    size_t i = chunk_of(fs, logical);
    const struct btrfs_chunk *c = i == SIZE_MAX ? NULL : &fs->chunk[i];

    if (!c || !c->mirrored)
        return 0;
    for (unsigned k = 0; k < c->n_stripes; k++)
        place[k] = c->stripe[k] + (logical - c->logical);
    *len = c->len - (logical - c->logical);
    return c->n_stripes;
}

uint64_t btrfs_chunk_type(const struct btrfs *fs, uint64_t logical)
{
    size_t i = chunk_of(fs, logical);

    return i == SIZE_MAX ? 0 : fs->chunk[i].type;
}

/* A chunk item of `len` bytes at most; returns its length, 0: none. Known ones and those that
 * overlap others are left out. */
static size_t chunk_add(struct btrfs *fs, uint64_t logical, const uint8_t *p, size_t len)
{
    const uint64_t striped = 8 | 64 | 128 | 256;    /* RAID0, RAID10, RAID5, RAID6 */
    struct btrfs_chunk c = { .logical = logical }, *more;
    unsigned n;
    size_t at = 0;

    if (len < CHUNK_LEN)
        return 0;
    n = (unsigned)le_load(p + 44, 2);
    if (!n || n > (len - CHUNK_LEN) / STRIPE_LEN)
        return 0;
    c.len = le_load(p, 8);
    c.type = le_load(p + 24, 8);
    c.mirrored = !(c.type & striped);
    for (unsigned i = 0; i < n && c.n_stripes < STRIPES_MAX; i++) {
        const uint8_t *s = p + CHUNK_LEN + (size_t)i * STRIPE_LEN;

        if (le_load(s, 8) == fs->super.devid &&
            range_inside(le_load(s + 8, 8), c.len, fs->super.total_len))
            c.stripe[c.n_stripes++] = le_load(s + 8, 8);
    }
    if (!c.len || c.len > UINT64_MAX - logical || fs->n_chunks == CHUNKS_MAX)
        return CHUNK_LEN + (size_t)n * STRIPE_LEN;
    while (at < fs->n_chunks && fs->chunk[at].logical < logical)
        at++;
    if ((at && logical - fs->chunk[at - 1].logical < fs->chunk[at - 1].len) ||
        (at < fs->n_chunks && fs->chunk[at].logical - logical < c.len))
        return CHUNK_LEN + (size_t)n * STRIPE_LEN;
    more = realloc(fs->chunk, (fs->n_chunks + 1) * sizeof *more);
    if (!more)
        return 0;
    fs->chunk = more;
    memmove(more + at + 1, more + at, (fs->n_chunks - at) * sizeof *more);
    more[at] = c;
    fs->n_chunks++;
    return CHUNK_LEN + (size_t)n * STRIPE_LEN;
}

static void chunk_leaf(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap)
{
    struct btrfs_item item;

    (void)ctx;
    (void)gap;
    for (uint32_t i = 0; btrfs_item(fs, leaf, i, &item); i++)
        if (item.type == TYPE_CHUNK)
            chunk_add(fs, item.offset, item.at, item.len);
}

bool btrfs_chunks_read(struct btrfs *fs)
{
    const uint8_t *p = fs->super.array;
    size_t left = fs->super.array_len;

    fs->n_chunks = 0;
    while (left > KEY_LEN && p[8] == TYPE_CHUNK) {
        size_t n = chunk_add(fs, le_load(p + 9, 8), p + KEY_LEN, left - KEY_LEN);

        if (!n)
            break;
        p += KEY_LEN + n;
        left -= KEY_LEN + n;
    }
    fs->chunks_whole = btrfs_walk(fs, fs->super.chunk_root, 0, fs->super.chunk_level,
                                  chunk_leaf, NULL);
    return fs->n_chunks > 0;
}
