/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/source_nowait.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/source_backend.h"
#include "base/thread.h"

#define PAGE            4096u
#define PAGES_MAX       4096u               /* 16 MiB */
#define READ_MAX        (PAGES_MAX / 4 * PAGE)  /* longest read of the loop's thread */
#define RUN_MAX         64u                 /* pages read at once */
#define BUCKETS         1024u
#define READERS_MAX     4
#define GLANCE_MS       15

enum page_state { PAGE_WANTED, PAGE_READING, PAGE_THERE };

struct page {
    struct page *next;                      /* of the bucket */
    struct page *later;                     /* of the queue of wanted ones */
    uint64_t off;
    enum page_state state;
    uint64_t used;                          /* `now` of the last use */
    int error;
    struct source_span bad;                 /* in the file */
    uint8_t byte[PAGE];
};

struct nowait {
    struct source base;
    struct source *inner;
    pthread_t loop;
    nowait_wait *wait;
    void *arg;
    int fd[2];
    /* the loop's thread alone */
    enum nowait_mode mode;
    bool missed, given_up;
    struct timespec until;                  /* of a glance */
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wanted, came;
    struct page *bucket[BUCKETS];
    struct page *first, *last;              /* wanted, in the order of asking */
    uint64_t n_pages, now, age;             /* age: changes when all is forgotten */
    unsigned n_readers, n_idle;
    pthread_t reader[READERS_MAX];
    bool closing, notified;
};

static const struct source_ops ops;

static struct nowait *self(const struct source *src)
{
    return src->ops == &ops ? (struct nowait *)(uintptr_t)src : NULL;
}

static struct page **place_of(struct nowait *w, uint64_t off)
{
    struct page **p = &w->bucket[off / PAGE % BUCKETS];

    while (*p && (*p)->off != off)
        p = &(*p)->next;
    return p;
}

/* --- the threads that read --- */

/* Takes the wanted page that has waited longest, and those that follow it in the file. */
static unsigned take_run(struct nowait *w, struct page *run[RUN_MAX])
{
    unsigned n = 0;
    struct page *p = w->first;

    while (p && n < RUN_MAX && p->state == PAGE_WANTED) {
        p->state = PAGE_READING;
        run[n++] = p;
        p = *place_of(w, p->off + PAGE);
    }
    while (w->first && w->first->state != PAGE_WANTED)
        w->first = w->first->later;
    if (!w->first)
        w->last = NULL;
    return n;
}

/* A page was read: what of it failed is that part of the bad span that lies in it. */
static void page_came(struct page *p, const struct source_req *req)
{
    uint64_t bad_end = req->bad.off + req->bad.len;

    memcpy(p->byte, req->dst + (p->off - req->off), PAGE);
    p->state = PAGE_THERE;
    p->error = 0;
    if (req->error && req->bad.off < p->off + PAGE && bad_end > p->off) {
        p->error = req->error;
        p->bad.off = u64_max(req->bad.off, p->off);
        p->bad.len = u64_min(bad_end, p->off + PAGE) - p->bad.off;
    }
}

static void notify(struct nowait *w)
{
    if (!w->notified && write(w->fd[1], "", 1) == 1)
        w->notified = true;
    pthread_cond_broadcast(&w->came);
}

static void read_run(struct nowait *w, uint8_t *bytes)
{
    struct page *run[RUN_MAX];
    unsigned n = take_run(w, run);
    uint64_t age = w->age;
    struct source_req req = { .off = run[0]->off, .len = n * (size_t)PAGE, .dst = bytes };

    pthread_mutex_unlock(&w->lock);
    source_read_many(w->inner, &req, 1);
    pthread_mutex_lock(&w->lock);
    for (unsigned i = 0; i < n; i++) {
        if (age == w->age)
            page_came(run[i], &req);
        else
            free(run[i]);                   /* forgotten meanwhile: it is ours alone */
    }
    notify(w);
}

static void *reader_main(void *arg)
{
    struct nowait *w = arg;
    uint8_t *bytes = malloc((size_t)RUN_MAX * PAGE);

    pthread_mutex_lock(&w->lock);
    while (!w->closing && bytes) {
        if (w->first) {
            read_run(w, bytes);
        } else {
            w->n_idle++;
            pthread_cond_wait(&w->wanted, &w->lock);
            w->n_idle--;
        }
    }
    pthread_mutex_unlock(&w->lock);
    free(bytes);
    return NULL;
}

