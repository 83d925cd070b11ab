/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What goes on while a command waits for storage. */
#include "config.h"

#include <string.h>

#include "ui/app_state.h"

#define QUIET_MS 150        /* a command that takes longer says that it reads */

static void say_reading(struct app *app)
{
    struct area screen = grid_area(&app->grid);
    struct frame frame = app_frame(app);

    if (app->reading || !app->presented)
        return;
    app->reading = true;
    frame.message = "Reading\u2026 Esc: stop waiting for it, q: quit";
    frame.alarm = false;
    frame_draw(&frame, &screen);
    app->term->ops->present(app->term, &app->grid);
}

/* Would q, typed now, be text of a prompt that was opened meanwhile? */
static bool in_prompt_later(const struct app *app)
{
    for (int i = 0; i < app->n_queue; i++) {
        enum action action = app->queue[i].kind == EVENT_KEY
                                 ? key_action(app->ui.keys, app->view, app->queue[i].key) : ACT_NONE;

        if (action == ACT_GOTO || action == ACT_SEARCH)
            return true;
    }
    return false;
}

/* False: the command is to be given up. */
static bool take_while_waiting(struct app *app, const struct event *ev)
{
    switch (ev->kind) {
    case EVENT_TICK:
        say_reading(app);
        return true;
    case EVENT_END:
        app->leave = true;
        app->signo = ev->signo;
        return false;
    case EVENT_KEY:
        if (ev->key == KEYCODE_ESC)
            return false;
        if (ev->key == 'q' && !in_prompt_later(app)) {
            app->leave = true;
            return false;
        }
        break;
    case EVENT_NONE: case EVENT_WAKE:
        return true;
    case EVENT_CLICK: case EVENT_WHEEL: case EVENT_RESIZE:
        break;
    }
    if (app->n_queue < TYPED_MAX)
        app->queue[app->n_queue++] = *ev;
    return true;
}

bool app_wait(void *arg, int fd)
{
    struct app *app = arg;
    struct event ev = { .kind = EVENT_NONE };

    while (!app->given_up && ev.kind != EVENT_WAKE) {
        app->term->ops->next(app->term, &fd, 1, QUIET_MS, &ev);
        app->given_up = !take_while_waiting(app, &ev);
    }
    return !app->given_up;
}

bool app_queue_pop(struct app *app, struct event *out)
{
    app->reading = false;
    if (app->n_queue == 0)
        return false;
    *out = app->queue[0];
    memmove(app->queue, app->queue + 1, (size_t)--app->n_queue * sizeof app->queue[0]);
    return true;
}
