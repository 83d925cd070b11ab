/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/source_backend.h"

bool source_init_base(struct source *src, const struct source_ops *ops, const char *name,
                      uint64_t size, struct error *err)
{
    src->name = strdup(name);
    if (!src->name)
        return err_set(err, ERR_NOMEM, "out of memory");
    src->ops = ops;
    src->size = size;
    atomic_init(&src->requests, 0);
    atomic_init(&src->bytes, 0);
    return true;
}

void source_free_base(struct source *src)
{
    free(src->name);
    free(src);
}

void source_count(struct source *src, uint64_t requests, uint64_t bytes)
{
    atomic_fetch_add_explicit(&src->requests, requests, memory_order_relaxed);
    atomic_fetch_add_explicit(&src->bytes, bytes, memory_order_relaxed);
}

void source_close(struct source *src)
{
    if (src)
        src->ops->close(src);
}

struct source_info source_get_info(struct source *src)
{
    struct source_info info = { 0 };

    src->ops->info(src, &info);
    info.name = src->name;
    info.size = src->size;
    return info;
}

uint64_t source_size(const struct source *src)
{
    return src->size;
}

void source_read_many(struct source *src, struct source_req *req, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct source_req *r = &req[i];

        r->error = 0;
        r->bad = (struct source_span){ 0, 0 };
        r->got = r->off >= src->size ? 0 : (size_t)u64_min(r->len, src->size - r->off);
        if (r->got < r->len)
            memset(r->dst + r->got, 0, r->len - r->got);
    }
    src->ops->read_many(src, req, n);
}

bool source_read(struct source *src, uint64_t off, void *dst, size_t len,
                 struct error *err)
{
    struct source_req req = { .off = off, .len = len, .dst = dst };

    source_read_many(src, &req, 1);
    if (req.error == EAGAIN) {          /* source_nowait.h */
        err_set(err, ERR_IO, "reading\u2026");
        if (err)
            err->sys = EAGAIN;
        return false;
    }
    if (req.error)
        return err_set_sys(err, req.error, "cannot read %llu bytes at 0x%llx",
                           (unsigned long long)len, (unsigned long long)off);
    return true;
}

bool source_read_known(struct source *src, uint64_t off, void *dst, size_t len,
                       struct source_span *bad)
{
    struct source_req req = { .off = off, .len = len, .dst = dst };

    source_read_many(src, &req, 1);
    *bad = req.bad;
    return !req.error;
}

void source_advise(struct source *src, uint64_t off, uint64_t len)
{
    if (src->ops->advise && off < src->size)
        src->ops->advise(src, off, u64_min(len, src->size - off));
}

bool source_next_data(struct source *src, uint64_t from, uint64_t *start, uint64_t *end)
{
    if (from >= src->size)
        return false;
    *start = from;
    *end = src->size;
    if (src->ops->next_data && !src->ops->next_data(src, from, start, end))
        return false;
    *end = u64_min(*end, src->size);        /* servers tell of whole blocks */
    return *start < src->size;
}

bool source_next_hole(struct source *src, uint64_t at, uint64_t end, uint64_t least,
                      uint64_t *start, uint64_t *stop)
{
    uint64_t data, data_end;

    for (; at < end; at = data_end) {
        if (!source_next_data(src, at, &data, &data_end) || data > end)
            data = data_end = end;
        if (data - at >= least && data > at) {
            *start = at;
            *stop = data;
            return true;
        }
    }
    *start = *stop = end;
    return false;
}

void source_next_data_memo(struct source *src, struct data_memo *memo, uint64_t at,
                           uint64_t *start, uint64_t *stop)
{
    if (at < memo->from || at >= memo->stop) {
        memo->from = at;
        if (!source_next_data(src, at, &memo->start, &memo->stop))
            memo->start = memo->stop = UINT64_MAX;
    }
    *start = memo->start > at ? memo->start : at;
    *stop = memo->stop;
}

bool source_all_hole(struct source *src, struct data_memo *memo, uint64_t off, uint64_t len)
{
    uint64_t start, stop;

    source_next_data_memo(src, memo, off, &start, &stop);
    return start >= off && start - off >= len;
}

bool source_pieces_next(struct source_pieces *p, void *bytes, size_t room,
                        struct source_piece *out)
{
    uint64_t data, stop;

    if (p->at >= p->end)
        return false;
    source_next_data_memo(p->src, &p->memo, p->at, &data, &stop);
    if (data >= p->end) {
        p->at = p->end;
        return false;
    }
    out->off = data - (data - p->start) % 8;
    stop = u64_min(stop, p->end);
    stop = u64_min(p->end, p->start + round_up(stop - p->start, 8));
    out->len = (size_t)u64_min(room, stop - out->off);
    p->at = out->off + out->len;
    source_read_known(p->src, out->off, bytes, out->len, &out->bad);
    return true;
}

uint64_t source_next_unit(struct source *src, struct data_memo *memo, uint64_t start,
                          uint64_t unit, uint64_t i, uint64_t n)
{
    uint64_t at, data, stop;

    if (i >= n || !u64_mul(i, unit, &at) || !u64_add(at, start, &at))
        return n;
    source_next_data_memo(src, memo, at, &data, &stop);
    return u64_min(n, (data - start) / unit);
}

void source_interrupt(struct source *src)
{
    if (src->ops->interrupt)
        src->ops->interrupt(src);
}

bool source_changed(struct source *src, struct error *why)
{
    return src->ops->changed && src->ops->changed(src, why);
}

void source_counters(struct source *src, uint64_t *requests, uint64_t *bytes)
{
    *requests = atomic_load_explicit(&src->requests, memory_order_relaxed);
    *bytes = atomic_load_explicit(&src->bytes, memory_order_relaxed);
}
