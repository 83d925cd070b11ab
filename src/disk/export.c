/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The disk is cut into windows. Of each, the tables say first which ranges must be read;
 * these tasks are then done by all threads, in the order of the file. */
#include "config.h"

#include "disk/export.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "disk/exporter.h"
#include "scan/team.h"

#define TASK_BYTES   (1u << 20)                 /* read at a time by one thread */
#define TASKS        16384u                     /* of one window */
#define WINDOW_BYTES (UINT64_C(256) << 20)      /* to be read in one window */
#define NEAR         (UINT64_C(64) << 10)       /* runs no farther apart are read together */
#define ZERO_BLOCK   4096u                      /* zeros of this size are not written */
#define SAVE_SECONDS 20                         /* between two savings of the map */

/* --- what is lost --- */

static void fail(struct exporter *x, const struct error *err)
{
    pthread_mutex_lock(&x->lock);
    if (!x->failed)
        x->err = *err;
    x->failed = true;
    pthread_mutex_unlock(&x->lock);
}

static bool ended(struct exporter *x)
{
    bool ended;

    pthread_mutex_lock(&x->lock);
    ended = x->failed || x->stopped;
    pthread_mutex_unlock(&x->lock);
    return ended || atomic_load(&x->progress->cancel);
}

static bool lose(struct exporter *x, const struct disk_span *s, struct error *err)
{
    bool ok = true;

    pthread_mutex_lock(&x->lock);
    if (x->lost.n >= EXPORT_LOST_MAX) {
        x->result->lost_cut = true;
        x->result->bytes[s->state] += s->len;
        x->told_end = u64_min(x->told_end, s->off);
    } else {
        ok = disk_spans_add(&x->lost, s, err);
    }
    if (x->opt->on_damage == DAMAGE_STOP)
        x->stopped = true;
    pthread_mutex_unlock(&x->lock);
    return ok;
}

/* --- tasks --- */

static uint64_t down(uint64_t v, uint64_t unit)
{
    return v - v % unit;
}

/* Adds what must be read of a run, rounded to whole units of the writer. */
static void add_task(struct exporter *x, const struct disk_span *s)
{
    uint64_t unit = x->writer->unit, at = down(s->off, unit);
    uint64_t end = u64_min(round_up(s->off + s->len, unit), x->window_end);
    struct piece_task *last = x->n_tasks ? &x->task[x->n_tasks - 1] : NULL;

    if (last && at < last->off + last->len)
        at = last->off + last->len;
    while (at < end) {
        uint64_t host = s->host_off == NO_ADDRESS ? 0 : s->host_off + (u64_max(at, s->off) - s->off);
        uint64_t n = u64_min(end - at, TASK_BYTES);

        if (last && last->off + last->len == at && last->len + n <= TASK_BYTES &&
            last->depth == s->depth && host + NEAR >= last->host_end &&
            host <= last->host_end + NEAR) {
            last->len += n;
        } else {
            last = &x->task[x->n_tasks++];
            *last = (struct piece_task){ .off = at, .len = n, .depth = s->depth, .host_off = host };
        }
        last->host_end = host + n;
        at += n;
    }
}

static bool by_place(const struct piece_task *a, const struct piece_task *b)
{
    if (a->depth != b->depth)
        return a->depth < b->depth;
    return a->host_off < b->host_off;
}

static int compare_tasks(const void *a, const void *b)
{
    return by_place(b, a) - by_place(a, b);
}

/* One run of the disk: a task, or nothing to do, or known to be lost. */
static bool plan_run(struct exporter *x, const struct disk_span *s, struct error *err)
{
    const bool lost = disk_state_lost(s->state);
    const bool mark = lost && x->opt->on_damage == DAMAGE_MARK && s->state != DISK_ABSENT;

    if ((s->state == DISK_DATA && !s->sparse) || s->compressed || mark) {
        add_task(x, s);
        return true;
    }
    if (!lost)
        x->result->bytes[s->state == DISK_DATA ? DISK_ZERO : s->state] += s->len;
    return (!lost || lose(x, s, err)) &&
           (!x->writer->zeros_count || x->writer->zero(x->writer, s->off, s->len, err));
}

