/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The bytes of a disk. */
#include "config.h"

#include <string.h>

#include "disk/level.h"

#define BATCH 32                        /* pieces found before their bytes are read */

/* A piece and what reading it has come to. */
struct todo {
    struct piece p;
    uint64_t off;                       /* guest byte */
    uint8_t *dst;
    struct source_span bad;             /* within its file: could not be read */
};

static void add(struct disk_spans *spans, uint64_t off, uint64_t len, const struct piece *p,
                enum disk_state state, const char *why, bool *ok, struct error *err)
{
    struct disk_span s = { .off = off, .len = len, .state = state, .depth = p->depth,
                           .why = why, .compressed = p->fetch == FETCH_COMPRESSED,
                           .host_off = p->host_off };

    if (!spans || !len || !*ok)
        return;
    if (p->fetch == FETCH_HOST)
        s.host_off = p->host_off + p->in;
    *ok = disk_spans_add(spans, &s, err);
}

/* Spans of a piece of which the bytes `bad` could not be read. */
static bool add_read(struct disk_spans *spans, const struct todo *j, struct error *err)
{
    const struct piece *p = &j->p;
    struct piece part = *p;
    uint64_t before, after;
    bool ok = true;

    if (!j->bad.len) {
        add(spans, j->off, p->len, p, p->state, p->why, &ok, err);
        return ok;
    }
    before = u64_max(j->bad.off, p->host_off) - p->host_off;
    after = u64_min(j->bad.off + j->bad.len, p->host_off + p->len) - p->host_off;
    add(spans, j->off, before, &part, p->state, p->why, &ok, err);
    part.in = before;
    add(spans, j->off + before, after - before, &part, DISK_UNREADABLE, NULL, &ok, err);
    part.in = after;
    add(spans, j->off + after, p->len - after, &part, p->state, p->why, &ok, err);
    return ok;
}

/* Decrypts what was read of a piece. Of a sector that is not read as a whole, all is read
 * again. */
static bool decrypt(const struct level *lv, struct todo *j, uint64_t guest_off,
                    struct error *err)
{
    uint8_t sector[CRYPT_SECTOR];
    uint64_t n;

    for (uint64_t at = 0; at < j->p.len; at += n) {
        uint64_t host = j->p.host_off + at, in = host % CRYPT_SECTOR, left = j->p.len - at;
        bool ok;

        if (!in && left >= CRYPT_SECTOR) {
            n = left - left % CRYPT_SECTOR;
            ok = crypt_decrypt(lv->crypt, host, guest_off + at, j->dst + at, (size_t)n);
        } else {
            n = u64_min(left, CRYPT_SECTOR - in);
            (void)source_read(lv->data, host - in, sector, sizeof sector, NULL);
            ok = crypt_decrypt(lv->crypt, host - in, guest_off + at - in, sector, sizeof sector);
            memcpy(j->dst + at, sector + in, (size_t)n);
        }
        if (!ok)
            return err_set(err, ERR_NOMEM, "libcrypto cannot decrypt");
    }
    if (j->bad.len)                     /* zeros were decrypted there */
        memset(j->dst + (u64_max(j->bad.off, j->p.host_off) - j->p.host_off), 0,
               (size_t)u64_min(j->bad.len, j->p.len));
    return true;
}

/* Pieces [first, n) that lie stored in the same file are read together; returns the end of
 * them. */
static size_t read_stored(struct disk *d, struct todo *job, size_t first, size_t n)
{
    struct source_req req[BATCH];
    const unsigned depth = job[first].p.depth;
    size_t end = first, k;

    for (; end < n && job[end].p.fetch == FETCH_HOST && job[end].p.depth == depth; end++)
        req[end - first] = (struct source_req){ .off = job[end].p.host_off,
                                                .len = (size_t)job[end].p.len,
                                                .dst = job[end].dst };
    source_read_many(d->level[depth].data, req, end - first);
    for (k = first; k < end; k++)
        job[k].bad = req[k - first].error ? req[k - first].bad : (struct source_span){ 0, 0 };
    return end;
}

static bool read_packed(struct disk *d, struct todo *j, struct error *err)
{
    struct piece *p = &j->p;

    switch (packed_read(d->packed, p->depth, d->level[p->depth].img, p->host_off, p->host_len,
                        p->in, j->dst, (size_t)p->len)) {
    case PACKED_FINE:
        break;
    case PACKED_UNREADABLE:
        p->state = DISK_UNREADABLE;
        p->why = NULL;
        break;
    case PACKED_DAMAGED:
        if (p->state != DISK_DAMAGED)
            p->why = "compressed-stream-damaged";
        p->state = DISK_DAMAGED;
        break;
    case PACKED_NO_MEMORY:
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    return true;
}

static bool read_batch(struct disk *d, struct todo *job, size_t n, struct disk_spans *spans,
                       struct error *err)
{
    for (size_t i = 0; i < n;) {
        if (job[i].p.fetch == FETCH_HOST) {
            size_t end = read_stored(d, job, i, n);
            const struct level *lv = &d->level[job[i].p.depth];

            for (; i < end; i++)
                if (lv->crypt && !decrypt(lv, &job[i], job[i].off + lv->first, err))
                    return false;
            continue;
        }
        if (job[i].p.fetch == FETCH_ZEROS)
            memset(job[i].dst, 0, (size_t)job[i].p.len);
        else if (!read_packed(d, &job[i], err))
            return false;
        i++;
    }
    for (size_t i = 0; spans && i < n; i++)
        if (!add_read(spans, &job[i], err))
            return false;
    return true;
}

bool disk_read(struct disk *d, uint64_t off, void *dst, size_t len, struct disk_spans *spans,
               struct error *err)
{
    uint64_t size = disk_size(d), end;
    struct todo job[BATCH];
    uint8_t *at = dst;

    end = off >= size ? off : off + u64_min(len, size - off);
    memset(at + (end - off), 0, len - (size_t)(end - off));
    while (off < end) {
        size_t n = 0;

        for (; n < BATCH && off < end; n++) {
            struct todo *j = &job[n];

            *j = (struct todo){ .off = off, .dst = at };
            level_find(d, off, end, &j->p);
            off += j->p.len;
            at += j->p.len;
        }
        if (!read_batch(d, job, n, spans, err))
            return false;
    }
    return true;
}
