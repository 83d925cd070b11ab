/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/source_backend.h"

#define GROUP_MAX   64                  /* requests looked at together */
#define GAP_MAX     8192                /* bytes between two, thrown away */
#define JOINED_MAX  (4u << 20)          /* bytes of one joined read */
#define SECTOR      512

/* Reads all of iov, however often the storage stops early. *done: bytes filled.
 * Returns 0, or an errno; less than everything and 0 means the source ended. Uses iov
 * up. */
static int readv_all(struct source *src, source_readv_fn *readv, struct iovec *iov, int n,
                     uint64_t off, uint64_t *done)
{
    *done = 0;
    while (n > 0) {
        ssize_t got = readv(src, iov, n, off + *done);
        size_t left;

        if (got == -EINTR)
            continue;
        source_count(src, 1, got > 0 ? (uint64_t)got : 0);
        if (got <= 0)
            return (int)-got;
        *done += (uint64_t)got;
        left = (size_t)got;
        while (n > 0 && left >= iov->iov_len) {
            left -= iov->iov_len;
            iov++;
            n--;
        }
        if (n > 0) {
            iov->iov_base = (uint8_t *)iov->iov_base + left;
            iov->iov_len -= left;
        }
    }
    return 0;
}

/* What is left to do of a request whose range partly fails. */
struct isolation {
    struct source *src;
    source_readv_fn *readv;
    struct source_req *req;
    unsigned failures;
    size_t end;                         /* bytes of the request: here the source ends */
};

void source_req_lost(struct source_req *req, size_t at, size_t len, int error)
{
    struct source_span lost = { req->off + at, len };

    memset(req->dst + at, 0, len);
    if (!req->error)
        req->error = error;
    req->bad = source_span_hull(req->bad, lost);
}

/* Reads [at, at+len) of the request. Depth is bounded by log2(len / SECTOR). */
static void isolate(struct isolation *job, size_t at, size_t len)
{
    uint8_t *dst = job->req->dst + at;
    struct iovec iov = { dst, len };
    uint64_t off = job->req->off + at, done = 0, half;
    int error;

    if (at >= job->end) {
        memset(dst, 0, len);
        return;
    }
    if (job->failures >= SOURCE_RETRIES_MAX) {
        source_req_lost(job->req, at, len, EIO);
        return;
    }
    error = readv_all(job->src, job->readv, &iov, 1, off, &done);
    if (!error && done < len) {
        memset(dst + done, 0, len - (size_t)done);
        job->end = at + (size_t)done;
    }
    if (!error)
        return;
    job->failures++;
    /* The half that follows begins at a sector of the storage. */
    half = (off + len / 2) / SECTOR * SECTOR;
    if (half <= off)
        half = (off / SECTOR + 1) * SECTOR;
    if (half >= off + len) {
        source_req_lost(job->req, at, len, error);
        return;
    }
    isolate(job, at, (size_t)(half - off));
    isolate(job, at + (size_t)(half - off), len - (size_t)(half - off));
}

static void read_alone(struct source *src, source_readv_fn *readv, struct source_req *req)
{
    struct isolation job = { src, readv, req, 0, req->got };

    isolate(&job, 0, req->got);
    req->got = job.end;
}

/* Reads n requests, sorted by offset and without overlaps, as one. */
static void read_joined(struct source *src, source_readv_fn *readv,
                        struct source_req **req, size_t n)
{
    uint8_t gap[GAP_MAX];           /* written to, never read */
    struct iovec iov[2 * GROUP_MAX];
    int n_iov = 0;
    uint64_t first = req[0]->off, pos = first, done;

    if (n == 1) {
        read_alone(src, readv, req[0]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (req[i]->off > pos)
            /* cppcheck-suppress legacyUninitvar */
            iov[n_iov++] = (struct iovec){ gap, (size_t)(req[i]->off - pos) };
        iov[n_iov++] = (struct iovec){ req[i]->dst, req[i]->got };
        pos = req[i]->off + req[i]->got;
    }
    if (readv_all(src, readv, iov, n_iov, first, &done) == 0) {
        for (size_t i = 0; i < n; i++) {
            uint64_t at = req[i]->off - first;
            size_t have = done <= at ? 0 : (size_t)u64_min(done - at, req[i]->got);

            memset(req[i]->dst + have, 0, req[i]->got - have);
            req[i]->got = have;
        }
        return;
    }
    for (size_t i = 0; i < n; i++)
        read_alone(src, readv, req[i]);
}

static int by_offset(const void *a, const void *b)
{
    const struct source_req *const *x = a, *const *y = b;

    return ((*x)->off > (*y)->off) - ((*x)->off < (*y)->off);
}

static void read_group(struct source *src, source_readv_fn *readv, struct source_req *req,
                       size_t n)
{
    struct source_req *sorted[GROUP_MAX];
    size_t k = 0;
    bool rising = true;

    for (size_t i = 0; i < n; i++) {
        if (!req[i].got)
            continue;
        if (k && sorted[k - 1]->off > req[i].off)
            rising = false;
        sorted[k++] = &req[i];
    }
    if (!rising)
        qsort(sorted, k, sizeof sorted[0], by_offset);
    for (size_t i = 0, next; i < k; i = next) {
        uint64_t end = sorted[i]->off + sorted[i]->got;

        for (next = i + 1; next < k; next++) {
            const struct source_req *r = sorted[next];

            if (r->off < end || r->off - end > GAP_MAX ||
                r->off + r->got - sorted[i]->off > JOINED_MAX)
                break;
            end = r->off + r->got;
        }
        read_joined(src, readv, sorted + i, next - i);
    }
}

void source_read_gathered(struct source *src, source_readv_fn *readv,
                          struct source_req *req, size_t n)
{
    for (size_t i = 0; i < n; i += GROUP_MAX)
        read_group(src, readv, req + i, n - i < GROUP_MAX ? n - i : GROUP_MAX);
}
