/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/limits.h"
#include "base/nbd_queue.h"
#include "base/num.h"
#include "base/source_backend.h"

#define GAP_MAX     (16u << 10)         /* bytes between two requests that are read as well */
#define JOINED_MAX  (256u << 10)        /* bytes of requests that are read as one */
#define SPLIT_MAX   (1u << 20)          /* longer requests become several */
#define EXTENTS_LEN (UINT64_C(1) << 31) /* bytes asked about at once */

struct nbd_source {
    struct source base;
    struct nbd_queue *queue;
    const struct nbd_server *server;
    uint64_t read_max;                  /* bytes of one job */

    pthread_mutex_t extents_lock;
    struct nbd_extents extents;         /* the last answer */
    unsigned petty;                     /* answers that hardly went anywhere */
};

/* Requests that one read serves: those from `first` to before `end` of the sorted list. */
struct group {
    size_t first, end;
    uint64_t off;                       /* of the job's bytes, a multiple of min_block */
    uint8_t *bounce;                    /* owned; NULL: read to where the person wants it */
    size_t jobs, first_job;
};

static void nbd_source_close(struct source *src)
{
    struct nbd_source *s = (struct nbd_source *)src;

    nbd_queue_close(s->queue);
    free(s->extents.list);
    pthread_mutex_destroy(&s->extents_lock);
    source_free_base(src);
}

static void nbd_source_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_NBD;
    out->allocated = src->size;
    out->batch_bytes = 4u << 20;
    out->batch_reqs = 1024;
}

static uint64_t align_down(const struct nbd_source *s, uint64_t off)
{
    return off - off % s->server->min_block;
}

static uint64_t align_up(const struct nbd_source *s, uint64_t off)
{
    return u64_min(round_up(off, s->server->min_block), s->base.size);
}

static bool aligned(const struct nbd_source *s, uint64_t off, uint64_t len)
{
    return align_down(s, off) == off && align_up(s, off + len) == off + len;
}

/* One read, waited for. */
static ssize_t read_waiting(struct source *src, const struct iovec *iov, int n, uint64_t off)
{
    struct nbd_source *s = (struct nbd_source *)src;
    uint64_t from = align_down(s, off), to;
    size_t len = (size_t)u64_min(iov[0].iov_len, SPLIT_MAX);
    struct nbd_job job = { .off = from };
    uint8_t *bounce = NULL;

    (void)n;                            /* a short answer is asked again */
    len = (size_t)u64_min(len, s->read_max - (off - from));
    to = align_up(s, off + len);
    job.len = (size_t)(to - from);
    job.dst = iov[0].iov_base;
    if (!aligned(s, off, len)) {
        bounce = malloc(job.len);
        if (!bounce)
            return -ENOMEM;
        job.dst = bounce;
    }
    nbd_queue_run(s->queue, &job, 1);
    if (bounce && !job.error)
        memcpy(iov[0].iov_base, bounce + (off - from), len);
    free(bounce);
    return job.error ? -job.error : (ssize_t)len;
}

static int by_offset(const void *a, const void *b)
{
    const struct source_req *const *x = a, *const *y = b;

    return ((*x)->off > (*y)->off) - ((*x)->off < (*y)->off);
}

/* May b be read together with what ends at `end`, begins at `off`, and was last a? */
static bool joins(uint64_t off, uint64_t end, const struct source_req *b)
{
    return b->off >= end && b->off - end <= GAP_MAX && b->off + b->got - off <= JOINED_MAX;
}

/* Makes the jobs of one group; false when memory runs out. */
static bool make_jobs(struct nbd_source *s, struct source_req **sorted, struct group *g,
                      struct nbd_job *job, size_t *n_jobs)
{
    const struct source_req *first = sorted[g->first], *last = sorted[g->end - 1];
    uint64_t end = align_up(s, last->off + last->got);
    uint8_t *dst = first->dst;
    bool direct = aligned(s, first->off, last->off + last->got - first->off);

    for (size_t i = g->first + 1; direct && i < g->end; i++)
        direct = sorted[i]->off - first->off == (uint64_t)(sorted[i]->dst - first->dst);
    for (size_t i = g->first + 1; direct && i < g->end; i++)
        direct = sorted[i]->off == sorted[i - 1]->off + sorted[i - 1]->got;
    g->off = align_down(s, first->off);
    if (!direct) {
        g->bounce = malloc((size_t)(end - g->off));
        if (!g->bounce)
            return false;
        dst = g->bounce;
    }
    g->first_job = *n_jobs;
    for (uint64_t at = g->off; at < end; g->jobs++) {
        size_t len = (size_t)u64_min(end - at, s->read_max);

        job[(*n_jobs)++] = (struct nbd_job){ .off = at, .len = len, .dst = dst };
        dst += len;
        at += len;
    }
    return true;
}

/* Hands out what a group has read; what failed is tried again in parts. */
static void settle(struct nbd_source *s, struct source_req **sorted, struct group *g,
                   const struct nbd_job *job)
{
    bool failed = false;

    for (size_t i = 0; i < g->jobs; i++) {
        failed = failed || job[g->first_job + i].error;
        source_count(&s->base, 1, job[g->first_job + i].len);
    }
    for (size_t i = g->first; i < g->end; i++) {
        struct source_req *r = sorted[i];

        if (failed)
            source_read_gathered(&s->base, read_waiting, r, 1);
        else if (g->bounce)
            memcpy(r->dst, g->bounce + (r->off - g->off), r->got);
    }
    free(g->bounce);
}