/* Tasks for the window that begins at x->window_start; sets its end. */
static bool plan_window(struct exporter *x, struct error *err)
{
    uint64_t at = x->window_start, unit = x->writer->unit, budget = WINDOW_BYTES;
    uint64_t done_off = UINT64_MAX, done_end = UINT64_MAX;
    struct disk_span s;

    x->n_tasks = 0;
    x->window_end = x->size;
    if (x->writer->window)
        x->window_end = u64_min(x->size, at + x->writer->window - at % x->writer->window);
    while (at < x->window_end && !ended(x)) {
        if (x->opt->have && !rangemap_next_done(x->opt->have, at, &done_off, &done_end))
            done_off = done_end = UINT64_MAX;
        if (at == done_off) {
            at = u64_min(done_end, x->window_end);
            continue;
        }
        if (!disk_next(x->d, at, u64_min(x->window_end, done_off), &s))
            break;
        if (disk_state_lost(s.state) || (s.state == DISK_DATA && !s.sparse)) {
            /* With room in the list for each piece, and one before and after. */
            if (s.len >= budget || x->n_tasks + WINDOW_BYTES / TASK_BYTES + 4 > TASKS) {
                x->window_end = u64_min(x->window_end,
                                        round_up(at + u64_min(s.len, budget), unit));
                s.len = u64_min(s.len, x->window_end - at);
            }
            budget -= u64_min(budget, s.len);
        }
        if (!plan_run(x, &s, err))
            return false;
        at += s.len;
    }
    x->window_end = u64_min(x->window_end, u64_max(at, x->window_start));
    if (x->n_tasks)
        qsort(x->task, x->n_tasks, sizeof *x->task, compare_tasks);
    return true;
}

/* --- reading and writing --- */

/* Puts what is to be written in place of what is lost. */
static bool replace_lost(struct exporter *x, const struct piece_task *t, uint8_t *bytes,
                         const struct disk_spans *spans, struct error *err)
{
    for (size_t i = 0; i < spans->n; i++) {
        const struct disk_span *s = &spans->list[i];
        int value = x->opt->on_damage == DAMAGE_MARK && s->state != DISK_ABSENT
                        ? x->opt->mark : 0;

        if (!disk_state_lost(s->state))
            continue;
        if (!lose(x, s, err))
            return false;
        memset(bytes + (s->off - t->off), value, (size_t)s->len);
    }
    return true;
}

/* Writes what is not zeros, in runs of whole blocks. */
static bool write_sparsely(struct exporter *x, uint64_t off, const uint8_t *bytes, size_t len,
                           uint64_t *written, struct error *err)
{
    const size_t block = (size_t)u64_max(ZERO_BLOCK, x->writer->unit);
    size_t at = 0, end;

    while (at < len) {
        bool zeros = bytes_all_zero(bytes + at, u64_min(block, len - at));

        for (end = at + block; end < len; end += block)
            if (bytes_all_zero(bytes + end, u64_min(block, len - end)) != zeros)
                break;
        end = u64_min(end, len);
        if (!zeros) {
            if (!x->writer->write(x->writer, off + at, bytes + at, end - at, err))
                return false;
            *written += end - at;
        } else if (x->writer->zeros_count &&
                   !x->writer->zero(x->writer, off + at, end - at, err)) {
            return false;
        }
        at = end;
    }
    return true;
}

static bool do_task(struct exporter *x, struct piece_task *t, uint8_t *bytes, uint64_t *written,
                    struct error *err)
{
    struct disk_spans spans = DISK_SPANS_INIT;
    bool ok = disk_read(x->d, t->off, bytes, (size_t)t->len, &spans, err) &&
              replace_lost(x, t, bytes, &spans, err);

    disk_spans_free(&spans);
    if (!ok || (x->opt->on_damage == DAMAGE_STOP && ended(x)))
        return ok;
    return write_sparsely(x, t->off, bytes, (size_t)t->len, written, err);
}

static void worker(void *ctx, unsigned number)
{
    struct exporter *x = ctx;
    uint8_t *bytes = malloc(TASK_BYTES);
    struct error err = { .code = ERR_NONE };
    uint64_t written = 0;
    bool ok = bytes || err_set(&err, ERR_NOMEM, "out of memory");

    (void)number;
    while (ok && !ended(x)) {
        size_t i = atomic_fetch_add(&x->next_task, 1);

        if (i >= x->n_tasks)
            break;
        ok = do_task(x, &x->task[i], bytes, &written, &err);
        x->task[i].done = ok && !ended(x);
        atomic_fetch_add(&x->progress->done, x->task[i].len);
    }
    free(bytes);
    if (!ok)
        fail(x, &err);
    pthread_mutex_lock(&x->lock);
    x->result->written += written;
    pthread_mutex_unlock(&x->lock);
}

/* --- the whole --- */

static bool run_windows(struct exporter *x, struct sink *sink, unsigned threads,
                        struct error *err)
{
    time_t saved = time(NULL);

