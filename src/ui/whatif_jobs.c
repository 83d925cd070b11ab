/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Work for a plan in the making: one job at a time, on a thread. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/app_state.h"

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

/* What the last proposal did not do stays to be read in the view of the plan. */
static void keep_left(char *left, size_t size, const struct proposal *p, bool ok,
                      const struct error *err)
{
    if (!ok)
        snprintf(left, size, "%s", err->code == ERR_CANCELLED ? "" : err->text);
    else if (p->plan.left)
        snprintf(left, size, "%s", p->plan.left);
    else if (!p->plan.n)
        snprintf(left, size, "\"%s\" planned no step: nothing that the image holds proves another "
                 "value, or all of it is right already.%s", p->goal, p->accept_loss ? ""
                 : " P plans it so that guest data is given up where nothing else helps, and "
                   "names what that is.");
    else
        left[0] = '\0';
}

static void end_proposal(struct app *app, struct plan_job *job, bool ok,
                         const struct error *err)
{
    struct plan *plan = &job->proposal->plan;
    struct error bad;
    char text[sizeof app->message];
    size_t n = plan->n;

    keep_left(app->what.left, sizeof app->what.left, job->proposal, ok, err);
    if (!ok) {
        app_say(app, err->code != ERR_CANCELLED, err->text);
    } else if (!n) {
        snprintf(text, sizeof text, "No step for \"%s\"; 8 says why%s", job->proposal->goal,
                 job->proposal->accept_loss ? "" : ". P gives up data for it");
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
    ok = plan_fingerprint(&job->plan, job->image, NULL, err) && plan_write(&job->plan, &text, err)
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
        .img = app->img, .goal = goal, .accept_loss = app->what.accept_loss,
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

void whatif_load(struct app *app)
{
    struct plan_job *job;

    if (!app->opt->plan || !(job = new_job(app, PLAN_JOB_LOAD)))
        return;
    job->file = app->opt->plan;
    begin_job(app, job);
}

void whatif_job_poll(struct app *app)
{
    if (app->what.job_task && task_ended(app->what.job_task))
        end_job(app);
}

void whatif_job_close(struct app *app)
{
    struct whatif *x = &app->what;

    whatif_stop(app);
    if (!x->job_task)
        return;
    task_finish(x->job_task, NULL);
    if (x->job->kind == PLAN_JOB_SAVE)
        draft_plan_end(&x->job->plan);
    else
        plan_free(&x->job->plan);
    job_free(x->job);
}
