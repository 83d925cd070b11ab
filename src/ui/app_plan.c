/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Editing, proposing, and the plan: what the keys do. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "ui/app_state.h"
#include "ui/where.h"

/* --- editing --- */

static void say_error(struct app *app, const struct error *err)
{
    app_say(app, true, err->text);
}

/* A change lies over what the last one has made: that must be there. */
static bool settled(struct app *app)
{
    const struct whatif *x = &app->what;

    if (x->build || x->built != draft_version(x->draft)) {
        app_say(app, false, "One moment: the last change is being laid over the image");
        return false;
    }
    return true;
}

static void begin_edit(struct app *app)
{
    struct whatif *x = &app->what;
    struct buf value = BUF_INIT, hint = BUF_INIT;
    struct error err;

    if (app->view != VIEW_TABLES && app->view != VIEW_HEADER && app->view != VIEW_HEX) {
        app_say(app, false, "Fields are edited in Tables, Header and Hex");
        return;
    }
    if (!settled(app))
        return;
    if (!edit_target_at(app->ui.img, app->ui.scan, &app->ui.here, &x->edit, &err)) {
        say_error(app, &err);
        return;
    }
    edit_target_value(&x->edit, &value);
    edit_target_hint(&x->edit, &hint);
    snprintf(x->edit_hint, sizeof x->edit_hint, "%s", buf_str(&hint));
    prompt_open(&app->prompt, PROMPT_EDIT, buf_str(&value), x->edit_hint);
    snprintf(app->prompt.label, sizeof app->prompt.label, "%s", x->edit.name);
    buf_free(&hint);
    buf_free(&value);
}

static void end_edit(struct app *app, bool ok, struct plan_step *step, const struct error *err)
{
    if (ok) {
        step->goal = "set";
        whatif_add(app, step);
    } else {
        plan_step_free(step);
        say_error(app, err);
    }
}

void app_plan_typed(struct app *app, const char *text)
{
    struct plan_step step = { .goal = "set" };
    struct error err;
    bool ok = edit_target_set(app->ui.img, &app->what.edit, text, &step, &err);

    end_edit(app, ok, &step, &err);
}

bool app_plan_pick(struct app *app)
{
    struct whatif *x = &app->what;

    if (app->prompt.kind != PROMPT_EDIT || !x->edit.pointer)
        return false;
    app->prompt.kind = PROMPT_CLOSED;
    x->picking = true;
    return true;
}

/* The cluster where one stands. */
static void take_picked(struct app *app)
{
    struct whatif *x = &app->what;
    struct plan_step step = { .goal = "set" };
    struct place there = app_asked(app);        /* not the entry that tells about it */
    struct error err;
    uint64_t cluster;
    bool ok;

    if (!where_cluster(&app->ui, &there, &cluster)) {
        app_say(app, false, "There is no cluster here; move on, or Esc gives up");
        return;
    }
    x->picking = false;
    if (!settled(app))
        return;
    ok = edit_target_point(app->ui.img, &x->edit, cluster, &step, &err);
    end_edit(app, ok, &step, &err);
}

/* --- proposing --- */

static const char *goal_here(const struct app *app)
{
    const struct ui *ui = &app->ui;
    const struct problems *ps = &ui->scan->problems;
    struct problem_hits hits = { .n = 0 };
    uint64_t cluster;

    if (ui->problem < ps->n && place_equal(&ps->list[ui->problem].place, &ui->here))
        return propose_for_problem(ps->list[ui->problem].kind);
    if (ui->site.place.kind != PLACE_NONE)
        problem_index_bytes(ui->index, ui->site.start, ui->site.len, &hits);
    if (!hits.n && where_cluster(ui, &ui->here, &cluster))
        problem_index_clusters(ui->index, cluster, 1, &hits);
    return hits.n ? propose_for_problem(ps->list[hits.gravest].kind) : "repair";
}

static void propose(struct app *app, bool accept_loss)
{
    app->what.accept_loss = accept_loss;
    if (!settled(app))
        return;
    if (!app->ui.scan)
        app_say(app, false, "Problems are known when the scan has ended");
    else if (app->view == VIEW_PROBLEMS || app->view == VIEW_OVERVIEW)
        app_view_act(app, ACT_PROPOSE, &(struct act_arg){ 0, 0, 1 });
    else
        whatif_propose(app, goal_here(app));
}

/* --- the plan --- */

static void turn(struct app *app)
{
    struct whatif *x = &app->what;
    const struct compared *c = app->ui.compared;

    if (!x->now && c && !x->build) {
        app_compare_show(app, c->shown == SIDE_A ? SIDE_B : SIDE_A);
        return;
    }
    if (!x->now) {
        app_say(app, *x->failed != 0, *x->failed ? x->failed
                : x->build ? "One moment: the plan is being laid over the image"
                : "Nothing is planned: e edits, p proposes");
        return;
    }
    x->before = !x->before;
    app_reloaded(app);
    app_say(app, false, x->before ? "The image as it is; = shows it as it would be"
            : "The image as it would be; = shows it as it is");
}

static void undo(struct app *app, bool again)
{
    struct draft *d = app->what.draft;
    bool ok = again ? draft_redo(d) : draft_undo(d);
    char text[80];

    snprintf(text, sizeof text, ok ? "%s: %zu of %zu steps are chosen"
             : "There is nothing to %s", ok ? (again ? "Done again" : "Undone")
             : again ? "do again" : "undo", draft_n_chosen(d), draft_n(d));
    app_say(app, false, text);
}

bool app_plan_act(struct app *app, enum action action)
{
    switch (action) {
    case ACT_EDIT:
        if (app->what.picking)
            take_picked(app);
        else
            begin_edit(app);
        return true;
    case ACT_PROPOSE:
    case ACT_PROPOSE_LOSS:
        propose(app, action == ACT_PROPOSE_LOSS);
        return true;
    case ACT_BEFORE_AFTER:
        turn(app);
        return true;
    case ACT_UNDO:
    case ACT_REDO:
        undo(app, action == ACT_REDO);
        return true;
    case ACT_SAVE_PLAN:
        whatif_save(app);
        return true;
    default:
        return false;
    }
}

void app_plan_carry_out(struct app *app, const struct request *req)
{
    struct draft *d = app->what.draft;
    struct error err;
    bool ok = true;

    if (req->kind == REQ_PROPOSE) {
        whatif_propose(app, req->goal);
        return;
    }
    if (req->step >= draft_n(d))
        return;
    switch (req->change) {
    case STEP_TOGGLE: ok = draft_toggle(d, req->step, &err); break;
    case STEP_REMOVE: ok = draft_remove(d, req->step, &err); break;
    case STEP_UP: ok = draft_move(d, req->step, -1, &err); break;
    case STEP_DOWN: ok = draft_move(d, req->step, 1, &err); break;
    }
    if (!ok)
        say_error(app, &err);
}
