/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Going from place to place: history, problems, what is typed at the prompts. */
#include "config.h"

#include <stdio.h>

#include "inspect/address.h"
#include "ui/app_state.h"
#include "ui/where.h"

#define GG_MS 1000      /* "gg" then "u" within this time: "guest" is being typed */

void app_say(struct app *app, bool alarm, const char *text)
{
    snprintf(app->message, sizeof app->message, "%s", text);
    app->alarm = alarm;
}

/* --- going from place to place --- */

/* The place becomes what the view in front has lit. */
static void stand_on_lit(struct app *app)
{
    const struct view_class *class = view_class(app->view);
    struct place lit;
    enum lit how = class->lit ? class->lit(app->state[app->view], &app->ui, &lit) : LIT_HERE;

    if (how == LIT_HERE)
        return;
    where_complete(app->ui.img, &lit);
    if (how == LIT_ABOUT) {
        app->asked = app->ui.here;
        app->lit = lit;
    }
    app->ui.here = lit;
}

struct place app_asked(const struct app *app)
{
    const struct place *here = &app->ui.here;

    return here->kind != PLACE_NONE && place_equal(here, &app->lit) ? app->asked : *here;
}

void app_enter(struct app *app, enum view_id view, const struct place *place,
               size_t problem)
{
    if (view != app->view)
        app->stepping = false;
    app->view = view;
    if (view != VIEW_HELP) {
        app->ui.front = view;
        app->ui.front_state = app->state[view];
    }
    app->ui.here = *place;
    app->ui.problem = problem;
    app->lit.kind = PLACE_NONE;
    view_class(view)->show(app->state[view], &app->ui, place);
    stand_on_lit(app);
}

static struct stop current(const struct app *app)
{
    return (struct stop){ app->view, app_asked(app), app->ui.problem };
}

void app_go(struct app *app, enum view_id view, const struct place *to, size_t problem)
{
    struct stop from = current(app);
    struct place place = *to;

    where_complete(app->ui.img, &place);
    if (from.view != view || !place_equal(&from.place, &place))
        history_push(&app->back, &from);
    history_clear(&app->forward);
    app_enter(app, view, &place, problem);
}

void app_go_back(struct app *app, struct history *from, struct history *to)
{
    struct stop now = current(app);
    struct stop then;

    if (!history_pop(from, &then)) {
        app_say(app, false,
                from == &app->back ? "Nothing to go back to" : "Nothing ahead");
        return;
    }
    history_push(to, &now);
    app_enter(app, then.view, &then.place, then.problem);
}

static void go_where_asked(struct app *app, const struct request *req)
{
    struct place place = req->place;
    enum view_id view = req->view;

    if (!app_compare_show(app, req->side))
        return;
    if (req->inside)
        where_inside(&app->ui, &place, &view);
    else if (view == N_VIEWS)
        view = where_best_view(&place, app->view);
    app->ui.cause = req->cause;
    app_go(app, view, &place, req->problem);
    app->ui.cause = 0;
}

static void carry_out(struct app *app, const struct request *req)
{
    if (*req->message)
        app_say(app, req->alarm, req->message);
    switch (req->kind) {
    case REQ_NONE:
        stand_on_lit(app);
        break;
    case REQ_MOVED:
        app->ui.here = req->place;
        where_complete(app->ui.img, &app->ui.here);
        break;
    case REQ_GO:
        go_where_asked(app, req);
        break;
    case REQ_VIEW:
        app_go(app, req->view, &app->ui.here, app->ui.problem);
        break;
    case REQ_BACK:
        app_go_back(app, &app->back, &app->forward);
        break;
    case REQ_LAYER:
        app_set_layer(app, req->layer);
        break;
    case REQ_PROPOSE:
    case REQ_STEP:
        app_plan_carry_out(app, req);
        break;
    }
}

void app_view_act(struct app *app, enum action action, const struct act_arg *arg)
{
    struct request req = { .kind = REQ_NONE, .problem = NO_PROBLEM };

    view_class(app->view)->act(app->state[app->view], &app->ui, action, arg, &req);
    carry_out(app, &req);
}

void app_view_ended(struct app *app)
{
    struct request req = { .kind = REQ_NONE, .problem = NO_PROBLEM };

    view_class(app->view)->ended(app->state[app->view], &app->ui, &req);
    carry_out(app, &req);
}

