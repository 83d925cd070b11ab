/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/nbd_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/thread.h"

#define CONNECTIONS_MAX 4
#define IN_FLIGHT_MAX   64              /* requests per connection */

/* One call of nbd_queue_run. */
struct nbd_wait {
    size_t left;
    pthread_cond_t done;
};

struct nbd_conn {
    struct nbd_queue *queue;
    struct nbd_handle *h;               /* NULL: lost */
    struct nbd_job *jobs;               /* in flight */
    unsigned in_flight;
};

struct nbd_queue {
    const struct nbd_lib *lib;
    struct nbd_server server;
    pthread_t thread;
    bool thread_runs;
    int wake[2];                        /* a byte here wakes the thread */

    /* Everything up to here is fixed once the thread runs; under the lock: */
    pthread_mutex_t lock;
    struct nbd_job *first, *last;       /* handed in, not yet sent */
    bool stop, interrupted;

    /* The thread's own */
    struct nbd_conn conn[CONNECTIONS_MAX];
    struct nbd_job *finished;           /* answered since they were last reported */
    struct timespec heard;              /* when a request was last answered: bytes that trickle
                                           are no answer */
};

/* --- the thread's side --- */

static void finish(struct nbd_queue *q, struct nbd_job *job, int error)
{
    struct nbd_conn *c = job->conn;

    if (c) {
        if (job->prev)
            job->prev->next = job->next;
        else
            c->jobs = job->next;
        if (job->next)
            job->next->prev = job->prev;
        c->in_flight--;
    }
    job->conn = NULL;
    job->error = error;
    job->next = q->finished;
    q->finished = job;
}

/* libnbd calls this once per request; 1 means that it may forget it. */
static int answered(void *user, int *error)
{
    struct nbd_job *job = user;

    clock_gettime(CLOCK_MONOTONIC, &job->conn->queue->heard);
    finish(job->conn->queue, job, *error);
    return 1;
}

static int extent_answer(void *user, const char *context, uint64_t off, uint32_t *entries,
                         size_t n, int *error)
{
    struct nbd_job *job = user;
    struct nbd_extents *x = job->extents;
    uint64_t at = off;

    (void)error;
    if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) || off != job->off || x->n)
        return 0;
    for (size_t i = 0; i + 1 < n && entries[i] && x->n < NBD_EXTENTS_MAX; i += 2) {
        if (!u64_add(at, entries[i], &at))
            break;
        if (!list_room(&x->list, x->n, &x->cap, sizeof *x->list))
            break;
        x->list[x->n++] = (struct nbd_extent){ at, entries[i + 1] & LIBNBD_STATE_ZERO };
    }
    return 0;
}

/* Gives up a connection and everything that was under way on it. */
static void lose(struct nbd_conn *c, int error)
{
    if (c->h)
        c->queue->lib->nbd_close(c->h);
    c->h = NULL;
    while (c->jobs)
        finish(c->queue, c->jobs, error);
}

static void send_job(struct nbd_queue *q, struct nbd_conn *c, struct nbd_job *job)
{
    nbd_completion_callback done = { .callback = answered, .user_data = job };
    nbd_extent_callback extents = { .callback = extent_answer, .user_data = job };
    int64_t cookie;

    job->conn = c;
    job->prev = NULL;
    job->next = c->jobs;
    if (c->jobs)
        c->jobs->prev = job;
    c->jobs = job;
    if (c->in_flight++ == 0)
        clock_gettime(CLOCK_MONOTONIC, &q->heard);
    if (job->dst)
        cookie = q->lib->nbd_aio_pread(c->h, job->dst, job->len, job->off, done, 0);
    else
        cookie = q->lib->nbd_aio_block_status(c->h, job->len, job->off, extents, done, 0);
    if (cookie < 0 && job->conn)
        finish(q, job, q->lib->nbd_get_errno() ? q->lib->nbd_get_errno() : EIO);
}

/* The connection with the most room; NULL: all are full, or (*alive false) lost. */
static struct nbd_conn *choose(struct nbd_queue *q, bool *alive)
{
    struct nbd_conn *best = NULL;

