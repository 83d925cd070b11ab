/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The witness of XFS: where what it has seen belongs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_xfs.h"

static void *begin(struct rescue_guest *g)
{
    struct xfs_witness *w = calloc(1, sizeof *w);

    (void)g;
    if (w) {
        w->block_guess = 4096;
        w->inode_guess = w->sector_guess = 512;
    }
    return w;
}

static void end(void *self)
{
    struct xfs_witness *w = self;

    claims_free(&w->claims);
    free(w->seen);
    free(w);
}

#define SUPER_LEN 4096              /* bytes read where one may be */

static bool keep_super(void *ctx, const uint8_t *bytes)
{
    struct xfs_super super;

    if (xfs_super_read(bytes, SUPER_LEN, &super))
        xfs_super_keep(ctx, &super);
    return false;
}

/* Super blocks on volumes that are known already. */
static void find_supers(struct xfs_witness *w, struct rescue_guest *g)
{
    uint64_t start;

    volume_find(g, 0, SUPER_LEN, keep_super, w, &start);
}

static bool is_its_super(void *ctx, const uint8_t *bytes)
{
    const struct xfs *fs = ctx;
    struct xfs_super super;

    return xfs_super_read(bytes, SUPER_LEN, &super)
        && !memcmp(super.uuid, fs->super.uuid, 16);
}

/* Where the volume begins: at a super block that is known, or where its length fits. */
static bool find_home(struct xfs *fs)
{
    fs->sure = SURE_CERTAIN;
    return volume_find(fs->g, 0, SUPER_LEN, is_its_super, fs, &fs->start)
        || volume_home(fs->g, &(struct volume_query){ le_load(fs->super.uuid, 8),
                                                      fs->super.blocks * fs->super.block, 0 },
                       &fs->start, &fs->sure);
}

/* The byte of the volume where that was written. */
static uint64_t address_of(const struct xfs *fs, const struct xfs_seen *s)
{
    uint64_t off;

    switch ((enum xfs_kind)s->kind) {
    case XFS_BLOCK:
        return s->address;
    case XFS_GROUP_HEADER:
        off = xfs_group_off(fs, s->address, 0);
        return off == UINT64_MAX ? off : off + s->sector * (uint64_t)fs->super.sector;
    case XFS_INODE:
        return xfs_inode_off(fs, s->address);
    case XFS_LOG:
        off = xfs_block_off(fs, fs->super.log_start);
        return off == UINT64_MAX || !fs->super.log_start ||
               s->address >= fs->super.log_blocks * (uint64_t)fs->super.block / 512 ? UINT64_MAX
               : off + s->address * 512;
    }
    return UINT64_MAX;
}

static bool claim(struct xfs *fs, const struct xfs_seen *s)
{
    uint64_t off = address_of(fs, s), len = fs->super.blocks * fs->super.block;

    if (off >= len)
        return true;
    if (s->kind == XFS_LOG)
        fs->w->log_cycle_max = u64_max(fs->w->log_cycle_max, s->lsn >> 32);
    return claims_add(&fs->w->claims, fs->g, s->cand, s->at, fs->start + off, s->lsn,
                      s->proved ? fs->sure : SURE_LIKELY);
}

static bool claim_all(struct xfs *fs)
{
    struct xfs_witness *w = fs->w;
    size_t number = xfs_uuid_number(w, fs->super.meta_uuid);

    w->log_cycle_max = 0;
    for (size_t i = 0; i < w->n_seen; i++) {
        const struct xfs_seen *s = &w->seen[i];
        bool ours;

        /* Headers of version 4 have no UUID; with one such file system they are its own. */
        if (s->uuid == XFS_UUIDS_MAX)
            ours = !fs->super.v5 && w->n_supers == 1;
        else
            ours = s->uuid == number || (s->kind == XFS_LOG && !memcmp(w->uuid[s->uuid],
                                                                       fs->super.uuid, 16));
        if (ours && !claim(fs, s))
            return false;
    }
    fs->news |= claims_settle(&w->claims, fs->g, "the address that an XFS block bears");
    return true;
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct xfs_witness *w = self;

    find_supers(w, g);
    w->rounds++;
    for (size_t i = 0; i < w->n_supers; i++) {
        struct xfs fs = { .g = g, .w = w, .super = w->super[i].super, .whole = true,
                          .inodes_left = XFS_INODES_MAX };

        if (w->super[i].whole || !find_home(&fs))
            continue;
        fs.news |= rescue_volume(g, fs.start, fs.super.blocks * fs.super.block, FOUND_XFS);
        if (!claim_all(&fs))
            return err_set(err, ERR_NOMEM, "out of memory");
        xfs_tell(&fs);
        free(fs.idle);
        if (fs.starved)
            return err_set(err, ERR_NOMEM, "out of memory");
        *news |= fs.news;
        w->super[i].whole = fs.whole && fs.sure == SURE_CERTAIN;
    }
    return true;
}

const struct rescue_witness witness_xfs = { "xfs", begin, xfs_look, reason, end };
