/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "base/source_backend.h"

struct window {
    struct source base;
    struct source *inner;               /* owned */
    uint64_t off;                       /* bytes of it left out */
};

static struct source *inner_of(struct source *src)
{
    return ((struct window *)src)->inner;
}

static void window_close(struct source *src)
{
    source_close(inner_of(src));
    source_free_base(src);
}

static void window_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(inner_of(src));
}

static void window_read_many(struct source *src, struct source_req *req, size_t n)
{
    const struct window *w = (const struct window *)src;

    for (size_t i = 0; i < n; i++) {
        struct source_req *r = &req[i];
        struct source_req part = { .off = r->off + w->off, .len = r->got, .dst = r->dst };

        if (!r->got)
            continue;
        source_read_many(w->inner, &part, 1);
        r->got = part.got;
        r->error = part.error;
        r->bad = part.bad;
        if (r->bad.len)
            r->bad.off -= w->off;
    }
}

static void window_advise(struct source *src, uint64_t off, uint64_t len)
{
    source_advise(inner_of(src), off + ((struct window *)src)->off, len);
}

static bool window_next_data(struct source *src, uint64_t from, uint64_t *start, uint64_t *end)
{
    uint64_t off = ((struct window *)src)->off;

    if (!source_next_data(inner_of(src), from + off, start, end))
        return false;
    *start -= off;
    *end -= off;
    return true;
}

static bool window_changed(struct source *src, struct error *why)
{
    return source_changed(inner_of(src), why);
}

static void window_interrupt(struct source *src)
{
    source_interrupt(inner_of(src));
}

static const struct source_ops WINDOW_OPS = {
    .close = window_close,
    .info = window_info,
    .read_many = window_read_many,
    .advise = window_advise,
    .next_data = window_next_data,
    .changed = window_changed,
    .interrupt = window_interrupt,
};

bool source_open_window(struct source *inner, uint64_t off, struct source **out,
                        struct error *err)
{
    struct window *w;

    if (off > inner->size)
        return err_set(err, ERR_USAGE, "byte %llu lies after the end of the file, which has "
                       "%llu", (unsigned long long)off, (unsigned long long)inner->size);
    w = calloc(1, sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_init_base(&w->base, &WINDOW_OPS, inner->name, inner->size - off, err)) {
        free(w);
        return false;
    }
    w->inner = inner;
    w->off = off;
    *out = &w->base;
    return true;
}
