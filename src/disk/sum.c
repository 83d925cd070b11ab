/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Threads read pieces ahead into a ring; the calling thread sums them up in order. */
#include "config.h"

#include "disk/sum.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "scan/team.h"

#define PIECE  (1u << 20)                   /* bytes read at a time */
#define SLOTS  16
#define ZERO_RUN (UINT64_C(64) << 20)       /* bytes of zeros summed between two looks */

struct sum_slot {
    bool full;                              /* its bytes are there */
    bool zeros;                             /* ... or all zeros, not in `bytes` */
    uint64_t off, len;                      /* guest bytes */
    uint8_t *bytes;
};

struct summer {
    struct disk *d;
    uint64_t size;
    pthread_mutex_t lock;                   /* for all that follows */
    pthread_cond_t changed;
    struct sum_slot slot[SLOTS];
    uint64_t head, tail;                    /* pieces summed up; pieces handed out */
    uint64_t at;                            /* where the next piece begins */
    bool failed, ended;
    struct error err;
    uint64_t bytes[N_DISK_STATES];
};

/* What is read as zeros without a look at its bytes. */
static bool known_zeros(const struct disk_span *s)
{
    if (s->compressed)
        return false;
    return s->state != DISK_DATA && s->state != DISK_DAMAGED ? true : s->sparse;
}

/* The next piece; the lock is held. */
static void hand_out(struct summer *m, struct sum_slot *slot)
{
    uint64_t end = u64_min(m->size, m->at + SUM_RANGE - m->at % SUM_RANGE);
    struct disk_span s;

    *slot = (struct sum_slot){ .off = m->at, .bytes = slot->bytes };
    if (disk_next(m->d, m->at, end, &s) && known_zeros(&s)) {
        slot->zeros = slot->full = true;
        slot->len = u64_min(s.len, ZERO_RUN);
        m->bytes[s.state == DISK_DATA ? DISK_ZERO : s.state] += slot->len;
    } else {
        slot->len = u64_min(end - m->at, PIECE);
    }
    m->at += slot->len;
    m->tail++;
}

static void *reader(void *arg)
{
    struct summer *m = arg;
    struct disk_spans spans = DISK_SPANS_INIT;
    struct error err;

    pthread_mutex_lock(&m->lock);
    while (!m->ended && m->at < m->size) {
        struct sum_slot *slot = &m->slot[m->tail % SLOTS];
        bool ok;

        if (m->tail - m->head == SLOTS) {
            pthread_cond_wait(&m->changed, &m->lock);
            continue;
        }
        hand_out(m, slot);
        if (slot->zeros) {
            pthread_cond_broadcast(&m->changed);
            continue;
        }
        pthread_mutex_unlock(&m->lock);
        spans.n = 0;
        ok = disk_read(m->d, slot->off, slot->bytes, (size_t)slot->len, &spans, &err);
        for (size_t i = 0; i < spans.n; i++)
            if (disk_state_lost(spans.list[i].state))
                memset(slot->bytes + (spans.list[i].off - slot->off), 0,
                       (size_t)spans.list[i].len);
        pthread_mutex_lock(&m->lock);
        for (size_t i = 0; i < spans.n; i++)
            m->bytes[spans.list[i].state] += spans.list[i].len;
        if (!ok && !m->failed) {
            m->err = err;
            m->failed = m->ended = true;
        }
        slot->full = true;
        pthread_cond_broadcast(&m->changed);
    }
    pthread_mutex_unlock(&m->lock);
    disk_spans_free(&spans);
    return NULL;
}

static void add_slot(struct digest *d, const struct sum_slot *s)
{
    if (s->zeros)
        digest_add_zeros(d, s->len);
    else
        digest_add(d, s->bytes, (size_t)s->len);
}

/* Tells the sum of the range that ends at `at`. */
static void range_ends(const struct sum_options *opt, struct digest *part, uint64_t at)
{
    uint64_t from = (at - 1) / SUM_RANGE * SUM_RANGE;
    uint8_t sum[DIGEST_LEN];

    digest_end(part, sum);
    opt->range(opt->ctx, from, at - from, sum);
}

/* Sums up piece after piece. */
static bool sum_pieces(struct summer *m, const struct sum_options *opt, struct digest *all,
                       _Atomic uint64_t *done, _Atomic bool *cancel, struct error *err)
{
    struct digest *part = NULL;

    for (uint64_t at = 0; at < m->size;) {
        struct sum_slot *s = &m->slot[m->head % SLOTS];
        bool failed;

        pthread_mutex_lock(&m->lock);
        while (!m->failed && (m->head == m->tail || !s->full))
            pthread_cond_wait(&m->changed, &m->lock);
        failed = m->failed;
        pthread_mutex_unlock(&m->lock);
        if (failed || atomic_load(cancel)) {
            digest_free(part);
            if (failed && err)
                *err = m->err;
            return !failed ? err_set(err, ERR_CANCELLED, "stopped") : err_failed();
        }
        add_slot(all, s);
        at += s->len;
        if (opt->range) {
            if (!part && !digest_new(&part, err))
                return false;
            add_slot(part, s);
            if (at % SUM_RANGE == 0 || at == m->size) {
                range_ends(opt, part, at);
                part = NULL;
            }
        }
        pthread_mutex_lock(&m->lock);
        s->full = false;
        m->head++;
        pthread_cond_broadcast(&m->changed);
        pthread_mutex_unlock(&m->lock);
        atomic_store(done, at);
    }
    return true;
}

bool sum_disk(struct disk *d, const struct sum_options *opt, _Atomic uint64_t *done,
              _Atomic bool *cancel, struct sum_result *out, struct error *err)
{
    struct summer m = { .d = d, .size = disk_size(d) };
    unsigned threads = team_size(opt->threads), started = 0;
    struct digest *all = NULL;
    pthread_t thread[SLOTS];
    uint8_t *bytes = malloc((size_t)SLOTS * PIECE);
    bool ok = false;

    pthread_mutex_init(&m.lock, NULL);
    pthread_cond_init(&m.changed, NULL);
    if (!bytes) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!digest_new(&all, err))
        goto out;
    for (size_t i = 0; i < SLOTS; i++)
        m.slot[i].bytes = bytes + i * PIECE;
    while (started < u64_min(threads, SLOTS) && !thread_start(&thread[started], reader, &m))
        started++;
    if (!started) {
        err_set(err, ERR_NOMEM, "no thread can be started");
        goto out;
    }
    ok = sum_pieces(&m, opt, all, done, cancel, err);
    pthread_mutex_lock(&m.lock);
    m.ended = true;
    pthread_cond_broadcast(&m.changed);
    pthread_mutex_unlock(&m.lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    if (ok) {
        digest_end(all, out->sum);
        all = NULL;
        memcpy(out->bytes, m.bytes, sizeof out->bytes);
    }
out:
    digest_free(all);
    free(bytes);
    pthread_cond_destroy(&m.changed);
    pthread_mutex_destroy(&m.lock);
    return ok;
}
