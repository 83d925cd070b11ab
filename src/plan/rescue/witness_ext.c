/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/volume_home.h"
#include "plan/rescue/witness_ext.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    struct ext_witness *w = self;
    struct ext_fs fs;

    w->like[cand] = ext_like(bytes, len);
    if (!(w->like[cand] & EXT_LIKE_SUPER))
        return true;
    for (size_t at = 0; at + 1024 <= len && w->n_seen < EXT_SUPERS_MAX; at += 512)
        if (ext_super_parse(bytes + at, rescue_size(g), &fs)) {
            if (!list_double(&w->seen, w->n_seen, sizeof *w->seen))
                return false;
            volume_head(g, le_load(fs.uuid, 8), cand, fs.n_blocks << fs.bits);
            w->seen[w->n_seen].cand = cand;
            w->seen[w->n_seen].at = (uint32_t)at;
            memcpy(w->seen[w->n_seen++].bytes, bytes + at, 1024);
        }
    return true;
}

/* --- where file systems start --- */

static struct ext_fs *fs_at(struct ext_witness *w, uint64_t off)
{
    for (size_t i = 0; i < w->n_fs; i++)
        if (w->fs[i]->off == off)
            return w->fs[i];
    return NULL;
}

/* A file system begins there. One that is known is replaced when this says more. */
static void found(struct ext_witness *w, struct rescue_guest *g, uint64_t off,
                  const uint8_t *super, bool read, enum rescue_sure sure, bool *news)
{
    struct ext_fs *old = fs_at(w, off), *fs;

    if (old ? old->super_read || !read : w->n_fs == EXT_FS_MAX)
        return;
    fs = ext_fs_new(super, off, rescue_room(g, off), sure,
                    old ? old->index : (uint32_t)w->n_fs);
    if (!fs)
        return;
    fs->super_read = read;
    if (old) {
        w->fs[old->index] = fs;
        ext_fs_free(old);
    } else {
        w->fs[w->n_fs++] = fs;
    }
    *news |= rescue_volume(g, off, fs->n_blocks << fs->bits, FOUND_EXT);
}

static void read_super(struct ext_witness *w, struct rescue_guest *g, uint64_t off,
                       uint64_t len, bool *news)
{
    uint8_t p[1024];
    struct ext_fs fs;

    if (rescue_read(g, off + 1024, p, sizeof p, SURE_LIKELY) &&
        ext_super_parse(p, rescue_room(g, off), &fs) && ext_super_group(p) == 0)
        found(w, g, off, p, true,
              fs.n_blocks << fs.bits <= len && len - (fs.n_blocks << fs.bits) < fs.block
                  ? SURE_CERTAIN : SURE_LIKELY, news);
}

/* Where the file system of a super block, or of a copy of one, begins. */
static void settle_super(struct ext_witness *w, struct rescue_guest *g,
                         const struct ext_seen *s, bool *news)
{
    enum rescue_sure sure;
    struct ext_fs fs;
    uint64_t off, at;

    if (!ext_super_parse(s->bytes, rescue_size(g), &fs) ||
        ext_super_group(s->bytes) >= fs.n_groups)
        return;
    for (size_t i = 0; i < w->n_fs; i++)
        if (memcmp(w->fs[i]->uuid, fs.uuid, 16) == 0)
            return;
    if (!volume_home(g, &(struct volume_query){ le_load(fs.uuid, 8), fs.n_blocks << fs.bits, 0 },
                     &off, &sure))
        return;
    at = off + ext_super_at(&fs, ext_super_group(s->bytes));
    if (at >= s->at && (at - s->at) % rescue_cluster(g) == 0)
        found(w, g, off, s->bytes, false, sure, news);
}

static void locate(struct ext_witness *w, struct rescue_guest *g, bool *news)
{
    size_t n;
    const struct rescue_volume_found *v = rescue_volumes(g, &n);

    read_super(w, g, 0, rescue_size(g), news);
    for (size_t i = 0; i < n; i++) {
        read_super(w, g, v[i].guest_off, v[i].len, news);
        v = rescue_volumes(g, &n);      /* may have moved */
    }
    for (size_t i = 0; i < w->n_seen; i++)
        if (ext_super_group(w->seen[i].bytes) == 0)
            settle_super(w, g, &w->seen[i], news);
    for (size_t i = 0; i < w->n_seen; i++)
        settle_super(w, g, &w->seen[i], news);
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct ext_witness *w = self;

    locate(w, g, news);
    for (size_t i = 0; i < w->n_fs; i++) {
        struct ext_fs *fs = w->fs[i];

        ext_groups_read(fs, g);
        ext_mark(fs, g, news);
        ext_inodes_read(fs, g, news);
        if (!ext_place(w, fs, g, news, err))
            return false;
    }
    return true;
}

static void end(void *self)
{
    struct ext_witness *w = self;

    for (size_t i = 0; i < w->n_fs; i++)
        ext_fs_free(w->fs[i]);
    free(w->seen);
    free(w);
}

static void *begin(struct rescue_guest *g)
{
    return calloc(1, sizeof(struct ext_witness) + rescue_candidates(g));
}

const struct rescue_witness witness_ext = { "ext", begin, look, reason, end };
