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

/* --- work --- */

static void end_load(struct app *app, struct plan_job *job, bool ok, const struct error *err)
{
    struct whatif *x = &app->what;
    struct error bad;
    char text[80];
    size_t n = job->plan.n;

    x->may_save = ok;
    if (!ok) {
        app_say(app, true, err->text);
    } else if (!draft_add(x->draft, &job->plan, &bad)) {
        app_say(app, true, bad.text);
    } else {
        snprintf(text, sizeof text, "%zu step%s loaded; 8 shows the plan", n, n == 1 ? "" : "s");
        app_say(app, false, text);
    }
    plan_free(&job->plan);
}

static void end_proposal(struct app *app, struct plan_job *job, bool ok,
                         const struct error *err)
{
    struct plan *plan = &job->proposal->plan;
    struct error bad;
    char text[sizeof app->message];
    size_t n = plan->n;

    snprintf(app->what.left, sizeof app->what.left, "%s", ok && plan->left ? plan->left : "");
    if (!ok) {
        app_say(app, err->code != ERR_CANCELLED, err->text);
    } else if (!n) {
        snprintf(text, sizeof text, "Nothing to do for \"%s\"%s", job->proposal->goal,
                 plan->left ? "; 8 says what is left, and why" : "");
        app_say(app, false, text);
    } else if (!draft_add(app->what.draft, plan, &bad)) {
        app_say(app, true, bad.text);
    } else {
        snprintf(text, sizeof text, "%zu step%s planned; 8 shows the plan, = before and after", n,
                 n == 1 ? "" : "s");
        app_say(app, false, text);
    }
}

static void end_save(struct app *app, struct plan_job *job, bool ok, const struct error *err)
{
    char text[sizeof app->message];

    if (ok)
        snprintf(text, sizeof text, "The plan is in %.300s", buf_str(&job->name));
    app_say(app, !ok, ok ? text : err->text);
    draft_plan_end(&job->plan);
}

static bool work(void *arg, struct task_run *run, struct error *err)
{
    struct plan_job *job = arg;
    struct buf text = BUF_INIT;
    bool ok;

    switch (job->kind) {
    case PLAN_JOB_LOAD:
        return plan_read(job->file, &job->plan, err)
            && plan_matches(&job->plan, job->image, err);
    case PLAN_JOB_PROPOSE:
        return propose_work(job->proposal, run, err);
    case PLAN_JOB_SAVE:
        break;
    }
    ok = plan_fingerprint(&job->plan, job->image, err) && plan_write(&job->plan, &text, err)
        && scribe_write(job->scribe, text.data, text.len, &job->name, err);
    buf_free(&text);
    return ok;
}

static void job_free(struct plan_job *job)
{
    buf_free(&job->name);
    proposal_free(job->proposal);
    free(job);
}

static void end_job(struct app *app)
{
    struct whatif *x = &app->what;
    struct plan_job *job = x->job;
    struct error err;
    bool ok = task_finish(x->job_task, &err);

    x->job = NULL;
    x->job_task = NULL;
    switch (job->kind) {
    case PLAN_JOB_LOAD: end_load(app, job, ok, &err); break;
    case PLAN_JOB_PROPOSE: end_proposal(app, job, ok, &err); break;
    case PLAN_JOB_SAVE: end_save(app, job, ok, &err); break;
    }
    job_free(job);
}

/* One at a time. Takes the job, whatever comes of it. */
static bool begin_job(struct app *app, struct plan_job *job)
{
    struct whatif *x = &app->what;
    struct error err;

    job->image = app->img->src;
    if (!task_start(work, job, &x->job_task, &err)) {
        x->job_task = NULL;
        job_free(job);
        app_say(app, true, err.text);
        return false;
    }
    x->job = job;
    return true;
}

static struct plan_job *new_job(struct app *app, enum plan_job_kind kind)
{
    struct plan_job *job = NULL;

    if (app->what.job)
        app_say(app, false, "Still at work; Esc stops it");
    else if (!(job = calloc(1, sizeof *job)))
        app_say(app, true, "out of memory");
    else
        job->kind = kind;
    return job;
}

void whatif_propose(struct app *app, const char *goal)
{
    struct plan_job *job = new_job(app, PLAN_JOB_PROPOSE);
    char text[80];

    if (!job)
        return;
    job->proposal = calloc(1, sizeof *job->proposal);
    if (!job->proposal) {
        job_free(job);
        app_say(app, true, "out of memory");
        return;
    }
    *job->proposal = (struct proposal){
        .below = app->img->src, .goal = goal,
        .how = { .image = app->opt->image,
                 .scan = { .threads = app->opt->threads,
                           .memory_limit = app->opt->memory_limit } },
    };
    patches_append(&job->proposal->start, &app->what.changes);
    if (!begin_job(app, job))
        return;
    snprintf(text, sizeof text, "Planning \"%s\"; Esc stops it", goal);
    app_say(app, false, text);
}

void whatif_save(struct app *app)
{
    struct whatif *x = &app->what;
    struct plan_job *job;
    struct error err;

    if (!app->opt->scribe || app->opt->scribe->fd < 0) {
        app_say(app, false, "Start with --plan FILE or --plan-dir DIR to save plans");
        return;
    }
    if (!x->may_save) {
        app_say(app, true, "That file is no plan for this image; it is left alone");
        return;
    }
    if (!draft_n(x->draft)) {
        app_say(app, false, "There are no steps to save");
        return;
    }
    job = new_job(app, PLAN_JOB_SAVE);
    if (!job)
        return;
    job->scribe = app->opt->scribe;
    if (!draft_plan(x->draft, &job->plan, &err)) {
        job_free(job);
        app_say(app, true, err.text);
        return;
    }
    job->plan.image = strdup(source_get_info(app->img->src).name);
    if (x->session.scan && x->now && x->built == draft_version(x->draft))
        job->plan.outcome = (struct plan_outcome){
            .known = true, .refused = x->session.scan->refused.id != NULL,
            .corruptions = x->session.scan->qemu.corruptions,
            .leaks = x->session.scan->qemu.leaks,
            .check_errors = x->session.scan->qemu.check_errors };
    begin_job(app, job);
}

bool whatif_stop(struct app *app)
{
    struct plan_job *job = app->what.job;

    if (!job || job->kind != PLAN_JOB_PROPOSE)
        return false;
    job->proposal->progress.cancel = true;
    task_cancel(app->what.job_task);
    return true;
}

/* --- the loop --- */

int whatif_fds(const struct app *app, int fd[3])
{
    const struct whatif *x = &app->what;
    int n = 0;

    if (x->build)
        fd[n++] = task_fd(x->build);
    if (x->job_task)
        fd[n++] = task_fd(x->job_task);
    if (x->opened && session_fd(&x->session) >= 0)
        fd[n++] = session_fd(&x->session);
    return n;
}

bool whatif_poll(struct app *app)
{
    struct whatif *x = &app->what;
    bool news = false;

    if (x->job_task && task_ended(x->job_task))
        end_job(app);
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

void whatif_load(struct app *app)
{
    struct plan_job *job;

    if (!app->opt->plan || !(job = new_job(app, PLAN_JOB_LOAD)))
        return;
    job->file = app->opt->plan;
    begin_job(app, job);
}

void whatif_close(struct app *app)
{
    struct whatif *x = &app->what;

    whatif_stop(app);
    if (x->job_task) {
        task_finish(x->job_task, NULL);
        if (x->job->kind == PLAN_JOB_SAVE)
            draft_plan_end(&x->job->plan);
        else
            plan_free(&x->job->plan);
        job_free(x->job);
    }
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
