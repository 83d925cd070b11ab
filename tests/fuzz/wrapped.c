/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "wrapped.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/source_backend.h"

#define BLOCK 512               /* bytes of a hole, at least */

struct wrapped {
    struct source base;
    const uint8_t *bytes;
    struct wrapping *how;
    _Atomic unsigned requests;
};

static void wrapped_close(struct source *src)
{
    source_free_base(src);
}

static void wrapped_info(struct source *src, struct source_info *out)
{
    const struct wrapped *w = (const struct wrapped *)src;

    out->kind = w->how->sparse ? SOURCE_FILE : SOURCE_MEMORY;
    out->allocated = src->size;
    out->batch_bytes = 1u << 20;
    out->batch_reqs = 64;
}

static void wrapped_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct wrapped *w = (struct wrapped *)src;
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        if (req[i].got)
            memcpy(req[i].dst, w->bytes + req[i].off, req[i].got);
        total += req[i].got;
        if (++w->requests == w->how->cancel_after && w->how->cancel)
            *w->how->cancel = true;
    }
    source_count(src, n, total);
}

static bool is_hole(const struct wrapped *w, uint64_t off)
{
    uint64_t end = u64_min(off - off % BLOCK + BLOCK, w->base.size);

    for (; off < end; off++) {
        if (w->bytes[off])
            return false;
    }
    return true;
}

/* A block is a hole when the rest of it, from where one asks, is zeros. */
static bool wrapped_next_data(struct source *src, uint64_t from, uint64_t *start,
                              uint64_t *end)
{
    const struct wrapped *w = (const struct wrapped *)src;

    if (!w->how->sparse) {
        *start = from;
        *end = src->size;
        return from < src->size;
    }
    while (from < src->size && is_hole(w, from))
        from = from - from % BLOCK + BLOCK;
    *start = from;
    while (from < src->size && !is_hole(w, from - from % BLOCK))
        from = from - from % BLOCK + BLOCK;
    *end = u64_min(from, src->size);
    return *start < src->size;
}

static const struct source_ops WRAPPED_OPS = {
    .close = wrapped_close,
    .info = wrapped_info,
    .read_many = wrapped_read_many,
    .next_data = wrapped_next_data,
};

bool wrapped_open(const uint8_t *bytes, size_t size, struct wrapping *how,
                  struct source **out)
{
    struct wrapped *w = calloc(1, sizeof *w);

    if (!w || !source_init_base(&w->base, &WRAPPED_OPS, "image", size, NULL)) {
        free(w);
        return false;
    }
    w->bytes = bytes;
    w->how = how;
    *out = &w->base;
    return true;
}
