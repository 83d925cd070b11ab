/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The disk is cut into windows. Of each, the tables say first which ranges must be read;
 * these tasks are then done by all threads, in the order of the file. */
#include "config.h"

#include "disk/export.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "disk/writer.h"
#include "scan/team.h"

#define TASK_BYTES   (1u << 20)                 /* read at a time by one thread */
#define TASKS        16384u                     /* of one window */
#define WINDOW_BYTES (UINT64_C(256) << 20)      /* to be read in one window */
#define NEAR         (UINT64_C(64) << 10)       /* runs no farther apart are read together */
#define ZERO_BLOCK   4096u                      /* zeros of this size are not written */
#define SAVE_SECONDS 20                         /* between two savings of the map */

/* A range to be read and written. */
struct piece_task {
    uint64_t off, len;                  /* guest bytes */
    unsigned depth;                     /* where it lies: what tasks are sorted by */
    uint64_t host_off, host_end;
    bool done;
};

struct exporter {
    struct disk *d;
    const struct export_options *opt;
    struct export_progress *progress;
    struct export_result *result;
    struct writer *writer;
    uint64_t size;

    struct piece_task *task;                  /* of the current window */
    size_t n_tasks;
    uint64_t window_start, window_end;
    _Atomic size_t next_task;

    pthread_mutex_t lock;               /* for what follows */
    struct disk_spans lost;             /* in any order, may overlap */
    bool failed, stopped;
    struct error err;
};

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
    if (x->lost.n >= EXPORT_LOST_MAX)
        x->result->lost_cut = true;
    else
        ok = disk_spans_add(&x->lost, s, err);
    if (x->opt->on_damage == DAMAGE_STOP)
        x->stopped = true;
    pthread_mutex_unlock(&x->lock);
    return ok;
}

static bool by_off(const struct disk_span *a, const struct disk_span *b)
{
    return a->off < b->off;
}

static int compare_spans(const void *a, const void *b)
{
    return by_off(b, a) - by_off(a, b);
}

/* Puts the lost ranges in order, each byte once. */
static bool sort_lost(struct exporter *x, struct disk_spans *out, struct error *err)
{
    uint64_t at = 0;

    if (x->lost.n)
        qsort(x->lost.list, x->lost.n, sizeof *x->lost.list, compare_spans);
    for (size_t i = 0; i < x->lost.n; i++) {
        struct disk_span s = x->lost.list[i];
        uint64_t cut = at > s.off ? u64_min(at - s.off, s.len) : 0;

        s.off += cut;
        s.len -= cut;
        if (s.host_off != NO_ADDRESS && !s.compressed)
            s.host_off += cut;
        at = u64_max(at, s.off + s.len);
        if (s.len && !disk_spans_add(out, &s, err))
            return false;
    }
    return true;
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

static bool all_zeros(const uint8_t *bytes, size_t len)
{
    return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Writes what is not zeros, in runs of whole blocks. */
static bool write_sparsely(struct exporter *x, uint64_t off, const uint8_t *bytes, size_t len,
                           uint64_t *written, struct error *err)
{
    const size_t block = (size_t)u64_max(ZERO_BLOCK, x->writer->unit);
    size_t at = 0, end;

    while (at < len) {
        bool zeros = all_zeros(bytes + at, u64_min(block, len - at));

        for (end = at + block; end < len; end += block)
            if (all_zeros(bytes + end, u64_min(block, len - end)) != zeros)
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

/* --- the map --- */

static int compare_ranges(const void *a, const void *b)
{
    const struct map_range *x = a, *y = b;

    return (x->off > y->off) - (x->off < y->off);
}

/* Everything up to the window, and of it the tasks that are done, in rising order. */
static bool had(const struct exporter *x, struct map_range **out, size_t *n, struct error *err)
{
    const struct rangemap *have = x->opt->have;
    struct map_range *r = malloc((x->n_tasks + 1 + (have ? have->n : 0)) * sizeof *r);
    size_t k = 0;

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r[k++] = (struct map_range){ 0, x->window_start, RANGE_DONE };
    for (size_t i = 0; i < x->n_tasks; i++)
        if (x->task[i].done)
            r[k++] = (struct map_range){ x->task[i].off, x->task[i].len, RANGE_DONE };
    for (size_t i = 0; have && i < have->n; i++)
        if (have->list[i].status == RANGE_DONE)
            r[k++] = have->list[i];
    qsort(r, k, sizeof *r, compare_ranges);
    *out = r;
    *n = k;
    return true;
}

/* Adds [off, end), of which lost ranges from number *i on are no success. */
static bool add_had(struct rangemap *m, uint64_t off, uint64_t end,
                    const struct disk_spans *lost, size_t *i, struct error *err)
{
    while (off < end) {
        const struct disk_span *s = *i < lost->n ? &lost->list[*i] : NULL;
        uint64_t from = s ? u64_max(off, u64_min(s->off, end)) : end, to;

        if (s && s->off + s->len <= off) {
            ++*i;
            continue;
        }
        to = s && from < end ? u64_min(end, s->off + s->len) : from;
        if (!rangemap_add(m, off, from - off, RANGE_DONE, err) ||
            !rangemap_add(m, from, to - from, RANGE_LOST, err))
            return false;
        off = to;
    }
    return true;
}

static bool make_map(struct exporter *x, struct rangemap *m, struct error *err)
{
    struct disk_spans lost = DISK_SPANS_INIT;
    struct map_range *r = NULL;
    size_t n = 0, next = 0;
    uint64_t at = 0;
    bool ok = sort_lost(x, &lost, err) && had(x, &r, &n, err);

    for (size_t i = 0; ok && i < n; i++) {
        uint64_t off = u64_max(r[i].off, at), end = r[i].off + r[i].len;

        if (end <= off)
            continue;
        ok = rangemap_add(m, at, off - at, RANGE_UNTRIED, err) &&
             add_had(m, off, end, &lost, &next, err);
        at = end;
    }
    ok = ok && rangemap_add(m, at, x->size - at, RANGE_UNTRIED, err);
    free(r);
    disk_spans_free(&lost);
    return ok;
}

static bool save_map(struct exporter *x, bool complete, struct error *err)
{
    struct rangemap m = RANGEMAP_INIT;
    struct buf text = BUF_INIT;
    bool ok;

    if (!x->opt->map)
        return true;
    ok = make_map(x, &m, err);
    if (ok) {
        rangemap_text(&m, x->opt->label, complete, &text);
        ok = !text.failed ? sink_replace(x->opt->map, buf_str(&text), text.len, err) &&
                                sink_sync(x->opt->map, err)
                          : err_set(err, ERR_NOMEM, "out of memory");
    }
    rangemap_free(&m);
    buf_free(&text);
    return ok;
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
            if (!sink_sync(sink, err) || !save_map(x, false, err))
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

    if (!sort_lost(x, &r->lost, err))
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
                          .size = disk_size(d), .lost = DISK_SPANS_INIT };
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
    ok = run_windows(&x, sink, threads, err);
    if (ok && x.failed) {
        if (err)
            *err = x.err;
        ok = false;
    }
    out->complete = ok && x.window_start == x.size && !x.stopped;
    ok = ok && (!out->complete || !x.writer->end || x.writer->end(x.writer, err));
    ok = sink_sync(sink, ok ? err : NULL) && ok;
    ok = save_map(&x, out->complete, ok ? err : NULL) && ok;
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
        bytes += to - u64_min(to, from);
        counted = u64_max(counted, to);
    }
    return bytes;
}

void export_result_free(struct export_result *r)
{
    disk_spans_free(&r->lost);
}
