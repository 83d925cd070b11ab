/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sandbox.h"
#include "ui/app_state.h"
#include "ui/frame.h"
#include "ui/where.h"

#define REFRESH_MS      100     /* progress, only while something runs */
#define DOUBLE_CLICK_MS 400

/* --- the scan --- */

static void scan_start(struct app *app)
{
    struct scan_options opt = { .threads = app->opt->threads,
                                .problems_kept = app->opt->problems_kept,
                                .memory_limit = app->opt->memory_limit };

    if (job_start(app->ui.img, &opt, &app->job, &app->scan_error))
        app->ui.progress = job_progress(app->job);
    else
        app_say(app, true, app->scan_error.text);
}

static void scan_ended(struct app *app)
{
    app->result = job_take(app->job, &app->scan_error);
    job_free(app->job);
    app->job = NULL;
    app->ui.progress = NULL;
    if (!app->result) {
        app_say(app, true, app->scan_error.text);
        return;
    }
    app->scan_error.code = ERR_NONE;
    app->ui.scan = app->result;
    tour_init(&app->tour, &app->result->problems);
    if (app->result->partial)
        app_say(app, true, "The scan was stopped: what it found so far is shown");
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id)->scanned)
            view_class((enum view_id)id)->scanned(app->state[id], &app->ui);
}

/* What the view in front waits for: a descriptor, or -1. */
static int waiting_fd(const struct app *app)
{
    const struct view_class *class = view_class(app->view);

    return class->waiting ? class->waiting(app->state[app->view]) : -1;
}

static void scan_stop(struct app *app)
{
    if (!app->job || app->stopping)
        return;
    app->stopping = true;
    job_cancel(app->job);
}

/* --- actions --- */

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
        prompt_open(&app->prompt, PROMPT_GOTO, "");
        break;
    case ACT_SEARCH:
        if (view_class(app->view)->search)
            prompt_open(&app->prompt, PROMPT_SEARCH, "");
        else
            app_say(app, false, "There is nothing to search in this view");
        break;
    case ACT_SEARCH_AGAIN:
        app_search(app, -1);
        break;
    case ACT_NEXT_PROBLEM:
        app_step_problem(app, 1);
        break;
    case ACT_PREV_PROBLEM:
        app_step_problem(app, -1);
        break;
    case ACT_STOP:
        if (waiting_fd(app) >= 0)
            app_view_act(app, action, arg);
        else
            scan_stop(app);
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
    case ACT_VIEW_1: case ACT_VIEW_2: case ACT_VIEW_3:
    case ACT_VIEW_4: case ACT_VIEW_5: case ACT_VIEW_6:
        if (app->view != (enum view_id)(action - ACT_VIEW_1))
            app_go(app, (enum view_id)(action - ACT_VIEW_1), &app->ui.here,
                   app->ui.problem);
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
    default:
        app_view_act(app, action, arg);
    }
}

static void take_key(struct app *app, uint32_t key)
{
    struct act_arg arg = { 0, 0, 1 };

    app->message[0] = '\0';
    app->alarm = false;
    if (app->prompt.kind != PROMPT_CLOSED) {
        app_prompt_take(app, key);
    } else if (!app_was_guest(app, key)) {
        app->after_g = key == 'g';
        act(app, key_action(app->view, key), &arg);
    }
}

static struct frame frame_of(const struct app *app)
{
    return (struct frame){
        .ui = &app->ui, .view = app->view, .state = app->state[app->view],
        .prompt = &app->prompt, .message = app->message, .alarm = app->alarm,
        .stopping = app->stopping, .scan_error = &app->scan_error,
    };
}

static void take_click(struct app *app, const struct event *ev)
{
    struct area screen = grid_area(&app->grid);
    struct area body = frame_body(&screen);
    struct frame frame = frame_of(app);
    enum view_id tab = frame_tab_at(&frame, &screen, ev->y, ev->x);
    int64_t now = app->term->ops->now_ms(app->term);
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
        app_go(app, tab, &app->ui.here, app->ui.problem);
    else if (arg.y >= 0 && arg.y < body.h && arg.x >= 0 && arg.x < body.w)
        app_view_act(app, ACT_CLICK, &arg);
}

static void take_event(struct app *app, const struct event *ev)
{
    struct act_arg arg = { ev->y, ev->x, abs(ev->count) };

    switch (ev->kind) {
    case EVENT_NONE:
    case EVENT_TICK:
        break;
    case EVENT_KEY:
        take_key(app, ev->key);
        break;
    case EVENT_CLICK:
        take_click(app, ev);
        break;
    case EVENT_WHEEL:
        app_view_act(app, ev->count < 0 ? ACT_SCROLL_UP : ACT_SCROLL_DOWN, &arg);
        break;
    case EVENT_RESIZE:
        if (ev->y != app->grid.rows || ev->x != app->grid.cols)
            grid_resize(&app->grid, ev->y, ev->x);
        break;
    case EVENT_WAKE:
        if (app->job && job_ended(app->job))
            scan_ended(app);
        break;
    case EVENT_END:
        app->leave = true;
        app->signo = ev->signo;
        break;
    }
}