/* --- asking for pages --- */

static void queue_add(struct nowait *w, struct page *p)
{
    p->later = NULL;
    if (w->last)
        w->last->later = p;
    else
        w->first = p;
    w->last = p;
}

/* Frees the page that was used longest ago. */
static void forget_oldest(struct nowait *w)
{
    struct page **oldest = NULL;
    struct page *p;

    for (size_t i = 0; i < BUCKETS; i++)
        for (struct page **at = &w->bucket[i]; *at; at = &(*at)->next)
            if ((*at)->state == PAGE_THERE && (!oldest || (*at)->used < (*oldest)->used))
                oldest = at;
    if (!oldest)
        return;
    p = *oldest;
    *oldest = p->next;
    free(p);
    w->n_pages--;
}

static bool want(struct nowait *w, uint64_t off)
{
    struct page **at = place_of(w, off);

    if (!*at) {
        struct page *p;

        if (w->n_pages >= PAGES_MAX) {
            forget_oldest(w);
            at = place_of(w, off);
        }
        p = w->n_pages < PAGES_MAX ? calloc(1, sizeof *p) : NULL;
        if (!p)
            return false;
        p->off = off;
        p->state = PAGE_WANTED;
        *at = p;
        w->n_pages++;
        queue_add(w, p);
        if (w->n_idle == 0 && w->n_readers < READERS_MAX &&
            thread_start(&w->reader[w->n_readers], reader_main, w) == 0)
            w->n_readers++;
        pthread_cond_signal(&w->wanted);
    }
    (*at)->used = w->now;
    return (*at)->state == PAGE_THERE;
}

/* Asks for all pages of the requests; true when all of them are there. */
static bool want_all(struct nowait *w, const struct source_req *req, size_t n)
{
    bool there = true;

    w->now++;
    for (size_t i = 0; i < n; i++)
        for (uint64_t off = req[i].off / PAGE * PAGE; off < req[i].off + req[i].got;
             off += PAGE)
            there = want(w, off) && there;
    return there;
}

/* Wanted pages that nobody has begun to read: the person has moved on. */
static void drop_wanted(struct nowait *w)
{
    while (w->first) {
        struct page *p = w->first;
        struct page **at = place_of(w, p->off);

        w->first = p->later;
        if (p->state != PAGE_WANTED)
            continue;
        *at = p->next;
        free(p);
        w->n_pages--;
    }
    w->last = NULL;
}

/* Waits in the way of the mode until something has come. False: do not wait any longer. */
static bool wait_more(struct nowait *w)
{
    bool go_on;

    if (w->given_up)
        return false;
    if (w->mode == NOWAIT_GLANCE)
        return !w->missed && pthread_cond_timedwait(&w->came, &w->lock, &w->until) == 0;
    pthread_mutex_unlock(&w->lock);
    go_on = w->wait(w->arg, w->fd[0]);
    pthread_mutex_lock(&w->lock);
    w->given_up = !go_on;
    return go_on;
}

/* --- the source --- */

static void take_note(struct nowait *w)
{
    char bytes[16];

    if (w->notified && read(w->fd[0], bytes, sizeof bytes) >= 0)
        w->notified = false;
}

static void fill(struct nowait *w, struct source_req *r)
{
    struct source_span bad = { 0, 0 };

    for (uint64_t at = r->off, end = r->off + r->got; at < end;) {
        uint64_t off = at / PAGE * PAGE;
        size_t len = (size_t)(u64_min(off + PAGE, end) - at);
        const struct page *p = *place_of(w, off);

        if (!p || p->state != PAGE_THERE) {
            memset(r->dst + (at - r->off), 0, len);
            r->error = w->given_up ? ECANCELED : EAGAIN;
            bad = source_span_hull(bad, (struct source_span){ at, len });
        } else {
            memcpy(r->dst + (at - r->off), p->byte + (at - off), len);
            if (p->error && p->bad.off < at + len && p->bad.off + p->bad.len > at) {
                r->error = r->error ? r->error : p->error;
                bad = source_span_hull(bad, p->bad);
            }
        }
        at += len;
    }
    if (r->error) {
        r->bad.off = u64_max(bad.off, r->off);
        r->bad.len = u64_min(bad.off + bad.len, r->off + r->got) - r->bad.off;
    }
}

