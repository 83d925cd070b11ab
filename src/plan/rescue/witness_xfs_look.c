/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the witness of XFS recognises in a candidate. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/witness_xfs.h"

#define SUPER_LEN 512u
#define META_UUID 4u
#define SPARSE_INODES 2u
#define FAR_COUNTS 32u

bool xfs_sum_right(const uint8_t *p, size_t len, size_t at)
{
    static const uint8_t zeros[4];
    uint32_t crc = crc32c(UINT32_MAX, p, at);

    crc = crc32c(crc, zeros, 4);
    return (uint32_t)~crc32c(crc, p + at + 4, len - at - 4) == le_load(p + at, 4);
}

size_t xfs_uuid_number(struct xfs_witness *w, const uint8_t *uuid)
{
    size_t i = 0;

    while (i < w->n_uuids && memcmp(w->uuid[i], uuid, 16))
        i++;
    if (i == w->n_uuids && i < XFS_UUIDS_MAX)
        memcpy(w->uuid[w->n_uuids++], uuid, 16);
    return i;
}

/* --- super blocks --- */

static bool power_between(uint64_t n, uint64_t min, uint64_t max)
{
    return n >= min && n <= max && !(n & (n - 1));
}

bool xfs_super_read(const uint8_t *p, size_t len, struct xfs_super *out)
{
    uint32_t incompat;

    if (len < SUPER_LEN || memcmp(p, "XFSB", 4))
        return false;
    *out = (struct xfs_super){
        .block = be32(p + 4), .blocks = be64(p + 8), .log_start = be64(p + 48),
        .group_blocks = be32(p + 84), .groups = be32(p + 88), .log_blocks = be32(p + 96),
        .sector = be16(p + 102), .inode = be16(p + 104),
        .inodes_per_block_bits = p[123], .group_bits = p[124],
        .v5 = (be16(p + 100) & 15) == 5,
    };
    memcpy(out->uuid, p + 32, 16);
    memcpy(out->meta_uuid, p + 32, 16);
    if (!power_between(out->block, 512, XFS_BLOCK_MAX) ||
        !power_between(out->sector, 512, 32768) || out->sector > out->block ||
        !power_between(out->inode, 256, 2048) || out->inode > out->block ||
        out->inodes_per_block_bits > 8 ||
        out->block / out->inode != 1u << out->inodes_per_block_bits ||
        !out->groups || out->groups > XFS_GROUPS_MAX || out->group_bits > 31 ||
        out->group_blocks > UINT64_C(1) << out->group_bits || out->group_blocks < 16 ||
        out->blocks / out->group_blocks > out->groups ||
        out->blocks <= (out->groups - UINT64_C(1)) * out->group_blocks ||
        out->blocks > UINT64_MAX / 4 / out->block || (be16(p + 100) & 15) < 4)
        return false;
    if (p[192] > 7 || (uint64_t)out->block << p[192] > XFS_BLOCK_MAX)
        return false;
    out->dir_block = out->block << p[192];
    if (!out->v5)
        return true;
    if (out->sector > len || !xfs_sum_right(p, out->sector, 224))
        return false;
    incompat = be32(p + 216);
    out->lsn = be64(p + 240);
    out->sparse = incompat & SPARSE_INODES;
    out->far_counts = incompat & FAR_COUNTS;
    if (incompat & META_UUID)
        memcpy(out->meta_uuid, p + 248, 16);
    return true;
}

void xfs_super_keep(struct xfs_witness *w, const struct xfs_super *super)
{
    for (size_t i = 0; i < w->n_supers; i++)
        if (!memcmp(w->super[i].super.uuid, super->uuid, 16)) {
            if (super->lsn > w->super[i].super.lsn)
                w->super[i].super = *super;
            return;
        }
    if (w->n_supers < XFS_SUPERS_MAX)
        w->super[w->n_supers++].super = *super;
}

/* --- blocks --- */

/* Where blocks of a kind keep what. */
struct xfs_layout { char magic[5]; uint8_t magic_at, address, lsn, uuid, crc; };

static const struct xfs_layout LAYOUTS[] = {
    { "AB3B", 0, 16, 24, 32, 52 }, { "AB3C", 0, 16, 24, 32, 52 },
    { "IAB3", 0, 16, 24, 32, 52 }, { "FIB3", 0, 16, 24, 32, 52 },
    { "R3FC", 0, 16, 24, 32, 52 }, { "RMB3", 0, 16, 24, 32, 52 },
    { "BMA3", 0, 24, 32, 40, 64 },
    { "XDB3", 0, 8, 16, 24, 4 }, { "XDD3", 0, 8, 16, 24, 4 }, { "XDF3", 0, 8, 16, 24, 4 },
    { "XSLM", 0, 40, 48, 16, 12 }, { "XARM", 0, 40, 48, 16, 12 },
    { "\x3d\xf1", 8, 16, 24, 32, 12 }, { "\x3d\xff", 8, 16, 24, 32, 12 },
    { "\x3e\xbe", 8, 16, 24, 32, 12 }, { "\x3b\xee", 8, 16, 24, 32, 12 },
};

static bool remember(struct xfs_witness *w, struct xfs_seen seen)
{
    if (w->n_seen == XFS_SEEN_MAX)
        return true;
    if (!list_room(&w->seen, w->n_seen, &w->seen_cap, sizeof *w->seen))
        return false;
    w->seen[w->n_seen++] = seen;
    return true;
}

/* Is the checksum right for one of the sizes min to max? The last that was is tried first. */
static bool prove(const uint8_t *p, size_t len, size_t crc_at, uint32_t min, uint32_t max,
                  uint32_t *guess)
{
    if (*guess <= len && xfs_sum_right(p, *guess, crc_at))
        return true;
    for (uint32_t size = min; size <= max && size <= len; size *= 2)
        if (xfs_sum_right(p, size, crc_at)) {
            *guess = size;
            return true;
        }
    return false;
}

