/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What keys and the mouse do. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/source_nowait.h"
#include "ui/app_state.h"
#include "ui/frame.h"

#define DOUBLE_CLICK_MS 400

static void rescan(struct app *app)
{
    if (app->watch.on) {
        app_watch_again(app);
        app_say(app, false, "Looking at the file again, and scanning it");
        return;
    }
    if (app->nowait)
        nowait_forget(app->nowait);
    whatif_again(app);
    if (session_rescan(&app->session))
        app_say(app, false, "Scanning again from the start");
    else
        app_say(app, true, app->session.error.text);
    app->ui.progress = app->session.progress;
}

/* To the next problem, or hit. */
static void step(struct app *app, int dir)
{
    if (app->stepping)
        app_search(app, dir);
    else
        app_step_problem(app, dir);
}

static void act(struct app *app, enum action action, const struct act_arg *arg)
{
    switch (action) {
    case ACT_NONE:
        break;
    case ACT_QUIT:
        app->leave = true;
        break;
    case ACT_BACK:
        app_go_back(app, &app->back, &app->forward);
        break;
    case ACT_FORWARD:
        app_go_back(app, &app->forward, &app->back);
        break;
    case ACT_GOTO:
        app_ask_place(app, "");
        break;
    case ACT_SEARCH:
        if (view_class(app->view)->search)
            prompt_open(&app->prompt, PROMPT_SEARCH, "", view_class(app->view)->sought);
        else
            app_say(app, false, "There is nothing to search in this view");
        break;
    case ACT_SEARCH_AGAIN:
        app_search(app, -1);
        break;
    case ACT_NEXT_PROBLEM:
    case ACT_PREV_PROBLEM:
        step(app, action == ACT_NEXT_PROBLEM ? 1 : -1);
        break;
    case ACT_STOP:
        app->stepping = false;
        if (app->what.picking || whatif_stop(app)) {
            app->what.picking = false;
            break;
        }
        if (app_waiting_fd(app, app->view) < 0)
            session_stop(whatif_session(app));
        tenants_stop(&app->tenants);
        whatif_names_stop(app);
        app_deep_stop(app);
        app_figures_stop(app);
        app_view_act(app, action, arg);
        break;
    case ACT_RESCAN:
        rescan(app);
        break;
    case ACT_WATCH:
        app_watch_turn(app);
        break;
    case ACT_MOUSE:
        app->mouse = !app->mouse;
        app->term->ops->set_mouse(app->term, app->mouse);
        app_say(app, false,
                app->mouse ? "Mouse on" : "Mouse off: the terminal selects text");
        break;
    case ACT_REDRAW:
        app->term->ops->repaint(app->term);
        break;
    case ACT_THEME:
        app->theme = (enum theme_id)((app->theme + 1) % N_THEMES);
        app->ui.colour = app->theme != THEME_MONO && app->term->depth != DEPTH_MONO;
        app->ui.shades = app->ui.colour && depth_has_shades(app->term->depth);
        app->term->ops->set_theme(app->term, app->theme);
        snprintf(app->message, sizeof app->message, "Theme: %s", theme_name(app->theme));
        break;
    case ACT_VIEW_9:
        if (app->ui.compared || app->ui.watched)
            app_show(app, VIEW_CHANGES);
        else
            app_say(app, false, "Nothing to compare: plan a step, show a snapshot (L), or "
                    "watch the file (W)");
        break;
    case ACT_VIEW_1: case ACT_VIEW_2: case ACT_VIEW_3:
    case ACT_VIEW_4: case ACT_VIEW_5: case ACT_VIEW_6: case ACT_VIEW_7: case ACT_VIEW_8:
        if (app->view != (enum view_id)(action - ACT_VIEW_1))
            app_show(app, (enum view_id)(action - ACT_VIEW_1));
        break;
    case ACT_NEXT_VIEW:
        app_next_view(app, 1);
        break;
    case ACT_PREV_VIEW:
        app_next_view(app, -1);
        break;
    case ACT_HELP:
        app_go(app, VIEW_HELP, &app->ui.here, app->ui.problem);
        break;
    case ACT_HEX_HERE:
        app_go(app, VIEW_HEX, &app->ui.here, app->ui.problem);
        break;
    case ACT_REFERRERS:
        app_go(app, VIEW_REFERRERS, &app->ui.here, app->ui.problem);
        break;
    case ACT_TOUR_NEXT: case ACT_TOUR_BACK:
        app_guide_step(app, action == ACT_TOUR_NEXT ? 1 : -1);
        break;
    case ACT_MARK:
        app_mark_ask(app);
        break;
    case ACT_MARKS:
        app_pick_open(app, PROMPT_BOOKMARK);
        break;
    case ACT_EXPORT:
        app_export(app);
        break;
    case ACT_COMMANDS:
        app_pick_open(app, PROMPT_COMMAND);
        break;
    case ACT_COPY_PLACE: case ACT_COPY_LINE:
        app_copy(app, action == ACT_COPY_LINE);
        break;
    case ACT_DEEP:
        app_deep_ask(app);
        break;
    case ACT_LAYER:
        app_next_layer(app);
        break;
    default:
        if (!app_plan_act(app, action))
            app_view_act(app, action, arg);
    }
}

