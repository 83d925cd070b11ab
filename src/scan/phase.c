/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How far the scan is, for those who watch it. */
#include "config.h"

#include <time.h>

#include "scan/engine.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

const char *scan_phase_name(enum scan_phase p)
{
    static const char *const names[N_PHASES] = {
        "starting", "reading refcount blocks", "reading L1 tables", "reading L2 tables",
        "looking at damaged tables", "comparing refcounts", "done",
    };

    return names[p];
}

/* Share of the whole scan that has passed when a phase begins, in permille. */
static const unsigned phase_begins[N_PHASES + 1] = { 0, 0, 120, 180, 780, 860, 1000, 1000 };

/* Several windows of L2 tables go through the same phases again: never backwards. */
static void overall_reached(struct scan_progress *p, uint64_t permille)
{
    uint64_t now_at = atomic_load_explicit(&p->overall, memory_order_relaxed);

    while (now_at < permille
           && !atomic_compare_exchange_weak_explicit(&p->overall, &now_at, permille,
                                                     memory_order_relaxed,
                                                     memory_order_relaxed))
        ;
}

void engine_begin(struct engine *e, struct scan_progress *progress)
{
    e->progress = progress;
    e->started = now();
    e->preview_shift = scan_preview_shift(e->img);
}

void engine_phase(struct engine *e, enum scan_phase phase, uint64_t total)
{
    double t = now();

    e->res->stats.seconds[e->phase] += t - e->started;
    e->started = t;
    e->phase = phase;
    if (!e->progress)
        return;
    atomic_store(&e->progress->phase, phase);
    atomic_store(&e->progress->done, 0);
    atomic_store(&e->progress->total, total);
    overall_reached(e->progress, phase_begins[phase]);
}

void engine_done(struct engine *e, uint64_t n)
{
    uint64_t done, total, begins = phase_begins[e->phase];

    if (!e->progress)
        return;
    done = atomic_fetch_add_explicit(&e->progress->done, n, memory_order_relaxed) + n;
    total = atomic_load_explicit(&e->progress->total, memory_order_relaxed);
    if (total)
        overall_reached(e->progress, begins + (phase_begins[e->phase + 1] - begins)
                        * u64_min(done, total) / total);
}

unsigned scan_preview_shift(const struct image *img)
{
    unsigned shift = 0;

    while (img->geo.n_clusters >> shift > PREVIEW_BINS)
        shift++;
    return shift;
}
