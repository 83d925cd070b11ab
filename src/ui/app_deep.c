/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The deep look: all clusters and streams, on a thread, when asked for; and a few clusters for
 * the map. Causes are sought anew with all that can be read. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "ui/app_state.h"

static bool look(void *arg, struct task_run *run, struct error *err)
{
    struct deep_look *l = arg;
    struct insight_options opt = { .chain = l->chain, .deep = true, .cancel = &run->cancel };

    if (!l->all)
        return deep_glance(l->deep, l->glance.first, l->glance.step, l->glance.n, run, err);
    return deep_run(l->deep, l->threads, run, err) &&
           insight_find(l->deep->scan, &opt, &l->insight, err);
}

static void begin(struct app *app, bool all)
{
    struct deep_look *l = &app->deep;
    struct error err;

    l->all = all;
    l->glance = l->wish;
    l->chain = app->ui.disk.chain;
    l->threads = app->opt->threads;
    if (!task_start(look, l, &l->task, &err)) {
        l->task = NULL;
        app_say(app, true, err.text);
    }
}

static void say_outcome(struct app *app)
{
    const struct deep *d = app->deep.deep;
    const uint64_t cs = app->ui.img->geo.cluster_size;
    uint64_t zeros = atomic_load(&d->n[CONTENT_ZERO]), bad = d->streams.bad;
    struct buf text = BUF_INIT;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    buf_printf(&text, "Looked at all: %s stored as zeros", text_size(a, zeros * cs));
    if (d->streams.n)
        buf_printf(&text, "; %s of %s compressed streams do not decode", text_group(a, bad),
                   text_group(b, d->streams.n));
    app_say(app, bad > 0, buf_str(&text));
    buf_free(&text);
}

static void take(struct app *app)
{
    struct deep_look *l = &app->deep;
    struct error err;
    bool ok = task_finish(l->task, &err), all = l->all;
    bool stale = l->stale;

    l->task = NULL;
    l->stale = false;
    l->all = false;
    app->ui.deep_age++;
    if (stale) {
        insight_free(l->insight);
        l->insight = NULL;
        deep_free(l->deep);
        l->deep = NULL;
        app->ui.deep = NULL;
        return;
    }
    if (ok && all) {
        if (l->insight)
            app->ui.insight = l->insight;
        say_outcome(app);
        for (int id = 0; id < N_VIEWS; id++)
            if (view_class((enum view_id)id)->reloaded)
                view_class((enum view_id)id)->reloaded(app->state[id], &app->ui);
    } else if (all && err.code == ERR_CANCELLED) {
        app_say(app, false, "Stopped: the map by content shows what was looked at so far");
    } else if (all) {
        app_say(app, true, err.text);
    }
}

void app_deep_poll(struct app *app)
{
    struct deep_look *l = &app->deep;

    if (l->task && task_ended(l->task))
        take(app);
    if (!l->deep && app->ui.scan && !l->task && deep_new(app->ui.scan, &l->deep, NULL))
        app->ui.deep = l->deep;
    if (l->task && l->all)
        app->ui.deep_age++;             /* more is known with each frame */
}

void app_deep_glance(struct app *app)
{
    struct deep_look *l = &app->deep;

    if (!l->task && l->deep && l->wish.wanted &&
        (l->wish.first != l->glance.first || l->wish.step != l->glance.step ||
         l->wish.n != l->glance.n || !l->glance.wanted))
        begin(app, false);
    l->wish.wanted = false;
}

void app_deep_ask(struct app *app)
{
    struct deep_look *l = &app->deep;

    if (!l->deep) {
        app_say(app, false, "The deep look begins when the scan has ended");
    } else if (l->all) {
        app_say(app, false, "The deep look goes on; Esc stops it");
    } else if (l->deep->whole) {
        say_outcome(app);
    } else {
        if (l->task) {                  /* a glance: it is short */
            task_cancel(l->task);
            take(app);
        }
        begin(app, true);
        app_say(app, false, "Looking at all clusters and streams; Esc stops");
    }
}

void app_deep_stop(struct app *app)
{
    if (app->deep.task && app->deep.all)
        task_cancel(app->deep.task);
}

void app_deep_forget(struct app *app)
{
    struct deep_look *l = &app->deep;

    app->ui.deep = NULL;
    if (l->task) {
        l->stale = true;
        task_cancel(l->task);
    } else {
        deep_free(l->deep);
        l->deep = NULL;
    }
    /* ui.insight is that of the session again; nobody uses the other any more */
    insight_free(l->insight);
    l->insight = NULL;
    l->glance.wanted = false;
}

void app_deep_free(struct app *app)
{
    struct deep_look *l = &app->deep;

    if (l->task) {
        task_cancel(l->task);
        task_finish(l->task, NULL);
    }
    insight_free(l->insight);
    deep_free(l->deep);
}

int app_deep_permille(const struct app *app)
{
    const struct deep_look *l = &app->deep;
    const struct task_run *run = l->task && l->all ? task_progress(l->task) : NULL;
    uint64_t total;

    if (!run)
        return -1;
    total = (run->total >> 10) + 1;
    return (int)u64_min((run->done >> 10) * 1000 / total, 999);
}