static bool look_block(struct xfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                       size_t len)
{
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++) {
        const struct xfs_layout *l = &LAYOUTS[i];
        struct xfs_seen seen = { .cand = (uint32_t)cand, .at = (uint32_t)at };

        if (memcmp(p + l->magic_at, l->magic, l->magic_at ? 2 : 4))
            continue;
        if (be64(p + l->address) >= UINT64_MAX / 512)
            return true;
        seen.address = be64(p + l->address) * 512;
        seen.lsn = be64(p + l->lsn);
        seen.uuid = (uint8_t)xfs_uuid_number(w, p + l->uuid);
        seen.kind = XFS_BLOCK;
        seen.proved = prove(p, len, l->crc, 512, XFS_BLOCK_MAX, &w->block_guess);
        /* Two bytes are no mark. */
        return seen.uuid == XFS_UUIDS_MAX || (l->magic_at && !seen.proved) || remember(w, seen);
    }
    return true;
}

/* Version 4 has neither UUID nor checksum in these. */
static bool look_group(struct xfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                       size_t len)
{
    struct xfs_seen seen = { .cand = (uint32_t)cand, .at = (uint32_t)at,
                             .kind = XFS_GROUP_HEADER, .uuid = XFS_UUIDS_MAX };
    size_t uuid_at, lsn_at, crc_at;

    if (!memcmp(p, "XAGF", 4)) {
        seen.sector = 1;
        seen.address = be32(p + 8);
        uuid_at = 64;
        lsn_at = 208;
        crc_at = 216;
    } else if (!memcmp(p, "XAGI", 4)) {
        seen.sector = 2;
        seen.address = be32(p + 8);
        uuid_at = 296;
        crc_at = 312;
        lsn_at = 320;
    } else if (!memcmp(p, "XAFL", 4)) {
        seen.sector = 3;
        seen.address = be32(p + 4);
        uuid_at = 8;
        lsn_at = 24;
        crc_at = 32;
    } else {
        return true;
    }
    seen.proved = prove(p, len, crc_at, 512, 4096, &w->sector_guess);
    if (seen.proved) {
        seen.lsn = be64(p + lsn_at);
        seen.uuid = (uint8_t)xfs_uuid_number(w, p + uuid_at);
    } else if (seen.sector == 3 || be32(p + 4) != 1) {
        return true;
    }
    return remember(w, seen);
}

/* One of a candidate is enough; it gets the latest log position of all. */
static bool look_inode(struct xfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                       size_t len, size_t *first)
{
    struct xfs_seen seen = { .cand = (uint32_t)cand, .at = (uint32_t)at, .kind = XFS_INODE,
                             .proved = true };

    if (p[4] != 3 || !prove(p, len, 100, 256, 2048, &w->inode_guess))
        return true;
    seen.address = be64(p + 152);
    seen.lsn = be64(p + 112);
    if (*first != SIZE_MAX) {
        w->seen[*first].lsn = u64_max(w->seen[*first].lsn, seen.lsn);
        return true;
    }
    seen.uuid = (uint8_t)xfs_uuid_number(w, p + 160);
    *first = w->n_seen;
    if (seen.uuid == XFS_UUIDS_MAX || w->n_seen == XFS_SEEN_MAX) {
        *first = SIZE_MAX;
        return true;
    }
    return remember(w, seen);
}

/* A record of the log begins with its position. */
static bool look_log(struct xfs_witness *w, size_t cand, size_t at, const uint8_t *p, size_t len)
{
    struct xfs_seen seen = { .cand = (uint32_t)cand, .at = (uint32_t)at, .kind = XFS_LOG };

    if (len < 512 || be32(p) != 0xfeedbabe || be32(p + 4) != be32(p + 16) ||
        (be32(p + 8) != 1 && be32(p + 8) != 2))
        return true;
    seen.address = be32(p + 20);
    seen.lsn = be64(p + 16);
    seen.uuid = (uint8_t)xfs_uuid_number(w, p + 304);
    return seen.uuid == XFS_UUIDS_MAX || remember(w, seen);
}

static void look_super(struct xfs_witness *w, struct rescue_guest *g, size_t cand,
                       const struct xfs_super *super)
{
    xfs_super_keep(w, super);
    volume_head(g, le_load(super->uuid, 8), cand, super->blocks * super->block);
}

bool xfs_look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes, size_t len)
{
    struct xfs_witness *w = self;
    size_t inode = SIZE_MAX;

    for (size_t at = 0; at + 512 <= len; at += 256) {
        const uint8_t *p = bytes + at;
        struct xfs_super super;
        bool ok = true;

        if (p[0] == 'I' && p[1] == 'N')
            ok = look_inode(w, cand, at, p, len - at, &inode);
        else if (at % 512)
            continue;
        else if (p[0] == 'X' && p[1] == 'A')
            ok = look_group(w, cand, at, p, len - at) &&
                 (memcmp(p, "XARM", 4) || look_block(w, cand, at, p, len - at));
        else if (p[0] == 0xfe)
            ok = look_log(w, cand, at, p, len - at);
        else if (p[0] == 'X' && xfs_super_read(p, len - at, &super))
            look_super(w, g, cand, &super);
        else if ((p[0] >= 'A' && p[0] <= 'X') || p[8] == 0x3d || p[8] == 0x3e || p[8] == 0x3b)
            ok = look_block(w, cand, at, p, len - at);
        if (!ok)
            return false;
    }
    return true;
}
