/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Going through the steps of a tour. */
#include "config.h"

#include "ui/app_state.h"

static void enter_step(struct app *app)
{
    const struct guide_step *s = &app->guide.step[app->guide.at];

    app->ui.cause = s->cause;
    app_go(app, s->view, &s->place, s->problem);
    app->ui.cause = 0;
}

void app_guide_poll(struct app *app)
{
    if (app->guided || !app->opt->tour || !app->ui.scan)
        return;
    app->guided = true;
    guide_make(&app->guide, &app->ui, app->opt->script);
    enter_step(app);
}

void app_guide_step(struct app *app, int dir)
{
    struct guide *g = &app->guide;

    if (!g->n) {
        app_say(app, false, "There is no tour: qcheck --tour NAME begins one");
    } else if (dir > 0 && g->at + 1 == g->n) {
        g->n = 0;
        app_say(app, false, "The end of the tour");
    } else if (dir > 0 || g->at > 0) {
        g->at = dir > 0 ? g->at + 1 : g->at - 1;
        enter_step(app);
    }
}

struct area app_body(const struct app *app, const struct area *screen)
{
    struct area body = frame_body(screen);

    return area_part(&body, 0, 0, body.h - guide_rows(&app->guide, &body), -1);
}
