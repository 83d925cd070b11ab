/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/source_backend.h"

struct failing {
    struct source base;
    struct source *inner;               /* owned */
    uint64_t bad_off, bad_len;          /* bytes */
};

static void failing_close(struct source *src)
{
    source_close(((struct failing *)src)->inner);
    source_free_base(src);
}

static void failing_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(((struct failing *)src)->inner);
}

/* Fails as a whole when it touches the bad range, as a disk does. */
static ssize_t failing_readv(struct source *src, const struct iovec *iov, int n,
                             uint64_t off)
{
    struct failing *f = (struct failing *)src;
    uint64_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (f->bad_len && off + total > f->bad_off && off < f->bad_off + f->bad_len)
        return -EIO;
    total = 0;
    for (int i = 0; i < n; i++) {
        struct source_req req = { .off = off + total, .len = iov[i].iov_len,
                                  .dst = iov[i].iov_base };

        source_read_many(f->inner, &req, 1);
        if (req.error)
            return -req.error;
        total += req.got;
        if (req.got < req.len)
            break;
    }
    return (ssize_t)total;
}

static void failing_read_many(struct source *src, struct source_req *req, size_t n)
{
    source_read_gathered(src, failing_readv, req, n);
}

static bool failing_next_data(struct source *src, uint64_t from, uint64_t *start,
                              uint64_t *end)
{
    return source_next_data(((struct failing *)src)->inner, from, start, end);
}

static bool failing_changed(struct source *src, struct error *why)
{
    return source_changed(((struct failing *)src)->inner, why);
}

static const struct source_ops FAILING_OPS = {
    .close = failing_close,
    .info = failing_info,
    .read_many = failing_read_many,
    .next_data = failing_next_data,
    .changed = failing_changed,
};

bool source_open_failing(struct source *inner, uint64_t bad_off, uint64_t bad_len,
                         struct source **out, struct error *err)
{
    struct failing *f = calloc(1, sizeof *f);

    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!source_init_base(&f->base, &FAILING_OPS, inner->name, inner->size, err)) {
        free(f);
        return false;
    }
    f->inner = inner;
    f->bad_off = bad_off;
    f->bad_len = u64_min(bad_len, UINT64_MAX - bad_off);
    *out = &f->base;
    return true;
}
