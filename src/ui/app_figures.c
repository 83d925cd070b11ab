/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Sizes, and what deleting a snapshot frees: that takes another walk through the tables, on a
 * thread, once the scan has ended. */
#include "config.h"

#include "ui/app_state.h"

static bool measure(void *arg, struct task_run *run, struct error *err)
{
    struct measuring_task *m = arg;
    struct figures_options opt = { .chain = m->chain, .incomplete = m->incomplete,
                                   .cancel = &run->cancel };

    return figures_of_scan(m->scan, &opt, &m->figures, err);
}

static void begin(struct app *app)
{
    struct measuring_task *m = &app->measuring;
    const struct insight *x = app->ui.insight;
    struct error err;

    m->scan = app->ui.scan;
    m->chain = app->ui.disk.chain;
    m->incomplete = !x || x->verdict.incomplete;
    if (!m->scan->partial && task_start(measure, m, &m->task, &err))
        return;
    m->task = NULL;
    figures_of_header(app->ui.img, &m->figures);
    app->ui.figures = &m->figures;
}

static void take(struct app *app)
{
    struct measuring_task *m = &app->measuring;
    struct error err;
    bool ok = task_finish(m->task, &err);

    m->task = NULL;
    if (m->stale) {
        m->stale = false;
        if (ok)
            figures_free(&m->figures);
        return;
    }
    if (!ok) {
        figures_of_header(app->ui.img, &m->figures);
        app_say(app, true, err.text);
    }
    app->ui.figures = &m->figures;
}

void app_figures_poll(struct app *app)
{
    struct measuring_task *m = &app->measuring;

    if (m->task && task_ended(m->task))
        take(app);
    if (!m->task && !app->ui.figures && app->ui.scan)
        begin(app);
}

void app_figures_stop(struct app *app)
{
    if (app->measuring.task)
        task_cancel(app->measuring.task);
}

void app_figures_forget(struct app *app)
{
    struct measuring_task *m = &app->measuring;

    if (m->task) {
        m->stale = true;
        task_cancel(m->task);
    } else if (app->ui.figures) {
        figures_free(&m->figures);
    }
    app->ui.figures = NULL;
}

void app_figures_free(struct app *app)
{
    app_figures_forget(app);
    if (app->measuring.task)
        take(app);
}
