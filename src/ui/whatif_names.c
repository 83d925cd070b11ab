/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What steps do to the guest's disk, and whose bytes they give up: looked for on a thread, one
 * step at a time, while everything else goes on. */
#include "config.h"

#include "ui/app_state.h"

/* --- on the thread --- */

static struct image *image_with(const struct plan_naming *n, const struct patches *patches)
{
    struct source *src;
    struct image *img;

    if (!source_open_patched(n->img->src, patches, &src, NULL))
        return NULL;
    if (!image_open(src, &n->how, &img, NULL)) {
        source_close(src);
        return NULL;
    }
    img->backing_there = n->img->backing_there;
    img->data_there = n->img->data_there;
    return img;
}

/* An image that cannot be opened has no names, and that is no error. */
static bool work(void *arg, struct task_run *run, struct error *err)
{
    struct plan_naming *n = arg;
    struct image *before = image_with(n, &n->before), *after = NULL;
    bool ok = true;

    n->owners.cancel = &run->cancel;
    if (before && n->by_hand)
        after = image_with(n, &n->after);
    if (after)
        ok = plan_step_note_guest(&n->found, before, after, err);
    if (ok && before && n->owners.helper && plan_step_loses(&n->found))
        ok = plan_step_find_owners(&n->owners, before, &n->found, err);
    image_close(after);
    image_close(before);
    return ok;
}

/* --- on the thread of the inspector --- */

static void forget(struct plan_naming *n)
{
    patches_free(&n->before);
    patches_free(&n->after);
    plan_step_free(&n->found);
    *n = (struct plan_naming){ .task = NULL };
}

/* The ranges that the step names itself. */
static bool copy_losses(const struct plan_step *from, struct plan_step *to)
{
    bool ok = true;

    for (size_t i = 0; ok && i < from->n_losses; i++) {
        const struct loss *l = &from->loss[i];

        ok = (l->regained ? plan_step_add_regained : plan_step_add_loss)(to, l->layer,
                                                                          l->guest_off, l->len);
    }
    return ok;
}

static bool prepare(struct app *app, struct plan_naming *n, size_t at)
{
    const struct draft *d = app->what.draft;

    for (size_t i = 0; i <= at; i++) {
        if (!draft_chosen(d, i))
            continue;
        patches_append(&n->after, &draft_step(d, i)->patches);
        if (i < at)
            patches_append(&n->before, &draft_step(d, i)->patches);
    }
    return copy_losses(n->of, &n->found) && patches_flatten(&n->before, NULL)
        && patches_flatten(&n->after, NULL);
}

/* A plan that is being saved is read on a thread: its steps are not changed then. */
static bool saving(const struct app *app)
{
    return app->what.job && app->what.job->kind == PLAN_JOB_SAVE;
}

bool whatif_names_wanted(const struct app *app)
{
    size_t at;

    return app->what.naming.task || draft_next_unknown(app->what.draft, &at);
}

/* The process that reads file systems answers one question at a time. */
void whatif_names_follow(struct app *app)
{
    struct plan_naming *n = &app->what.naming;
    size_t at;

    if (n->task || app->tenants.task || saving(app)
        || !draft_next_unknown(app->what.draft, &at))
        return;
    n->of = draft_step(app->what.draft, at);
    n->by_hand = plan_step_alone(n->of) && !n->of->n_losses;
    n->img = app->img;
    n->how = app->opt->image;
    n->owners = (struct owners_how){ .helper = app->opt->helper, .disk = app->ui.disk };
    n->found.goal = n->of->goal;
    if ((n->by_hand || (plan_step_loses(n->of) && n->owners.helper)) && prepare(app, n, at)
        && task_start(work, n, &n->task, NULL))
        return;
    draft_note_guest(app->what.draft, n->of, NULL);
    n->task = NULL;
    forget(n);
}

int whatif_names_fd(const struct app *app)
{
    return app->what.naming.task && !saving(app) ? task_fd(app->what.naming.task) : -1;
}

void whatif_names_poll(struct app *app)
{
    struct plan_naming *n = &app->what.naming;

    if (!n->task || saving(app) || !task_ended(n->task))
        return;
    draft_note_guest(app->what.draft, n->of, task_finish(n->task, NULL) ? &n->found : NULL);
    forget(n);
}

void whatif_names_stop(struct app *app)
{
    if (app->what.naming.task)
        task_cancel(app->what.naming.task);
}

void whatif_names_close(struct app *app)
{
    whatif_names_stop(app);
    if (app->what.naming.task)
        task_finish(app->what.naming.task, NULL);
    forget(&app->what.naming);
}
