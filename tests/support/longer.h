/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The bytes of a builder at the beginning of a file of any length; all else is a hole. */
#ifndef QCHECK_TESTS_LONGER_H
#define QCHECK_TESTS_LONGER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/source_backend.h"
#include "support/image_builder.h"

struct longer { struct source base; const struct builder *b; };

static inline void longer_close(struct source *src)
{
    source_free_base(src);
}

static inline void longer_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_FILE;
    out->allocated = ((struct longer *)src)->b->len;
}

static inline void longer_read(struct source *src, struct source_req *req, size_t n)
{
    const struct builder *b = ((struct longer *)src)->b;

    for (size_t i = 0; i < n; i++)
        if (req[i].off < b->len)
            memcpy(req[i].dst, b->bytes + req[i].off,
                   (size_t)u64_min(req[i].got, b->len - req[i].off));
}

static inline bool longer_next(struct source *src, uint64_t from, uint64_t *start, uint64_t *end)
{
    *start = from;
    *end = ((struct longer *)src)->b->len;
    return from < *end;
}

/* Borrows the builder. */
static inline struct image *open_longer(const struct builder *b, uint64_t size)
{
    static const struct source_ops ops = { .close = longer_close, .info = longer_info,
                                           .read_many = longer_read, .next_data = longer_next };
    struct longer *l = calloc(1, sizeof *l);
    struct image *img;

    assert_true(l && source_init_base(&l->base, &ops, "longer", size, NULL));
    l->b = b;
    assert_true(image_open(&l->base, NULL, &img, NULL));
    return img;
}

#endif