    *alive = false;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct nbd_conn *c = &q->conn[i];

        if (!c->h)
            continue;
        *alive = true;
        if (c->in_flight < IN_FLIGHT_MAX && (!best || c->in_flight < best->in_flight))
            best = c;
    }
    return best;
}

/* Sends what has been handed in, as far as there is room. False: time to end. */
static bool send_queued(struct nbd_queue *q)
{
    for (;;) {
        bool alive, stop, interrupted;
        struct nbd_conn *c = choose(q, &alive);
        struct nbd_job *job = NULL;

        pthread_mutex_lock(&q->lock);
        stop = q->stop;
        interrupted = q->interrupted;
        if (c || !alive) {
            job = q->first;
            if (job)
                q->first = job->next;
        }
        pthread_mutex_unlock(&q->lock);
        if (stop)
            return false;
        for (size_t i = 0; interrupted && i < CONNECTIONS_MAX; i++)
            lose(&q->conn[i], ECANCELED);
        if (interrupted)
            c = NULL;
        if (!job)
            return true;
        if (c)
            send_job(q, c, job);
        else
            finish(q, job, ENOTCONN);
    }
}

/* Tells those who wait. */
static void report(struct nbd_queue *q)
{
    if (!q->finished)
        return;
    pthread_mutex_lock(&q->lock);
    while (q->finished) {
        struct nbd_job *job = q->finished;

        q->finished = job->next;
        if (--job->wait->left == 0)
            pthread_cond_signal(&job->wait->done);
    }
    pthread_mutex_unlock(&q->lock);
}

/* Lets libnbd do what the socket is ready for. */
static void serve(struct nbd_queue *q, struct nbd_conn *c, int events)
{
    unsigned wants = q->lib->nbd_aio_get_direction(c->h);

    if (events & (POLLIN | POLLHUP | POLLERR) && wants & LIBNBD_AIO_DIRECTION_READ) {
        q->lib->nbd_aio_notify_read(c->h);
    } else if (events & POLLOUT && wants & LIBNBD_AIO_DIRECTION_WRITE) {
        q->lib->nbd_aio_notify_write(c->h);
    } else if (events & (POLLHUP | POLLERR | POLLNVAL)) {
        lose(c, ENOTCONN);
    }
}

/* Gives up connections that libnbd found broken. True: there was one. */
static bool bury(struct nbd_queue *q)
{
    bool any = false;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct nbd_conn *c = &q->conn[i];

        if (c->h && (q->lib->nbd_aio_is_dead(c->h) || q->lib->nbd_aio_is_closed(c->h))) {
            lose(c, ENOTCONN);
            any = true;
        }
    }
    return any;
}

/* What poll() waits for: the pipe that wakes the thread, and all connections. */
struct nbd_watch {
    struct pollfd fd[CONNECTIONS_MAX + 1];
    struct nbd_conn *owner[CONNECTIONS_MAX + 1];
    nfds_t n;
    unsigned in_flight;
};

