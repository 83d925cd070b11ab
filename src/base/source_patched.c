/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/patch.h"
#include "base/source_backend.h"

struct patched {
    struct source base;
    struct source *inner;               /* borrowed */
    struct source *from;                /* borrowed: what is copied from */
    const struct patches *patches;      /* borrowed, flattened */
    struct patches own;                 /* with `owner`: these are `patches` */
    bool owner;                         /* of inner as well */
};

static void patched_close(struct source *src)
{
    struct patched *p = (struct patched *)src;

    if (p->owner) {
        source_close(p->inner);
        patches_free(&p->own);
    }
    source_free_base(src);
}

static void patched_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(((struct patched *)src)->inner);
}

/* A request is cut where patches begin and end. What must be read from below is collected
 * here and read at once. */
struct pieces {
    struct source_req *req;
    size_t *owner;                      /* index of the request each is a piece of */
    size_t n, cap;
    bool failed;
};

static void piece_add(struct pieces *p, size_t owner, uint64_t off, uint8_t *dst, size_t len)
{
    if (p->n == p->cap && !p->failed) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct source_req *req = realloc(p->req, cap * sizeof *req);
        size_t *owners;

        if (req)
            p->req = req;
        owners = realloc(p->owner, cap * sizeof *owners);
        if (owners)
            p->owner = owners;
        p->failed = !req || !owners;
        if (!p->failed)
            p->cap = cap;
    }
    if (p->failed)
        return;
    p->req[p->n] = (struct source_req){ .off = off, .len = len, .dst = dst };
    p->owner[p->n++] = owner;
}

static void cut_request(const struct patched *src, const struct source_req *r, size_t index,
                        struct pieces *pieces, struct pieces *copied)
{
    const struct patches *p = src->patches;
    size_t i = patches_from(p, r->off), done = 0;

    while (done < r->got) {
        uint64_t at = r->off + done;
        const struct patch *patch = i < p->n ? &p->list[i] : NULL;
        size_t len = r->got - done;

        if (!patch || patch->off > at) {
            if (patch)
                len = (size_t)u64_min(len, patch->off - at);
            piece_add(pieces, index, at, r->dst + done, len);
        } else {
            uint64_t skip = at - patch->off;

            len = (size_t)u64_min(len, patch->len - skip);
            if (patch->kind == PATCH_COPY)
                piece_add(copied, index, patch->at + skip, r->dst + done, len);
            else if (patch->kind == PATCH_BYTES)
                memcpy(r->dst + done, buf_str(&p->bytes) + patch->at + skip, len);
            else
                memset(r->dst + done, 0, len);
            i++;
        }
        done += len;
    }
}

/* Reads the pieces and lets their requests know what failed. */
static void read_pieces(struct source *src, struct source *from, struct pieces *pieces,
                        struct source_req *req)
{
    if (!pieces->n)
        return;
    source_read_many(from, pieces->req, pieces->n);
    source_count(src, pieces->n, 0);
    for (size_t i = 0; i < pieces->n; i++) {
        const struct source_req *piece = &pieces->req[i];
        struct source_req *r = &req[pieces->owner[i]];

        if (piece->error)
            source_req_lost(r, (size_t)(piece->dst - r->dst + (piece->bad.off - piece->off)),
                            (size_t)piece->bad.len, piece->error);
        else
            source_count(src, 0, piece->got);
    }
}

static void pieces_free(struct pieces *p)
{
    free(p->req);
    free(p->owner);
}

static void patched_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct patched *p = (struct patched *)src;
    struct pieces plain = { 0 }, copied = { 0 };

    for (size_t i = 0; i < n; i++)
        cut_request(p, &req[i], i, &plain, &copied);
    if (plain.failed || copied.failed) {
        for (size_t i = 0; i < n; i++)
            source_req_lost(&req[i], 0, req[i].got, ENOMEM);
    } else {
        read_pieces(src, p->inner, &plain, req);
        read_pieces(src, p->from, &copied, req);
    }
    pieces_free(&plain);
    pieces_free(&copied);
}

static void patched_advise(struct source *src, uint64_t off, uint64_t len)
{
    source_advise(((struct patched *)src)->inner, off, len);
}

static bool patched_next_data(struct source *src, uint64_t from, uint64_t *start,
                              uint64_t *end)
{
    struct patched *p = (struct patched *)src;
    size_t i = patches_from(p->patches, from);
    uint64_t s = UINT64_MAX, e = UINT64_MAX;

    if (!source_next_data(p->inner, from, &s, &e))
        s = e = UINT64_MAX;
    if (i < p->patches->n) {
        const struct patch *patch = &p->patches->list[i];
        uint64_t first = u64_max(patch->off, from);

        if (first < s) {
            s = first;
            e = patch->off + patch->len;
        }
    }
    if (s >= src->size)
        return false;
    *start = s;
    *end = u64_min(e, src->size);
    return true;
}

static bool patched_changed(struct source *src, struct error *why)
{
    return source_changed(((struct patched *)src)->inner, why);
}

static void patched_interrupt(struct source *src)
{
    source_interrupt(((struct patched *)src)->inner);
}

static const struct source_ops PATCHED_OPS = {
    .close = patched_close,
    .info = patched_info,
    .read_many = patched_read_many,
    .advise = patched_advise,
    .next_data = patched_next_data,
    .changed = patched_changed,
    .interrupt = patched_interrupt,
};

bool source_open_patched_from(struct source *inner, struct source *from,
                              const struct patches *patches, struct source **out,
                              struct error *err)
{
    struct patched *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_init_base(&p->base, &PATCHED_OPS, inner->name,
                          patches_size_after(patches, inner->size), err)) {
        free(p);
        return false;
    }
    p->inner = inner;
    p->from = from;
    p->patches = patches;
    *out = &p->base;
    return true;
}

bool source_open_patched(struct source *inner, const struct patches *patches,
                         struct source **out, struct error *err)
{
    return source_open_patched_from(inner, inner, patches, out, err);
}

bool source_wrap_patched(struct source *inner, struct patches *patches, struct source **out,
                         struct error *err)
{
    struct patched *p;

    if (!source_open_patched(inner, patches, out, err))
        return false;
    p = (struct patched *)*out;
    p->own = *patches;
    p->patches = &p->own;
    p->owner = true;
    *patches = (struct patches){ 0 };
    return true;
}
