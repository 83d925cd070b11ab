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

#include "cmd/cmd_common.h"
#include "scan/job.h"

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

/* Shows progress until the job has ended. */
static void watch(struct job *job, bool json)
{
    struct pollfd fd = { .fd = job_fd(job), .events = POLLIN };
    struct scan_progress *p = job_progress(job);
    uint64_t shown = UINT64_MAX;

    for (int tick = 0; !job_ended(job); tick++) {
        poll(&fd, 1, TICK_MS);
        if (job_ended(job) || p->overall == shown)
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
    struct scan_options opt = { .threads = s->threads,
                                .problems_kept = s->problems_kept,
                                .memory_limit = s->memory_limit };
    bool json = s->progress == PROGRESS_JSON;
    struct job *job;

    if (!json && (s->progress == PROGRESS_NONE || !isatty(STDERR_FILENO))) {
        struct scan_progress *p = calloc(1, sizeof *p);
        bool ok = p ? scan_run(img, &opt, p, out, err)
                    : err_set(err, ERR_NOMEM, "out of memory");

        free(p);
        return ok;
    }
    if (!job_start(img, &opt, &job, err))
        return false;
    watch(job, json);
    *out = job_take(job, err);
    job_free(job);
    return *out != NULL;
}
