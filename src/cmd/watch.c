/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/watch.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define TICK_MS     100             /* between two looks at the progress */
#define QUIET_TICKS 3               /* work this short shows no line on the terminal */

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

bool watch_stopped(void)
{
    return stop_asked;
}

static void show(const struct watch *w, bool json, uint64_t done)
{
    const char *part = w->part ? atomic_load(w->part) : NULL;
    uint64_t permille = u64_permille(done, w->total);
    char phase[64];

    snprintf(phase, sizeof phase, "%s%s%s", w->phase, part ? ": " : "", part ? part : "");
    if (json)
        fprintf(stderr, "{\"progress\": {\"phase\": \"%s\", \"done\": %" PRIu64
                        ", \"total\": %" PRIu64 ", \"permille\": %" PRIu64 "}}\n", phase,
                done, w->total, permille);
    else
        fprintf(stderr, "\r%3" PRIu64 " %%  %-40s", permille / 10, phase);
}

bool watch_run(const struct settings *s, const struct watch *w, task_work *work, void *arg,
               struct error *err)
{
    const bool json = s->progress == PROGRESS_JSON;
    const bool shown = json || (s->progress == PROGRESS_AUTO && isatty(STDERR_FILENO));
    struct sigaction act = { .sa_handler = on_stop };
    struct pollfd fd = { .events = POLLIN };
    uint64_t last = UINT64_MAX;
    struct task *t;

    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    if (!task_start(work, arg, &t, err))
        return false;
    fd.fd = task_fd(t);
    for (int tick = 0; !task_ended(t); tick++) {
        uint64_t done;

        poll(&fd, 1, TICK_MS);
        if (stop_asked)
            atomic_store(w->cancel, true);
        done = atomic_load(w->done);
        if (task_ended(t) || !shown || done == last)
            continue;
        if (json || tick >= QUIET_TICKS)
            show(w, json, done);
        last = done;
    }
    if (json)
        fprintf(stderr, "{\"progress\": {\"phase\": \"done\", \"permille\": 1000}}\n");
    else if (shown)
        fprintf(stderr, "\r%50s\r", "");
    return task_finish(t, err);
}
