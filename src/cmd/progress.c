/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Scanning from the command line, with progress on standard error. */
#include "config.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/task.h"
#include "cmd/cmd_common.h"
#include "scan/scan.h"

#define TICK_MS     100     /* between two looks at the progress */
#define QUIET_TICKS 3       /* a scan this short shows no line on the terminal */

static void line_json(const struct scan_progress *p)
{
    fprintf(stderr, "{\"progress\": {\"phase\": \"%s\", \"done\": %" PRIu64
                    ", \"total\": %" PRIu64 ", \"permille\": %" PRIu64 "}}\n",
            scan_phase_name((enum scan_phase)p->phase), (uint64_t)p->done,
            (uint64_t)p->total, (uint64_t)p->overall);
}

static void line_terminal(const struct scan_progress *p)
{
    fprintf(stderr, "\r%3" PRIu64 " %%  %-40s", (uint64_t)p->overall / 10,
            scan_phase_name((enum scan_phase)p->phase));
}

struct scan_work {
    const struct image *img;
    struct scan_options opt;
    struct scan_progress *progress;
    struct scan_result *result;
};

static bool scan_work(void *arg, struct task_run *run, struct error *err)
{
    struct scan_work *w = arg;

    (void)run;                          /* nobody stops this but a signal that kills */
    return scan_run(w->img, &w->opt, w->progress, &w->result, err);
}

/* Shows progress until the task has ended. */
static void watch(const struct task *task, const struct scan_progress *p, bool json)
{
    struct pollfd fd = { .fd = task_fd(task), .events = POLLIN };
    uint64_t shown = UINT64_MAX;

    for (int tick = 0; !task_ended(task); tick++) {
        poll(&fd, 1, TICK_MS);
        if (task_ended(task) || p->overall == shown)
            continue;
        if (json)
            line_json(p);
        else if (tick >= QUIET_TICKS)
            line_terminal(p);
        shown = p->overall;
    }
    if (json)
        fprintf(stderr, "{\"progress\": {\"phase\": \"%s\", \"permille\": 1000}}\n",
                scan_phase_name(PHASE_DONE));
    else
        fprintf(stderr, "\r%50s\r", "");
}

bool scan_image(const struct settings *s, const struct image *img,
                struct scan_result **out, struct error *err)
{
    struct scan_work work = { .img = img, .opt = { .threads = s->threads,
                                                   .problems_kept = s->problems_kept,
                                                   .memory_limit = s->memory_limit } };
    struct task_run unwatched = { 0 };
    bool json = s->progress == PROGRESS_JSON;
    struct task *task;
    bool ok;

    work.progress = calloc(1, sizeof *work.progress);
    if (!work.progress)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!json && (s->progress == PROGRESS_NONE || !isatty(STDERR_FILENO))) {
        ok = scan_work(&work, &unwatched, err);
    } else if ((ok = task_start(scan_work, &work, &task, err))) {
        watch(task, work.progress, json);
        ok = task_finish(task, err);
    }
    if (ok)
        *out = work.result;
    free(work.progress);
    return ok;
}

bool findings_make(const struct settings *s, const char *name, const struct image *img,
                   const struct chain *chain, struct findings *out, struct error *err)
{
    struct insight_options look = { name, s->backing ? chain : NULL, s->deep, NULL };
    struct figures_options measure = { .chain = look.chain, .deep = s->deep };
    struct findings f = { NULL, NULL, { 0 } };

    if (scan_image(s, img, &f.scan, err) && insight_find(f.scan, &look, &f.insight, err)) {
        measure.incomplete = f.insight->verdict.incomplete;
        if (figures_of_scan(f.scan, &measure, &f.figures, err)) {
            *out = f;
            return true;
        }
    }
    findings_free(&f);
    return false;
}

void findings_free(struct findings *f)
{
    figures_free(&f->figures);
    insight_free(f->insight);
    scan_free(f->scan);
}
