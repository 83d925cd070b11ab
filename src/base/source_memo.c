/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/source_backend.h"

#define BLOCK   ((size_t)16384)     /* bytes read at once */
#define BLOCKS  32
#define SMALL   ((size_t)4096)      /* longer reads go past it */

struct memo {
    struct source base;
    struct source *inner;           /* borrowed */
    uint64_t off[BLOCKS];           /* of what is kept; UINT64_MAX: nothing */
    size_t got[BLOCKS], next;
    uint8_t bytes[BLOCKS][BLOCK];
};

static struct source *inner_of(struct source *src)
{
    return ((struct memo *)src)->inner;
}

static void memo_close(struct source *src)
{
    source_free_base(src);
}

static void memo_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(inner_of(src));
}

/* The block that begins at `off`; BLOCKS: it cannot be read as a whole. */
static size_t block_at(struct memo *m, uint64_t off)
{
    size_t i = m->next;
    struct source_req r = { .off = off, .len = BLOCK, .dst = m->bytes[i] };

    for (size_t k = 0; k < BLOCKS; k++)
        if (m->off[k] == off)
            return k;
    m->off[i] = UINT64_MAX;
    source_read_many(m->inner, &r, 1);
    if (r.error)
        return BLOCKS;
    m->off[i] = off;
    m->got[i] = r.got;
    m->next = (i + 1) % BLOCKS;
    return i;
}

/* A read of a few bytes from what is kept. False: it has to be asked for by itself. */
static bool recall(struct memo *m, struct source_req *r)
{
    size_t done = 0;

    while (done < r->got) {
        uint64_t at = r->off + done;
        size_t in = (size_t)(at % BLOCK), len = r->got - done, i = block_at(m, at - in);

        if (i == BLOCKS)
            return false;
        if (len > BLOCK - in)
            len = BLOCK - in;
        if (m->got[i] < in + len)
            return false;
        memcpy(r->dst + done, m->bytes[i] + in, len);
        done += len;
    }
    return true;
}

static void memo_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct memo *m = (struct memo *)src;

    if (n != 1 || req->got > SMALL || !recall(m, req))
        source_read_many(m->inner, req, n);
}

static void memo_advise(struct source *src, uint64_t off, uint64_t len)
{
    source_advise(inner_of(src), off, len);
}

static bool memo_next_data(struct source *src, uint64_t from, uint64_t *start, uint64_t *end)
{
    return source_next_data(inner_of(src), from, start, end);
}

static bool memo_changed(struct source *src, struct error *why)
{
    return source_changed(inner_of(src), why);
}

static void memo_interrupt(struct source *src)
{
    source_interrupt(inner_of(src));
}

static const struct source_ops MEMO_OPS = {
    .close = memo_close,
    .info = memo_info,
    .read_many = memo_read_many,
    .advise = memo_advise,
    .next_data = memo_next_data,
    .changed = memo_changed,
    .interrupt = memo_interrupt,
};

bool source_open_memo(struct source *inner, struct source **out, struct error *err)
{
    struct memo *m = malloc(sizeof *m);

    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    memset(m, 0, offsetof(struct memo, bytes));
    memset(m->off, 0xff, sizeof m->off);
    if (!source_init_base(&m->base, &MEMO_OPS, inner->name, inner->size, err)) {
        free(m);
        return false;
    }
    m->inner = inner;
    *out = &m->base;
    return true;
}
