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

/* Super blocks on volumes that are known already. */
static void find_supers(struct xfs_witness *w, struct rescue_guest *g)
{
    const struct rescue_volume_found *v;
    struct xfs_super super;
    uint8_t bytes[4096];
    size_t n;

    v = rescue_volumes(g, &n);
    for (size_t i = 0; i <= n; i++)
        if (rescue_read(g, i < n ? v[i].guest_off : 0, bytes, sizeof bytes, SURE_CERTAIN) &&
            xfs_super_read(bytes, sizeof bytes, &super))
            xfs_super_keep(w, &super);
}

/* Where the volume begins: at a super block that is known, or where its length fits. */
static bool find_home(struct xfs *fs)
{
    uint64_t len = fs->super.blocks * fs->super.block;
    const struct rescue_volume_found *v;
    struct xfs_super super;
    uint8_t bytes[4096];
    size_t n;

    v = rescue_volumes(fs->g, &n);
    for (size_t i = 0; i <= n; i++) {
        uint64_t start = i < n ? v[i].guest_off : 0;

        if (!rescue_lost(fs->g, start / rescue_cluster(fs->g)) &&
            rescue_read(fs->g, start, bytes, sizeof bytes, SURE_CERTAIN) &&
            xfs_super_read(bytes, sizeof bytes, &super) &&
            !memcmp(super.uuid, fs->super.uuid, 16)) {
            fs->start = start;
            fs->sure = SURE_CERTAIN;
            return true;
        }
    }
    return volume_home(fs->g, len, &fs->start, &fs->sure);
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
        fs.news |= rescue_volume(g, fs.start, fs.super.blocks * fs.super.block, "XFS");
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
