/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/source_backend.h"

struct memory {
    struct source base;
    const uint8_t *bytes;               /* borrowed */
};

static void memory_close(struct source *src)
{
    source_free_base(src);
}

static void memory_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_MEMORY;
    out->allocated = src->size;
    out->batch_bytes = 1u << 20;
    out->batch_reqs = 64;
}

static void memory_read_many(struct source *src, struct source_req *req, size_t n)
{
    const struct memory *m = (const struct memory *)src;
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        if (req[i].got)
            memcpy(req[i].dst, m->bytes + req[i].off, req[i].got);
        total += req[i].got;
    }
    source_count(src, n, total);
}

static const struct source_ops MEMORY_OPS = {
    .close = memory_close,
    .info = memory_info,
    .read_many = memory_read_many,
};

bool source_open_memory(const void *bytes, size_t len, const char *name,
                        struct source **out, struct error *err)
{
    struct memory *m = calloc(1, sizeof *m);

    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_init_base(&m->base, &MEMORY_OPS, name, len, err)) {
        free(m);
        return false;
    }
    m->bytes = bytes;
    *out = &m->base;
    return true;
}