static size_t jobs_at_most(const struct nbd_source *s, const struct source_req *req, size_t n)
{
    size_t jobs = 0;

    for (size_t i = 0; i < n; i++)
        jobs += req[i].got / (size_t)s->read_max + 2;
    return jobs;
}

static void nbd_source_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct nbd_source *s = (struct nbd_source *)src;
    struct source_req **sorted = calloc(n + 1, sizeof(struct source_req *));
    struct group *group = calloc(n + 1, sizeof *group);
    struct nbd_job *job = calloc(jobs_at_most(s, req, n) + 1, sizeof *job);
    size_t k = 0, n_groups = 0, n_jobs = 0;

    if (!sorted || !group || !job) {
        for (size_t i = 0; i < n; i++)
            source_req_lost(&req[i], 0, req[i].got, ENOMEM);
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        if (req[i].got)
            sorted[k++] = &req[i];
    qsort(sorted, k, sizeof *sorted, by_offset);
    for (size_t i = 0, next; i < k; i = next) {
        struct group *g = &group[n_groups++];
        uint64_t end = sorted[i]->off + sorted[i]->got;

        for (next = i + 1; next < k && joins(sorted[i]->off, end, sorted[next]); next++)
            end = sorted[next]->off + sorted[next]->got;
        g->first = i;
        g->end = next;
        if (!make_jobs(s, sorted, g, job, &n_jobs)) {
            /* One by one needs no memory of ours. */
            n_groups--;
            for (size_t j = i; j < next; j++)
                source_read_gathered(src, read_waiting, sorted[j], 1);
        }
    }
    nbd_queue_run(s->queue, job, n_jobs);
    for (size_t i = 0; i < n_groups; i++)
        settle(s, sorted, &group[i], job);
out:
    free(job);
    free(group);
    free(sorted);
}

/* The extent that holds `at`, asked from the server where the last answer does not reach.
 * NULL: the server does not say. */
static const struct nbd_extent *extent_at(struct nbd_source *s, uint64_t at)
{
    struct nbd_extents *x = &s->extents;
    size_t i;

    if (!x->n || at < x->start || at >= x->list[x->n - 1].end) {
        struct nbd_job job = { .off = align_down(s, at), .extents = x };

        job.len = (size_t)u64_min(EXTENTS_LEN, s->base.size - job.off);
        x->n = 0;
        x->start = job.off;
        nbd_queue_run(s->queue, &job, 1);
        source_count(&s->base, 1, 0);
        if (job.error || !x->n || at >= x->list[x->n - 1].end) {
            x->n = 0;
            return NULL;
        }
        s->petty += x->list[x->n - 1].end - x->start < u64_min(512, job.len);
    }
    BISECT(i, x->n - 1, mid, x->list[mid].end > at);
    return &x->list[i];
}

static bool nbd_source_next_data(struct source *src, uint64_t from, uint64_t *start,
                                 uint64_t *end)
{
    struct nbd_source *s = (struct nbd_source *)src;
    const struct nbd_extent *x = NULL;
    uint64_t at = from;
    bool found = true;

    pthread_mutex_lock(&s->extents_lock);
    while (at < src->size && s->petty < NBD_PETTY_MAX && (x = extent_at(s, at)) && x->zero)
        at = x->end;
    if (s->petty >= NBD_PETTY_MAX)
        x = NULL;
    if (at >= src->size) {
        found = false;
    } else {
        *start = at;
        *end = x ? u64_min(x->end, src->size) : src->size;
    }
    pthread_mutex_unlock(&s->extents_lock);
    return found;
}

static void nbd_source_interrupt(struct source *src)
{
    nbd_queue_interrupt(((struct nbd_source *)src)->queue);
}

static const struct source_ops NBD_OPS = {
    .close = nbd_source_close,
    .info = nbd_source_info,
    .read_many = nbd_source_read_many,
    .next_data = nbd_source_next_data,
    .interrupt = nbd_source_interrupt,
};

static const struct source_ops NBD_OPS_NO_EXTENTS = {
    .close = nbd_source_close,
    .info = nbd_source_info,
    .read_many = nbd_source_read_many,
    .interrupt = nbd_source_interrupt,
};

bool source_open_nbd(const char *uri, struct source **out, struct error *err)
{
    struct nbd_source *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!nbd_queue_open(uri, &s->queue, err)) {
        free(s);
        return false;
    }
    s->server = nbd_queue_server(s->queue);
    /* A multiple of min_block, which is a power of two. */
    s->read_max = u64_min(s->server->max_read, SPLIT_MAX);
    s->read_max = u64_max(s->read_max, s->server->min_block);
    if (!source_init_base(&s->base, s->server->extents ? &NBD_OPS : &NBD_OPS_NO_EXTENTS, uri,
                          s->server->size, err)) {
        nbd_queue_close(s->queue);
        free(s);
        return false;
    }
    pthread_mutex_init(&s->extents_lock, NULL);
    *out = &s->base;
    return true;
}