/* --- life --- */

/* Finds out what lies where the person stands. */
static void look_around(struct app *app)
{
    struct ui *ui = &app->ui;
    uint64_t cluster = NO_ADDRESS;

    site_at(ui->img, ui->scan, &ui->here, ui->here.file_off, &ui->site);
    if (ui->site.place.kind != PLACE_NONE || !where_cluster(ui, &ui->here, &cluster)) {
        ui->owner.kind = PLACE_NONE;
        app->owned = NO_ADDRESS;
    } else if (cluster != app->owned) {
        app->owned = ui->scan ? cluster : NO_ADDRESS;
        if (!where_owner(ui, cluster, &ui->owner))
            ui->owner.kind = PLACE_NONE;
    }
}

static void draw(struct app *app)
{
    const struct view_class *class = view_class(app->view);
    struct area screen = grid_area(&app->grid);
    struct area body = frame_body(&screen);
    struct frame frame = frame_of(app);

    look_around(app);
    class->prepare(app->state[app->view], &app->ui, body.h, body.w);
    grid_erase(&app->grid);
    class->draw(app->state[app->view], &app->ui, &body);
    frame_draw(&frame, &screen);
    app->term->ops->present(app->term, &app->grid);
}

int app_run(struct app *app)
{
    scan_start(app);
    if (app->opt->start)
        app_go_to_typed(app, app->opt->start);
    app->term->ops->set_mouse(app->term, app->mouse);
    while (!app->leave) {
        struct event ev;
        int fd;

        draw(app);
        fd = app->job ? job_fd(app->job) : waiting_fd(app);
        app->term->ops->next(app->term, fd, fd >= 0 ? REFRESH_MS : -1, &ev);
        take_event(app, &ev);
    }
    return app->signo;
}

bool app_new(const struct image *img, const struct ui_options *opt, struct terminal *term,
             struct app **out, struct error *err)
{
    struct app *app = calloc(1, sizeof *app);
    int rows;
    int cols;

    if (!app)
        return err_set(err, ERR_NOMEM, "out of memory");
    app->opt = opt;
    app->term = term;
    app->theme = opt->theme;
    app->mouse = !opt->no_mouse;
    app->ui.img = img;
    app->owned = NO_ADDRESS;
    app->ui.problem = NO_PROBLEM;
    app->ui.search = app->search;
    app->ui.ascii = term->ascii;
    app->ui.colour = opt->theme != THEME_MONO && term->depth != DEPTH_MONO;
    app->ui.shades = app->ui.colour && depth_has_shades(term->depth);
    app->ui.threads = opt->threads;
    app->ui.here = (struct place){ .kind = PLACE_HEADER, .guest_off = NO_ADDRESS };
    where_complete(img, &app->ui.here);
    term->ops->size(term, &rows, &cols);
    if (!grid_init(&app->grid, rows, cols, term->ascii))
        goto failed;
    for (int id = 0; id < N_VIEWS; id++)
        if (!view_class((enum view_id)id)->create(&app->ui, &app->state[id]))
            goto failed;
    app_enter(app, VIEW_OVERVIEW, &app->ui.here, NO_PROBLEM);
    *out = app;
    return true;
failed:
    app_free(app);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void app_free(struct app *app)
{
    if (!app)
        return;
    source_interrupt(app->ui.img->src);     /* whoever still reads shall not keep us */
    job_free(app->job);
    for (int id = 0; id < N_VIEWS; id++)
        if (app->state[id])
            view_class((enum view_id)id)->destroy(app->state[id]);
    scan_free(app->result);
    tour_free(&app->tour);
    history_free(&app->back);
    history_free(&app->forward);
    grid_free(&app->grid);
    free(app);
}

bool ui_run(const struct image *img, const struct ui_options *opt, int *signo,
            struct error *err)
{
    struct terminal *term;
    struct app *app = NULL;
    bool ok;

    if (!term_open(opt->ascii, opt->mono, opt->theme, &term, err))
        return false;
    if (opt->sandbox)
        sandbox_enter(NULL);
    ok = app_new(img, opt, term, &app, err);
    if (ok) {
        *signo = app_run(app);
        app_free(app);
    }
    term->ops->close(term);
    return ok;
}