void app_step_problem(struct app *app, int dir)
{
    const struct scan_result *scan = app->ui.scan;
    const struct problem *p;
    struct buf text = BUF_INIT;
    size_t at;
    size_t index;

    if (!scan || !app->tour.order || scan->problems.n == 0) {
        app_say(app, false, !scan && app->session.progress
                                ? "Problems are known when the scan has ended"
                                : "No problems were found");
        return;
    }
    at = tour_step(&app->tour, &app->ui.here, app->ui.problem, dir);
    index = app->tour.order[at];
    p = &scan->problems.list[index];
    buf_printf(&text, "%zu of %zu: ", at + 1, scan->problems.n);
    problem_line(p, app->ui.img, &text);
    app_go(app,
           app->view == VIEW_PROBLEMS ? VIEW_PROBLEMS
                                      : where_best_view(&p->place, app->view),
           &p->place, index);
    app->ui.here = p->place;
    app_say(app, false, buf_str(&text));
    buf_free(&text);
}

/* --- prompts --- */

void app_ask_place(struct app *app, const char *text)
{
    prompt_open(&app->prompt, PROMPT_GOTO, text,
                "0x1c0000  28c  guest 1G  L1[3]  L2[3][77]  snap 2  rb 5  header");
}

void app_go_to_typed(struct app *app, const char *text)
{
    struct error err;
    struct place place;

    if (!*text)
        return;
    if (!address_parse(app->ui.img, &app->ui.here, text, &place, &err))
        app_say(app, true, err.text);
    else
        app_go(app, where_best_view(&place, app->view), &place, NO_PROBLEM);
}

void app_search(struct app *app, int dir)
{
    struct request req = { .kind = REQ_NONE, .problem = NO_PROBLEM };
    const struct view_class *class = view_class(app->view);

    if (!class->search || !*app->search)
        return;
    class->search(app->state[app->view], &app->ui, app->search, dir, &req);
    carry_out(app, &req);
}

void app_prompt_take(struct app *app, uint32_t key)
{
    enum prompt_kind kind = app->prompt.kind;

    if (kind == PROMPT_GOTO && app->after_g && key == 'g' && app->prompt.len == 0) {
        app->prompt.kind = PROMPT_CLOSED;
        app->gg_ms = app->term->ops->now_ms(app->term);
        app->gg_from = app->ui.here;
        app_view_act(app, ACT_TOP, &(struct act_arg){ 0, 0, 1 });
        return;
    }
    if (key == KEYCODE_TAB && app_plan_pick(app))
        return;
    if (prompt_key(&app->prompt, key) != PROMPT_ENTERED)
        return;
    if (kind == PROMPT_EDIT) {
        app_plan_typed(app, app->prompt.text);
    } else if (kind == PROMPT_NOTE) {
        app_mark_add(app, app->prompt.text);
    } else if (kind == PROMPT_GOTO) {
        app_go_to_typed(app, app->prompt.text);
    } else {
        if (*app->prompt.text)
            snprintf(app->search, sizeof app->search, "%s", app->prompt.text);
        app->stepping = view_class(app->view)->steps;
        app_search(app, 1);
    }
}

bool app_was_guest(struct app *app, uint32_t key)
{
    bool soon = app->gg_ms && app->term->ops->now_ms(app->term) - app->gg_ms < GG_MS;
    char text[3] = { 'g', (char)key, '\0' };

    app->gg_ms = 0;
    if (!soon || (key != 'u' && !(key >= '0' && key <= '9')))
        return false;
    app_enter(app, app->view, &app->gg_from, app->ui.problem);
    app_ask_place(app, text);
    return true;
}

void app_show(struct app *app, enum view_id view)
{
    struct place place = app_asked(app);

    app_go(app, view, &place, app->ui.problem);
}

void app_next_view(struct app *app, int dir)
{
    int id = app->view < N_NUMBERED_VIEWS ? (int)app->view : 0;

    do
        id = (id + dir + N_NUMBERED_VIEWS) % N_NUMBERED_VIEWS;
    while (id == VIEW_CHANGES && !app->ui.compared);
    app_show(app, (enum view_id)id);
}
