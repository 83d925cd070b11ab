/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define CHUNK (1u << 20)

/* --- copying bytes of a source to a sink --- */

struct apply_writer {
    struct sink *out;
    struct apply_progress *progress;
    uint8_t *bytes;                     /* CHUNK */
};

static bool writer_init(struct apply_writer *w, struct sink *out, struct apply_progress *progress,
                        struct error *err)
{
    *w = (struct apply_writer){ out, progress, malloc(CHUNK) };
    return w->bytes || err_set(err, ERR_NOMEM, "out of memory");
}

static bool cancelled(const struct apply_writer *w)
{
    return w->progress && atomic_load(&w->progress->cancel);
}

/* Writes bytes [off, off + len) of `src` to the same place. */
static bool write_range(struct apply_writer *w, struct source *src, uint64_t off, uint64_t len,
                        struct error *err)
{
    while (len) {
        size_t n = (size_t)u64_min(len, CHUNK);

        if (cancelled(w))
            return err_set(err, ERR_CANCELLED, "stopped");
        if (!source_read(src, off, w->bytes, n, err)
            || !sink_write(w->out, off, w->bytes, n, err))
            return false;
        if (w->progress)
            atomic_fetch_add(&w->progress->done, n);
        off += n;
        len -= n;
    }
    return true;
}

/* All bytes, holes as holes. */
static bool write_all(struct apply_writer *w, struct source *after, struct error *err)
{
    uint64_t at = 0, start, end;

    while (source_next_data(after, at, &start, &end)) {
        if (w->progress)
            atomic_store(&w->progress->done, start);
        if (!write_range(w, after, start, end - start, err))
            return false;
        at = end;
    }
    return true;
}

static bool write_patch(struct apply_writer *w, const struct patch *p, struct source *after,
                        struct error *err)
{
    return write_range(w, after, p->off, u64_min(p->len, source_size(after) - p->off), err);
}

bool apply_to_copy(const struct plan *plan, struct source *image, struct sink *out,
                   struct apply_progress *progress, struct error *err)
{
    struct patches patches = { 0 };
    struct source *after = NULL;
    struct apply_writer w = { 0 };
    bool ok = false, cloned;

    if (!plan_matches(plan, image, err) || !plan_patches(plan, &patches, err)
        || !source_open_patched(image, &patches, &after, err)
        || !writer_init(&w, out, progress, err))
        goto out;
    if (progress)
        atomic_store(&progress->total, source_size(after));
    cloned = sink_clone(out, source_file_fd(image));
    if (!sink_begin(out, source_size(after), err) || (!cloned && !write_all(&w, after, err)))
        goto out;
    for (size_t i = 0; cloned && i < patches.n; i++)
        if (!write_patch(&w, &patches.list[i], after, err))
            goto out;
    ok = sink_sync(out, err) && !source_changed(image, err);
out:
    free(w.bytes);
    source_close(after);
    patches_free(&patches);
    return ok;
}

/* --- in place --- */

enum apply_group { GROUP_NEW, GROUP_REPLACED, GROUP_FIRST, N_GROUPS };

#define FIRST_BYTES 65536               /* header and extensions end before that, mostly */

static enum apply_group group_of(const struct patch *p, uint64_t old_size)
{
    return p->off >= old_size ? GROUP_NEW : p->off < FIRST_BYTES ? GROUP_FIRST
        : GROUP_REPLACED;
}

/* Writes those patches of `after` that belong to a group, and syncs when there were any. */
static bool write_group(struct apply_writer *w, const struct patches *patches,
                        struct source *after, uint64_t old_size, enum apply_group group,
                        struct error *err)
{
    bool any = false;

    for (size_t i = 0; i < patches->n; i++) {
        const struct patch *p = &patches->list[i];

        if (group_of(p, old_size) != group)
            continue;
        any = true;
        if (!write_patch(w, p, after, err))
            return false;
    }
    return !any || sink_sync(w->out, err);
}

static bool same_plan(const struct undo *saved, const struct patches *patches,
                      struct error *err)
{
    uint8_t digest[DIGEST_LEN];

    if (!undo_plan_digest(patches, digest, err))
        return false;
    return memcmp(digest, saved->plan, DIGEST_LEN) == 0
        || err_set(err, ERR_USAGE, "the undo file belongs to another plan");
}

/* Of a plan that was carried out to its end: is the image what it made of it? */
static bool still_as_planned(const struct undo *saved, struct source *image, struct error *err)
{
    return undo_fits(saved, image, NULL)
        || err_set(err, ERR_USAGE, "this plan was carried out already, and the image was changed "
                   "since");
}

bool apply_in_place(const struct plan *plan, struct source *image, struct sink *target,
                    const struct undo *saved, struct sink *mark,
                    struct apply_progress *progress, struct error *err)
{
    struct patches patches = { 0 };
    struct source *before = NULL, *after = NULL;
    struct apply_writer w = { 0 };
    bool ok = false;

    if (!plan_patches(plan, &patches, err) || !same_plan(saved, &patches, err)
        || !undo_verify(saved, err))
        goto out;
    if (saved->state == UNDO_APPLIED) {
        ok = still_as_planned(saved, image, err);
        goto out;
    }
    if (!source_open_patched_from(image, saved->src, &saved->old, &before, err)
        || !plan_matches(plan, before, err)
        || !source_open_patched(before, &patches, &after, err)
        || !writer_init(&w, target, progress, err))
        goto out;
    if (progress)
        for (size_t i = 0; i < patches.n; i++)
            atomic_fetch_add(&progress->total, patches.list[i].len);
    for (int g = 0; g < N_GROUPS; g++)
        if (!write_group(&w, &patches, after, saved->old_size, (enum apply_group)g, err))
            goto out;
    ok = sink_begin(target, saved->new_size, err) && sink_sync(target, err)
        && undo_mark(mark, UNDO_APPLIED, err);
out:
    free(w.bytes);
    source_close(after);
    source_close(before);
    patches_free(&patches);
    return ok;
}

/* An image between its two states has a length between the two. */
static bool may_belong(const struct undo *saved, struct source *image, struct error *err)
{
    uint64_t size = source_size(image);

    if (size < u64_min(saved->old_size, saved->new_size)
        || size > u64_max(saved->old_size, saved->new_size))
        return err_set(err, ERR_FORMAT, "the undo file belongs to another image: one of %llu "
                       "bytes, %llu after the plan, and this one has %llu",
                       (unsigned long long)saved->old_size,
                       (unsigned long long)saved->new_size, (unsigned long long)size);
    return true;
}

bool apply_undo(const struct undo *saved, struct source *image, struct sink *target,
                struct sink *mark, struct apply_progress *progress, struct error *err)
{
    struct source *before = NULL;
    struct apply_writer w = { 0 };
    bool ok = false;

    if (!may_belong(saved, image, err) || !undo_verify(saved, err)
        || !source_open_patched_from(image, saved->src, &saved->old, &before, err)
        || !writer_init(&w, target, progress, err))
        goto out;
    if (progress)
        for (size_t i = 0; i < saved->old.n; i++)
            atomic_fetch_add(&progress->total, saved->old.list[i].len);
    /* From here on it is between the two states, and this may be done again. */
    if (!undo_mark(mark, UNDO_READY, err) || !sink_begin(target, saved->old_size, err))
        goto out;
    for (size_t i = 0; i < saved->old.n; i++)
        if (!write_range(&w, before, saved->old.list[i].off, saved->old.list[i].len, err))
            goto out;
    ok = sink_sync(target, err) && undo_mark(mark, UNDO_UNDONE, err);
out:
    free(w.bytes);
    source_close(before);
    return ok;
}
