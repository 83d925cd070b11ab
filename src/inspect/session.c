/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/session.h"

#include <stdlib.h>

/* One run of the scan. */
struct session_scan {
    const struct image *img;
    struct scan_options opt;
    struct scan_progress progress;
    struct task *task;                      /* NULL: it is over */
    struct scan_result *result;
    struct problem_index *index;
    struct session_study more;
    void *study;
    struct session_scan *older;
};

static bool scan_work(void *arg, struct task_run *run, struct error *err)
{
    struct session_scan *one = arg;

    (void)run;                              /* progress.cancel stops it */
    if (!scan_run(one->img, &one->opt, &one->progress, &one->result, err))
        return false;
    (void)problem_index_new(one->result, &one->index, NULL);
    if (one->more.make)
        one->study = one->more.make(one->result, &one->progress.cancel, one->more.ctx);
    return true;
}

static bool start(struct session *s)
{
    struct session_scan *one = calloc(1, sizeof *one);

    s->again = s->stopping = false;
    if (!one)
        return err_set(&s->error, ERR_NOMEM, "out of memory");
    one->img = s->img;
    one->opt = s->opt;
    one->more = s->more;
    one->progress.want_preview = true;
    if (!task_start(scan_work, one, &one->task, &s->error)) {
        free(one);
        return false;
    }
    s->running = one;
    s->progress = &one->progress;
    return true;
}

static void cancel(struct session *s)
{
    s->running->progress.cancel = true;
    task_cancel(s->running->task);
}

bool session_open(struct session *s, const struct image *img, const struct scan_options *opt,
                  const struct session_study *more)
{
    *s = (struct session){ .img = img };
    if (opt)
        s->opt = *opt;
    if (more)
        s->more = *more;
    return start(s);
}

bool session_rescan(struct session *s)
{
    if (!s->running)
        return start(s);
    s->again = true;
    cancel(s);
    return true;
}

bool session_replace(struct session *s, const struct image *img)
{
    s->img = img;
    s->scan = NULL;
    s->index = NULL;
    s->study = NULL;
    s->error.code = ERR_NONE;
    return session_rescan(s);
}

void session_stop(struct session *s)
{
    if (!s->running)
        return;
    s->stopping = true;
    s->again = false;
    cancel(s);
}

int session_fd(const struct session *s)
{
    return s->running ? task_fd(s->running->task) : -1;
}

bool session_poll(struct session *s)
{
    struct session_scan *one = s->running;
    struct error err;
    bool ok;

    if (!one || !task_ended(one->task))
        return false;
    ok = task_finish(one->task, &err);
    one->task = NULL;
    one->older = s->over;
    s->over = one;
    s->running = NULL;
    s->progress = NULL;
    if (s->again) {
        if (start(s))
            return false;
    } else if (ok) {
        s->error.code = ERR_NONE;
        s->scan = one->result;
        s->index = one->index;
        s->study = one->study;
    } else {
        s->error = err;
        s->scan = NULL;
        s->index = NULL;
        s->study = NULL;
    }
    s->stopping = false;
    return true;
}

static void free_scans(struct session_scan *list, const struct scan_result *but)
{
    while (list) {
        struct session_scan *older = list->older;

        if (list->result != but || !but) {
            if (list->more.free)
                list->more.free(list->study);
            problem_index_free(list->index);
            scan_free(list->result);
            free(list);
        }
        list = older;
    }
}

void session_forget(struct session *s)
{
    struct session_scan *keep = NULL;

    for (struct session_scan *one = s->over; one && s->scan; one = one->older)
        if (one->result == s->scan)
            keep = one;
    free_scans(s->over, s->scan);
    s->over = keep;
    if (keep)
        keep->older = NULL;
}

void session_close(struct session *s)
{
    if (s->running) {
        cancel(s);
        task_finish(s->running->task, NULL);
        s->running->older = s->over;
        s->over = s->running;
        s->running = NULL;
    }
    free_scans(s->over, NULL);
    *s = (struct session){ .img = NULL };
}
