/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/source_nowait.h"
#include "ui/app_state.h"

bool whatif_shown(const struct app *app)
{
    return app->what.now && !app->what.before;
}

struct session *whatif_session(struct app *app)
{
    return whatif_shown(app) ? &app->what.session : &app->session;
}

const struct image *whatif_image(const struct app *app)
{
    return whatif_shown(app) ? app->what.now->img : app->img;
}

/* --- the outcome --- */

static void outcome_free(struct whatif_image *w)
{
    if (!w)
        return;
    source_close(w->nowait);
    image_close(w->img);
    patches_free(&w->patches);
    free(w);
}

static bool open_outcome(void *arg, struct task_run *run, struct error *err)
{
    struct whatif_image *w = arg;
    struct source *src;

    (void)run;
    if (!source_open_patched(w->below, &w->patches, &src, err))
        return false;
    if (image_open(src, &w->how, &w->img, err))
        return true;
    source_close(src);
    return false;
}

static void drop_outcome(struct whatif *x)
{
    if (!x->now)
        return;
    x->now->older = x->older;
    x->older = x->now;
    x->now = NULL;
}

static void begin_build(struct app *app)
{
    struct whatif *x = &app->what;
    struct whatif_image *w = calloc(1, sizeof *w);
    struct error err;

    if (!w) {
        app_say(app, true, "out of memory");
        return;
    }
    w->below = app->img->src;
    w->how = app->opt->image;
    patches_append(&w->patches, &x->changes);
    x->built = x->version;
    x->failed[0] = '\0';
    if (!patches_flatten(&w->patches, &err)
        || !task_start(open_outcome, w, &x->build, &err)) {
        app_say(app, true, err.text);
        outcome_free(w);
        return;
    }
    x->building = w;
}

/* What views read must not wait, unless it is memory. */
static bool make_shown(struct app *app, struct whatif_image *w, struct error *err)
{
    w->img->backing_there = app->img->backing_there;
    w->img->data_there = app->img->data_there;
    w->shown = *w->img;
    if (!app->nowait)
        return true;
    if (!source_open_nowait(w->img->src, app_wait, app, &w->nowait, err))
        return false;
    w->shown.src = w->nowait;
    return true;
}

static void scan_outcome(struct app *app)
{
    struct whatif *x = &app->what;
    bool ok;

    if (x->opened) {
        ok = session_replace(&x->session, x->now->img);
    } else {
        ok = app_scan_begin(app, &x->session, x->now->img);
        x->opened = true;
    }
    if (!ok)
        app_say(app, true, x->session.error.text);
}

static bool end_build(struct app *app)
{
    struct whatif *x = &app->what;
    struct whatif_image *w = x->building;
    struct error err;
    bool ok = task_finish(x->build, &err);

    x->build = NULL;
    x->building = NULL;
    if (ok && !make_shown(app, w, &err))
        ok = false;
    drop_outcome(x);
    if (ok && draft_n_chosen(x->draft)) {
        x->now = w;
        scan_outcome(app);
        return true;
    }
    outcome_free(w);
    if (!ok) {
        snprintf(x->failed, sizeof x->failed, "%.190s", err.text);
        app_say(app, true, x->failed);
    }
    return true;
}

/* A step by hand is counted by the scans before and after it. */
static void note_counts(struct app *app)
{
    struct whatif *x = &app->what;
    const struct scan_result *scan = x->session.scan;
    const uint64_t *before = NULL;
    size_t n = draft_n(x->draft);

    if (!scan || scan->partial || x->built != draft_version(x->draft))
        return;
    if (x->counted + 1 == x->built)
        before = x->counts;
    else if (draft_n_chosen(x->draft) == 1 && app->session.scan)
        before = app->session.scan->problems.count;
    if (before && n && draft_chosen(x->draft, n - 1)
        && plan_step_alone(draft_step(x->draft, n - 1)))
        draft_note_counts(x->draft, n - 1, before, scan->problems.count);
    memcpy(x->counts, scan->problems.count, sizeof x->counts);
    x->counted = x->built;
}

void whatif_follow(struct app *app)
{
    struct whatif *x = &app->what;
    struct error err;

    if (x->version != draft_version(x->draft)) {
        patches_free(&x->changes);
        x->version = draft_version(x->draft);
        if (!draft_patches(x->draft, &x->changes, &err))
            app_say(app, true, err.text);
    }
    if (x->built != x->version && !x->build) {
        if (draft_n_chosen(x->draft)) {
            begin_build(app);
        } else {
            x->built = x->version;
            x->failed[0] = '\0';
            if (x->opened)
                session_stop(&x->session);
            if (x->now) {
                drop_outcome(x);
                app_reloaded(app);
            }
        }
    }
}

/* --- the loop --- */

int whatif_fds(const struct app *app, int fd[4])
{
    const struct whatif *x = &app->what;
    int n = 0;

    if (x->build)
        fd[n++] = task_fd(x->build);
    if (x->job_task)
        fd[n++] = task_fd(x->job_task);
    if (whatif_names_fd(app) >= 0)
        fd[n++] = whatif_names_fd(app);
    if (x->opened && session_fd(&x->session) >= 0)
        fd[n++] = session_fd(&x->session);
    return n;
}

bool whatif_poll(struct app *app)
{
    struct whatif *x = &app->what;
    bool news = false;

    whatif_job_poll(app);
    whatif_names_poll(app);
    if (x->build && task_ended(x->build))
        news = end_build(app);
    if (x->opened && session_poll(&x->session)) {
        if (x->now)
            note_counts(app);
        news = news || whatif_shown(app);
    }
    return news;
}

void whatif_forget(struct app *app)
{
    struct whatif *x = &app->what;

    if (!x->opened)
        return;
    session_forget(&x->session);
    if (session_fd(&x->session) >= 0)       /* may still read the one before */
        return;
    while (x->older) {
        struct whatif_image *w = x->older;

        x->older = w->older;
        outcome_free(w);
    }
}

void whatif_add(struct app *app, struct plan_step *step)
{
    struct plan one = { .step = step, .n = 1, .cap = 1 };
    struct error err;

    step->chosen = true;
    if (!draft_add(app->what.draft, &one, &err)) {
        app_say(app, true, err.text);
        plan_step_free(step);
        return;
    }
    app_say(app, false, draft_step(app->what.draft, draft_n(app->what.draft) - 1)->title);
}

bool whatif_open(struct app *app, struct error *err)
{
    struct whatif *x = &app->what;

    x->may_save = true;
    x->counted = UINT64_MAX;
    return draft_new(&x->draft, err);
}

void whatif_again(struct app *app)
{
    app->what.built = UINT64_MAX;
    app->what.counted = UINT64_MAX;
}

void whatif_close(struct app *app)
{
    struct whatif *x = &app->what;

    whatif_job_close(app);
    whatif_names_close(app);
    if (x->build)
        task_finish(x->build, NULL);
    outcome_free(x->building);
    if (x->opened)
        session_close(&x->session);
    drop_outcome(x);
    while (x->older) {
        struct whatif_image *w = x->older;

        x->older = w->older;
        outcome_free(w);
    }
    patches_free(&x->changes);
    draft_free(x->draft);
}