void app_take_key(struct app *app, uint32_t key)
{
    struct act_arg arg = { 0, 0, 1 };

    app->message[0] = '\0';
    app->alarm = false;
    if (app_picking(app)) {
        act(app, app_pick_key(app, key), &arg);
    } else if (app->prompt.kind != PROMPT_CLOSED) {
        app_prompt_take(app, key);
    } else if (!app_was_guest(app, key)) {
        enum action action = key_action(app->ui.keys, app->view, key);
        char name[16];

        app->after_g = key == 'g';
        act(app, action, &arg);
        if (action == ACT_NONE) {
            key_shown(key, name, sizeof name);
            snprintf(app->message, sizeof app->message, "%s does nothing here; ? lists the keys",
                     name);
        }
    }
}

void app_take_click(struct app *app, const struct event *ev)
{
    struct area screen = grid_area(&app->grid);
    struct area body = app_body(app, &screen);
    struct frame frame = app_frame(app);
    enum view_id tab = frame_tab_at(&frame, &screen, ev->y, ev->x);
    enum action hint = frame_hint_at(&frame, &screen, ev->y, ev->x);
    int64_t now = app->term->ops->now_ms(app->term);
    struct place to;
    enum view_id view;
    struct act_arg arg = { ev->y - body.y, ev->x - body.x, ev->count };

    app->message[0] = '\0';
    app->prompt.kind = PROMPT_CLOSED;
    if (ev->y == app->click_y && ev->x == app->click_x &&
        now - app->click_ms < DOUBLE_CLICK_MS)
        arg.count = 2;
    app->click_ms = arg.count == 2 ? 0 : now;
    app->click_y = ev->y;
    app->click_x = ev->x;
    if (tab != N_VIEWS && tab != app->view)
        app_show(app, tab);
    else if (hint != ACT_NONE)
        act(app, hint, &(struct act_arg){ 0, 0, 1 });
    else if (frame_place_at(&frame, &screen, ev->y, ev->x, &to, &view))
        app_go(app, view, &to, app->ui.problem);
    else if (arg.y >= 0 && arg.y < body.h && arg.x >= 0 && arg.x < body.w)
        app_view_act(app, ACT_CLICK, &arg);
}

void app_take_wheel(struct app *app, const struct event *ev)
{
    struct area screen = grid_area(&app->grid);
    struct area body = app_body(app, &screen);
    struct act_arg arg = { ev->y - body.y, ev->x - body.x, abs(ev->count) };

    app_view_act(app, ev->count < 0 ? ACT_SCROLL_UP : ACT_SCROLL_DOWN, &arg);
}