static void read_one(struct nowait *w, struct source_req *req, size_t n)
{
    pthread_mutex_lock(&w->lock);
    take_note(w);
    while (!want_all(w, req, n) && wait_more(w))
        take_note(w);
    for (size_t i = 0; i < n; i++) {
        fill(w, &req[i]);
        w->missed = w->missed || req[i].error == EAGAIN;
    }
    pthread_mutex_unlock(&w->lock);
}

static void nowait_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct nowait *w = self(src);
    uint64_t bytes = 0;

    if (!pthread_equal(pthread_self(), w->loop)) {
        source_read_many(w->inner, req, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        bytes += req[i].got;
    if (bytes <= READ_MAX) {
        read_one(w, req, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {        /* more than may be held at once */
        if (req[i].got <= READ_MAX)
            read_one(w, &req[i], 1);
        else
            source_req_lost(&req[i], 0, req[i].got, EFBIG);
    }
}

static void nowait_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(self(src)->inner);
}

static bool nowait_next_data(struct source *src, uint64_t from, uint64_t *start,
                             uint64_t *end)
{
    struct nowait *w = self(src);

    if (pthread_equal(pthread_self(), w->loop) &&
        source_get_info(w->inner).kind == SOURCE_NBD) {
        *start = from;                      /* asking a server could take long */
        *end = src->size;
        return true;
    }
    return source_next_data(w->inner, from, start, end);
}

static bool nowait_changed(struct source *src, struct error *why)
{
    return source_changed(self(src)->inner, why);
}

static void nowait_interrupt(struct source *src)
{
    source_interrupt(self(src)->inner);
}

static void nowait_close(struct source *src)
{
    struct nowait *w = self(src);

    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->n_readers; i++)
        pthread_join(w->reader[i], NULL);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (w->bucket[i]) {
            struct page *p = w->bucket[i];

            w->bucket[i] = p->next;
            free(p);
        }
    }
    close(w->fd[0]);
    close(w->fd[1]);
    pthread_cond_destroy(&w->came);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    source_free_base(src);
}

static const struct source_ops ops = {
    .close = nowait_close,
    .info = nowait_info,
    .read_many = nowait_read_many,
    .next_data = nowait_next_data,
    .changed = nowait_changed,
    .interrupt = nowait_interrupt,
};

bool source_open_nowait(struct source *inner, nowait_wait *wait, void *arg,
                        struct source **out, struct error *err)
{
    struct nowait *w = calloc(1, sizeof *w);
    pthread_condattr_t attr;

    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (pipe2(w->fd, O_CLOEXEC | O_NONBLOCK) != 0) {
        err_set_sys(err, errno, "cannot make a pipe");
        free(w);
        return false;
    }
    if (!source_init_base(&w->base, &ops, source_get_info(inner).name, source_size(inner),
                          err)) {
        close(w->fd[0]);
        close(w->fd[1]);
        free(w);
        return false;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->came, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&w->wanted, NULL);
    pthread_mutex_init(&w->lock, NULL);
    w->inner = inner;
    w->loop = pthread_self();
    w->wait = wait;
    w->arg = arg;
    *out = &w->base;
    return true;
}

void nowait_mode(struct source *src, enum nowait_mode mode)
{
    struct nowait *w = self(src);

    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    take_note(w);
    drop_wanted(w);
    pthread_mutex_unlock(&w->lock);
    w->mode = mode;
    w->missed = w->given_up = false;
    clock_gettime(CLOCK_MONOTONIC, &w->until);
    w->until.tv_nsec += GLANCE_MS * 1000000L;
    if (w->until.tv_nsec >= 1000000000L) {
        w->until.tv_nsec -= 1000000000L;
        w->until.tv_sec++;
    }
}

bool nowait_missed(const struct source *src)
{
    const struct nowait *w = self(src);

    return w && w->missed;
}

int nowait_fd(const struct source *src)
{
    const struct nowait *w = self(src);

    return w ? w->fd[0] : -1;
}

void nowait_forget(struct source *src)
{
    struct nowait *w = self(src);

    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    drop_wanted(w);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (w->bucket[i]) {
            struct page *p = w->bucket[i];

            w->bucket[i] = p->next;
            if (p->state != PAGE_READING)
                free(p);                    /* else its reader does */
        }
    }
    w->n_pages = 0;
    w->age++;
    pthread_mutex_unlock(&w->lock);
}
