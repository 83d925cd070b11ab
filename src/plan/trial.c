/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/trial.h"

#include <stdlib.h>

#include "base/num.h"

struct outcome {
    struct image *img;
    struct scan_result *scan;
};

static bool stopped(struct error *err)
{
    return err_set(err, ERR_CANCELLED, "planning was stopped");
}

bool trial_going_on(const struct trial *t, uint64_t done, uint64_t total, struct error *err)
{
    struct scan_progress *p = t->opt.progress;

    if (!p)
        return true;
    atomic_store_explicit(&p->overall, u64_permille(done, total), memory_order_relaxed);
    return !p->cancel || stopped(err);
}

/* Each scan counts from its own beginning. */
static bool scan(const struct trial *t, struct image *img, struct scan_result **out,
                 struct error *err)
{
    struct scan_progress *p = t->opt.progress;

    if (p) {
        atomic_store(&p->phase, PHASE_START);
        atomic_store(&p->overall, 0);
    }
    if (!scan_run(img, &t->opt.scan, p, out, err))
        return false;
    if (!(*out)->partial || t->opt.keep_partial)
        return true;
    scan_free(*out);
    return stopped(err);
}

static bool look(const struct trial *t, const struct patches *patches, struct outcome *out,
                 struct error *err)
{
    struct source *src = NULL;

    if (!source_open_patched(t->below, patches, &src, err))
        return false;
    if (!image_open(src, &t->opt.image, &out->img, err)) {
        source_close(src);
        return false;
    }
    if (t->opt.look_beside)
        t->opt.look_beside(t->opt.beside_ctx, out->img);
    if (scan(t, out->img, &out->scan, err))
        return true;
    image_close(out->img);
    return false;
}

void trial_past_free(struct trial_past *past)
{
    scan_free(past->scan);
    image_close(past->img);
    if (past->all)
        patches_free(past->all);
    free(past->all);
    *past = (struct trial_past){ NULL, NULL, NULL };
}

/* Makes `all` (taken, whatever comes of it) and what follows from it the trial; *past is what
 * it was. */
static bool replace(struct trial *t, struct patches *all, struct trial_past *past,
                    struct error *err)
{
    struct outcome now;

    if (!patches_flatten(all, err) || !look(t, all, &now, err)) {
        patches_free(all);
        free(all);
        return false;
    }
    *past = (struct trial_past){ t->all, t->img, t->scan };
    t->img = now.img;
    t->scan = now.scan;
    t->all = all;
    *t->reach = (struct stream_reach){ .looks = 0 };
    return true;
}

bool trial_open(struct source *below, const struct trial_options *opt,
                const struct patches *start, struct trial **out, struct error *err)
{
    struct trial *t = calloc(1, sizeof *t);
    struct patches *all = calloc(1, sizeof *all);
    struct stream_reach *reach = calloc(1, sizeof *reach);
    struct trial_past none;

    if (!t || !all || !reach) {
        free(t);
        free(all);
        free(reach);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    t->below = below;
    t->reach = reach;
    t->opt = *opt;
    if (start)
        patches_append(all, start);
    if (!replace(t, all, &none, err)) {
        free(reach);
        free(t);
        return false;
    }
    *out = t;
    return true;
}

void trial_close(struct trial *t)
{
    struct trial_past last;

    if (!t)
        return;
    last = (struct trial_past){ t->all, t->img, t->scan };
    trial_past_free(&last);
    free(t->reach);
    free(t);
}

bool trial_take_past(struct trial *t, const struct patches *step, struct trial_past *past,
                     struct error *err)
{
    struct patches *all = calloc(1, sizeof *all);

    if (!all)
        return err_set(err, ERR_NOMEM, "out of memory");
    patches_append(all, t->all);
    patches_append(all, step);
    return replace(t, all, past, err);
}

bool trial_take(struct trial *t, const struct patches *step, struct error *err)
{
    struct trial_past past;

    if (!trial_take_past(t, step, &past, err))
        return false;
    trial_past_free(&past);
    return true;
}

/* Bytes that no step has written come from the file, and those that a step has copied from where
 * it did; others are carried along. */
bool trial_copy(const struct trial *t, struct patches *step, uint64_t off, uint64_t from,
                uint64_t len, struct error *err)
{
    uint8_t bytes[4096];

    while (len) {
        size_t i = patches_from(t->all, from);
        const struct patch *p = i < t->all->n && t->all->list[i].off < from + len
            ? &t->all->list[i] : NULL;
        uint64_t n = !p ? len : p->off > from ? p->off - from
            : u64_min(len, p->off + p->len - from);

        if (!p || p->off > from) {
            patches_copy(step, off, from, n);
        } else if (p->kind == PATCH_COPY) {
            patches_copy(step, off, p->at + (from - p->off), n);
        } else if (p->kind == PATCH_ZEROS) {
            patches_zero(step, off, n);
        } else {
            n = u64_min(n, sizeof bytes);
            if (!source_read(t->img->src, from, bytes, (size_t)n, err))
                return false;
            patches_write(step, off, bytes, (size_t)n);
        }
        off += n;
        from += n;
        len -= n;
    }
    return true;
}