    while (x->window_start < x->size && !ended(x)) {
        if (!plan_window(x, err))
            return false;
        if (ended(x))
            x->n_tasks = 0;
        atomic_store(&x->next_task, 0);
        if (x->n_tasks && !team_run((unsigned)u64_min(threads, x->n_tasks), NULL, worker, x, err))
            return false;
        if (ended(x))
            break;
        if (x->writer->window_end && !x->writer->window_end(x->writer, err))
            return false;
        x->window_start = x->window_end;
        x->n_tasks = 0;
        atomic_store(&x->progress->done, x->window_start);
        if (x->opt->map && time(NULL) - saved >= SAVE_SECONDS) {
            if (!sink_sync(sink, err) || !export_save_map(x, false, err))
                return false;
            saved = time(NULL);
        }
    }
    return true;
}

/* What of the disk has which state. Ranges of a run before count as data. */
static bool sum_up(struct exporter *x, struct error *err)
{
    struct export_result *r = x->result;
    uint64_t rest = r->size;

    if (!export_lost(x, &r->lost, err))
        return false;
    for (size_t i = 0; i < r->lost.n; i++)
        r->bytes[r->lost.list[i].state] += r->lost.list[i].len;
    for (int s = 0; s < N_DISK_STATES; s++)
        rest -= u64_min(rest, s == DISK_DATA ? 0 : r->bytes[s]);
    r->bytes[DISK_DATA] = r->complete ? rest : 0;
    return true;
}

bool export_run(struct disk *d, struct sink *sink, const struct export_options *opt,
                struct export_progress *progress, struct export_result *out,
                struct error *err)
{
    struct exporter x = { .d = d, .opt = opt, .progress = progress, .result = out,
                          .size = disk_size(d), .lost = DISK_SPANS_INIT,
                          .told_end = UINT64_MAX };
    unsigned threads = team_size(opt->threads);
    bool ok = false;

    *out = (struct export_result){ .size = x.size };
    atomic_store(&progress->total, x.size);
    pthread_mutex_init(&x.lock, NULL);
    x.task = malloc((TASKS + 1) * sizeof *x.task);
    if (!x.task) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!(opt->qcow2 ? writer_qcow2 : writer_raw)(sink, x.size, &x.writer, err))
        goto out;
    /* A map from the start on: whatever ends this process, --resume can go on. */
    ok = export_save_map(&x, false, err) && run_windows(&x, sink, threads, err);
    if (ok && x.failed) {
        if (err)
            *err = x.err;
        ok = false;
    }
    out->complete = ok && x.window_start == x.size && !x.stopped;
    ok = ok && (!out->complete || !x.writer->end || x.writer->end(x.writer, err));
    ok = sink_sync(sink, ok ? err : NULL) && ok;
    ok = export_save_map(&x, out->complete, ok ? err : NULL) && ok;
    ok = sum_up(&x, ok ? err : NULL) && ok;
    out->complete = out->complete && ok;
out:
    if (x.writer)
        x.writer->free(x.writer);
    free(x.task);
    disk_spans_free(&x.lost);
    pthread_mutex_destroy(&x.lock);
    return ok;
}

/* Bytes of [from, to) that no run before has done. */
static uint64_t not_had(const struct rangemap *have, uint64_t from, uint64_t to)
{
    uint64_t bytes = 0, off, end;

    for (; from < to; from = end) {
        if (!have || !rangemap_next_done(have, from, &off, &end) || off >= to)
            return bytes + (to - from);
        bytes += off - from;
    }
    return bytes;
}

uint64_t export_estimate(struct disk *d, const struct export_options *opt,
                         _Atomic bool *cancel)
{
    uint64_t unit = opt->qcow2 ? 65536 : 4096, bytes = 0, at = 0, counted = 0, from, to;
    struct disk_span s;

    for (; disk_next(d, at, UINT64_MAX, &s) && !atomic_load(cancel); at += s.len) {
        bool lost = disk_state_lost(s.state);

        if (!(s.state == DISK_DATA && !s.sparse) && !s.compressed &&
            !(lost && opt->on_damage == DAMAGE_MARK && s.state != DISK_ABSENT))
            continue;
        from = u64_max(down(s.off, unit), counted);
        to = round_up(s.off + s.len, unit);
        if (from < to)
            bytes += not_had(opt->have, from, to);
        counted = u64_max(counted, to);
    }
    return bytes;
}

void export_result_free(struct export_result *r)
{
    disk_spans_free(&r->lost);
}
