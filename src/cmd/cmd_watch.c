/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck watch: scans an image again whenever it changes. The sandbox stays in its first stage,
 * as the file is opened again each time: it may have been replaced. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sandbox.h"
#include "base/source_pack.h"
#include "base/task.h"
#include "cmd/cmd_common.h"
#include "inspect/newer.h"
#include "report/watch_report.h"

#define INTERVAL_DEFAULT    2       /* seconds */
#define TICK_MS             100     /* between two looks at whether to stop */

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

struct watched {
    struct image *img;
    struct scan_result *scan;
    struct insight *insight;
    uint64_t stamp;
};

static void forget(struct watched *st)
{
    insight_free(st->insight);
    scan_free(st->scan);
    image_close(st->img);
    *st = (struct watched){ 0 };
}

struct watched_scan {
    struct watched *st;
    struct scan_options opt;
    struct scan_progress progress;
};

static bool scan_work(void *arg, struct task_run *run, struct error *err)
{
    struct watched_scan *w = arg;
    const struct insight_options look = { .cancel = &w->progress.cancel };

    (void)run;
    return scan_run(w->st->img, &w->opt, &w->progress, &w->st->scan, err)
        && insight_find(w->st->scan, &look, &w->st->insight, err);
}

/* False as well when it was told to stop. */
static bool scan_until_stopped(const struct settings *s, struct watched *st, struct error *err)
{
    struct watched_scan *w = calloc(1, sizeof *w);
    struct pollfd fd = { .events = POLLIN };
    struct task *t;
    bool ok;

    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->st = st;
    w->opt = (struct scan_options){ .threads = s->threads, .problems_kept = s->problems_kept,
                                    .memory_limit = s->memory_limit };
    ok = task_start(scan_work, w, &t, err);
    if (ok) {
        fd.fd = task_fd(t);
        while (!task_ended(t)) {
            poll(&fd, 1, TICK_MS);
            if (stop_asked)
                atomic_store(&w->progress.cancel, true);
        }
        ok = task_finish(t, err);
    }
    free(w);
    return ok && (!stop_asked || err_set(err, ERR_CANCELLED, "stopped"));
}

/* Opens the file once more. True, and nothing in *st: it is as it was. */
static bool look_again(const struct settings *s, const char *name, uint64_t before,
                       struct watched *st, struct error *err)
{
    struct source *src;

    *st = (struct watched){ .stamp = before };
    if (!source_open_file(name, &src, err) ||
        !newer_open(src, &s->image, &st->stamp, &st->img, err))
        return false;
    if (!st->img || scan_until_stopped(s, st, err))
        return true;
    forget(st);
    return false;
}

static void wait_for(unsigned seconds)
{
    struct timespec left = { (time_t)seconds, 0 };

    if (!stop_asked)
        nanosleep(&left, NULL);         /* a signal ends it */
}

static bool tell(const struct settings *s, uint64_t number, const struct watched *old,
                 const struct watched *new, struct out *out, struct error *err)
{
    struct difference_side a = { old->scan, old->insight, LAYER_ACTIVE, true };
    struct difference_side b = { new->scan, new->insight, LAYER_ACTIVE, false };
    struct difference diff = { 0 };
    struct watch_report r = { .number = number, .when = time(NULL), .scan = new->scan,
                              .written = source_changed(new->img->src, NULL) };

    if (old->scan) {
        if (!difference_find(&a, &b, &diff, err))
            return false;
        r.diff = &diff;
        r.file_before = old->img->geo.file_size;
    }
    (s->output == OUTPUT_JSON ? watch_json : watch_text)(&r, out);
    fflush(out->f);
    difference_free(&diff);
    return true;
}

/* Until it is told to stop, or has done as many scans as were asked for. A file that cannot be
 * opened for a while is no reason to end. */
static int watch(const struct settings *s, const char *name)
{
    struct out out = { stdout, 0 };
    struct watched old = { 0 }, new;
    struct error err, told = { .text = "" };
    uint64_t n = 0;
    int status = STATUS_FAILED;

    while (!stop_asked && out_ok(&out) && !ferror(out.f)) {
        if (!look_again(s, name, old.stamp, &new, &err)) {
            if (stop_asked)
                break;
            if (!n && err.code != ERR_FORMAT)
                goto failed;
            if (strcmp(told.text, err.text) != 0)
                message_error(name, &err);
            told = err;
        } else if (new.scan) {
            if (!tell(s, ++n, &old, &new, &out, &err))
                goto failed;
            told.text[0] = '\0';
            forget(&old);
            old = new;
            if (n == s->scans)
                break;
        }
        wait_for(s->interval ? s->interval : INTERVAL_DEFAULT);
    }
    status = STATUS_CLEAN;
    goto out;
failed:
    message_error(name, &err);
out:
    forget(&old);
    return finish(&out, status);
}

static int watch_named(const struct command *cmd, const struct settings *s, const char *name)
{
    struct sigaction act = { .sa_handler = on_stop };

    if (source_name_is_nbd(name))
        return usage_error(cmd, "only files and block devices are watched");
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    (void)pack_supported(NULL);         /* it may turn into a pack */
    if (!s->no_sandbox)
        sandbox_enter_reading(NULL);
    return watch(s, name);
}

int cmd_watch(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct buf name = BUF_INIT;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.plan_file || s.offset)
        return usage_error(cmd, "a file is watched as it is, without --plan and --offset");
    if (one_image(cmd, &s, &name, &status))
        status = watch_named(cmd, &s, buf_str(&name));
    buf_free(&name);
    return status;
}
