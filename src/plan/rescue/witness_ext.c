/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

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
    *news |= rescue_volume(g, off, fs->n_blocks << fs->bits, "ext2/3/4");
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

/* How well a super block goes with a file system in [off, off + len): 0 not at all, 1 it has
 * room, 2 it is just as long. */
static unsigned suits(const struct rescue_guest *g, const struct ext_seen *s,
                      const struct ext_fs *fs, uint64_t off, uint64_t len)
{
    uint64_t at = off + ext_super_at(fs, ext_super_group(s->bytes));
    uint64_t fs_len = fs->n_blocks << fs->bits;

    if (fs_len > len || at < s->at || (at - s->at) % rescue_cluster(g) ||
        ext_super_group(s->bytes) >= fs->n_groups)
        return 0;
    return len - fs_len < fs->block ? 2 : 1;
}

static void settle_super(struct ext_witness *w, struct rescue_guest *g,
                         const struct ext_seen *s, bool *news)
{
    static const uint64_t usual[] = { 0, 1u << 20, 63 * 512 };
    size_t n, matches = 0;
    const struct rescue_volume_found *v = rescue_volumes(g, &n);
    uint64_t size = rescue_size(g), best_off = 0;
    unsigned best = 0;
    bool table = false, guessed = false;
    struct ext_fs fs;

    if (!ext_super_parse(s->bytes, size, &fs))
        return;
    for (size_t i = 0; i < w->n_fs; i++)
        if (memcmp(w->fs[i]->uuid, fs.uuid, 16) == 0)
            return;
    for (size_t i = 0; i < n; i++) {
        unsigned now = suits(g, s, &fs, v[i].guest_off, v[i].len);

        table |= strstr(v[i].what, "partition") != NULL;
        if (!now || fs_at(w, v[i].guest_off))
            continue;
        if (now > best) {
            best = now;
            best_off = v[i].guest_off;
            matches = 0;
        }
        matches += now == best;
    }
    rescue_holders(g, &n);
    /* No partition it fits into: the file system that is as long as the rest of the disk. */
    for (size_t i = 0; (!table || !best) && !n && i < sizeof usual / sizeof *usual; i++)
        if (usual[i] < size && suits(g, s, &fs, usual[i], size - usual[i]) > best) {
            best = suits(g, s, &fs, usual[i], size - usual[i]);
            best_off = usual[i];
            matches = 1;
            guessed = table;
        }
    if (best && (best == 2 || matches == 1))
        found(w, g, best_off, s->bytes, false,
              best == 2 && matches == 1 && !guessed ? SURE_CERTAIN : SURE_LIKELY, news);
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
