/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/team.h"

#include <errno.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/thread.h"

struct team {
    void (*fn)(void *ctx, unsigned worker);
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t go;
    int verdict;                /* 0: wait, 1: start, -1: go home */
};

struct member { struct team *team; unsigned worker; pthread_t thread; };

static void *member_main(void *arg)
{
    struct member *m = arg;
    int verdict;

    pthread_mutex_lock(&m->team->lock);
    while (!m->team->verdict)
        pthread_cond_wait(&m->team->go, &m->team->lock);
    verdict = m->team->verdict;
    pthread_mutex_unlock(&m->team->lock);
    if (verdict > 0)
        m->team->fn(m->team->ctx, m->worker);
    return NULL;
}

bool team_run(unsigned n, bool (*ready)(void *ctx, unsigned m, struct error *err),
              void (*fn)(void *ctx, unsigned worker), void *ctx, struct error *err)
{
    struct team team = { fn, ctx, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
    struct member member[THREADS_MAX];
    unsigned started;
    bool go;

    if (n > THREADS_MAX)
        n = THREADS_MAX;
    for (started = 1; started < n; started++) {
        member[started] = (struct member){ .team = &team, .worker = started };
        if (thread_start(&member[started].thread, member_main, &member[started]))
            break;
    }
    go = !ready || ready(ctx, started, err);
    pthread_mutex_lock(&team.lock);
    team.verdict = go ? 1 : -1;
    pthread_cond_broadcast(&team.go);
    pthread_mutex_unlock(&team.lock);
    if (go)
        fn(ctx, 0);
    for (unsigned i = 1; i < started; i++)
        pthread_join(member[i].thread, NULL);
    return go;
}

/* Cores this process may run on. Asked of the scheduler where it can be: the other way reads
 * a file, which the sandbox has closed by then. */
static unsigned cores(void)
{
    long n;
#ifdef __linux__
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

unsigned team_size(unsigned wanted)
{
    if (!wanted)
        wanted = cores();
    return wanted > THREADS_MAX ? THREADS_MAX : wanted;
}

bool rounds_init(struct rounds *r, unsigned n, struct error *err)
{
    r->first = 0;
    r->cursor = 0;
    r->stop = false;
    r->failed = false;
    r->there = pthread_barrier_init(&r->barrier, NULL, n) == 0;
    return r->there || err_set(err, ERR_NOMEM, "cannot make a barrier");
}

void rounds_free(struct rounds *r)
{
    if (r->there)
        pthread_barrier_destroy(&r->barrier);
    r->there = false;
}

void rounds_fail(struct rounds *r)
{
    r->failed = true;
}

/* Worker 0, between two barriers. */
static void end_round(struct rounds *r)
{
    uint64_t n = u64_min(r->per_round, r->n_units - r->first);

    r->stop = r->failed || !r->done(r->ctx, r->first, n);
    r->first += n;
    r->stop |= r->first == r->n_units;
    r->cursor = 0;
}

bool rounds_next(struct rounds *r, unsigned worker, uint64_t *unit, uint64_t *slot)
{
    while (!r->stop) {
        if (!r->failed) {
            *slot = atomic_fetch_add(&r->cursor, 1);
            *unit = r->first + *slot;
            if (*slot < r->per_round && *unit < r->n_units)
                return true;
        }
        pthread_barrier_wait(&r->barrier);
        if (worker == 0)
            end_round(r);
        pthread_barrier_wait(&r->barrier);
    }
    return false;
}