static void watch_all(struct nbd_queue *q, struct nbd_watch *w)
{
    *w = (struct nbd_watch){ .fd = { { .fd = q->wake[0], .events = POLLIN } }, .n = 1 };
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct nbd_conn *c = &q->conn[i];
        unsigned wants;

        if (!c->h)
            continue;
        wants = q->lib->nbd_aio_get_direction(c->h);
        w->owner[w->n] = c;
        w->fd[w->n].fd = q->lib->nbd_aio_get_fd(c->h);
        w->fd[w->n++].events = (short)((wants & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                                       (wants & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
        w->in_flight += c->in_flight;
    }
}

/* Empties the pipe; false: it is broken. */
static bool take_wakes(struct nbd_queue *q)
{
    char bytes[64];

    return read(q->wake[0], bytes, sizeof bytes) >= 0 || errno == EAGAIN;
}

static void *queue_thread(void *user)
{
    struct nbd_queue *q = user;

    while (send_queued(q)) {
        struct nbd_watch w;

        if (bury(q))
            continue;                   /* for what could not be sent until now */
        report(q);
        watch_all(q, &w);
        poll(w.fd, w.n, w.in_flight ? 1000 : -1);
        if (w.in_flight && nbd_longer_than(NBD_SILENCE_MAX, &q->heard)) {
            for (nfds_t i = 1; i < w.n; i++)
                lose(w.owner[i], ETIMEDOUT);
            continue;
        }
        if (w.fd[0].revents && !take_wakes(q))
            break;
        for (nfds_t i = 1; i < w.n; i++)
            if (w.fd[i].revents)
                serve(q, w.owner[i], w.fd[i].revents);
    }
    return NULL;
}

/* --- the callers' side --- */

static void wake_thread(struct nbd_queue *q)
{
    /* A full pipe is as good: it will wake up. */
    while (write(q->wake[1], "", 1) < 0 && errno == EINTR)
        ;
}

void nbd_queue_run(struct nbd_queue *q, struct nbd_job *job, size_t n)
{
    struct nbd_wait wait = { .left = n, .done = PTHREAD_COND_INITIALIZER };

    if (!n)
        return;
    for (size_t i = 0; i < n; i++) {
        job[i].wait = &wait;
        job[i].conn = NULL;
        job[i].next = i + 1 < n ? &job[i + 1] : NULL;
        job[i].error = 0;
    }
    pthread_mutex_lock(&q->lock);
    if (q->first)
        q->last->next = job;
    else
        q->first = job;
    q->last = &job[n - 1];
    wake_thread(q);
    while (wait.left)
        pthread_cond_wait(&wait.done, &q->lock);
    pthread_mutex_unlock(&q->lock);
    pthread_cond_destroy(&wait.done);
}

void nbd_queue_interrupt(struct nbd_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->interrupted = true;
    pthread_mutex_unlock(&q->lock);
    wake_thread(q);
}

const struct nbd_server *nbd_queue_server(const struct nbd_queue *q)
{
    return &q->server;
}

static bool start_thread(struct nbd_queue *q, struct error *err)
{
    int errnum;

    if (pipe(q->wake) != 0)
        return err_set_sys(err, errno, "cannot make a pipe");
    for (int i = 0; i < 2; i++) {
        (void)fcntl(q->wake[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(q->wake[i], F_SETFL, O_NONBLOCK);
    }
    errnum = thread_start(&q->thread, queue_thread, q);
    if (errnum)
        return err_set_sys(err, errnum, "cannot start a thread");
    q->thread_runs = true;
    return true;
}

bool nbd_queue_open(const char *uri, struct nbd_queue **out, struct error *err)
{
    struct nbd_queue *q = calloc(1, sizeof *q);
    struct nbd_handle *conn[CONNECTIONS_MAX];

    if (!q)
        return err_set(err, ERR_NOMEM, "out of memory");
    q->wake[0] = q->wake[1] = -1;
    pthread_mutex_init(&q->lock, NULL);
    if (!(q->lib = nbd_lib(err)) ||
        !nbd_connect(q->lib, uri, conn, CONNECTIONS_MAX, &q->server, err))
        goto bad;
    for (size_t i = 0; i < q->server.connections; i++)
        q->conn[i] = (struct nbd_conn){ .queue = q, .h = conn[i] };
    if (!start_thread(q, err))
        goto bad;
    *out = q;
    return true;
bad:
    nbd_queue_close(q);
    return false;
}

void nbd_queue_close(struct nbd_queue *q)
{
    if (!q)
        return;
    if (q->thread_runs) {
        pthread_mutex_lock(&q->lock);
        q->stop = true;
        pthread_mutex_unlock(&q->lock);
        wake_thread(q);
        pthread_join(q->thread, NULL);
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (q->conn[i].h) {
            (void)q->lib->nbd_aio_disconnect(q->conn[i].h, 0);
            q->lib->nbd_close(q->conn[i].h);
        }
    }
    for (int i = 0; i < 2; i++)
        if (q->wake[i] >= 0)
            close(q->wake[i]);
    pthread_mutex_destroy(&q->lock);
    free(q);
}
