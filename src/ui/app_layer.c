/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Whose disk is shown, and what is on it. */
#include "config.h"

#include "ui/app_state.h"
#include "ui/where.h"

/* The same place of the guest's disk in the layer that is shown now, for a view that shows such
 * places; kind NONE: it does not. */
static struct place place_in_layer(const struct app *app)
{
    const struct view_class *class = view_class(app->view);
    const struct place *p = where_subject(&app->ui);
    struct place to = { .kind = PLACE_GUEST, .layer = app->ui.layer, .file_off = NO_ADDRESS };
    uint64_t start;
    uint64_t len;

    if (!class->relayered || !where_guest(&app->ui, p, &start, &len) ||
        (app->ui.here.kind != PLACE_GUEST && app->view != VIEW_TABLES && app->view != VIEW_DISK)) {
        to.kind = PLACE_NONE;
        return to;
    }
    if (app->view == VIEW_TABLES) {             /* the same entry */
        struct place entry = *p;

        entry.layer = app->ui.layer;
        if ((p->kind == PLACE_L1 || p->kind == PLACE_L2) && place_complete(app->ui.img, &entry))
            return entry;
    }
    to.guest_off = app->ui.here.kind == PLACE_GUEST ? app->ui.here.guest_off : start;
    return to;
}

void app_set_layer(struct app *app, uint32_t layer)
{
    const struct snapshots *snaps = &app->ui.img->snaps;
    struct buf text = BUF_INIT;
    struct place place;

    app->ui.layer = layer;
    tenants_forget(&app->tenants, layer);
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id)->relayered)
            view_class((enum view_id)id)->relayered(app->state[id], &app->ui);
    place = place_in_layer(app);
    if (place.kind != PLACE_NONE) {
        where_complete(app->ui.img, &place);
        app_enter(app, app->view, &place, app->ui.problem);
    }
    if (layer == LAYER_ACTIVE)
        buf_puts(&text, "The disk as it is now");
    else
        buf_puts(&text, "The disk of ");
    if (layer != LAYER_ACTIVE)
        where_layer(app->ui.img, layer, &text);
    if (snaps->n == 0)
        buf_puts(&text, ": there are no snapshots");
    app_say(app, false, buf_str(&text));
    buf_free(&text);
}

void app_next_layer(struct app *app)
{
    const uint64_t n = app->ui.img->snaps.n;

    app_set_layer(app, app->ui.layer >= n ? LAYER_ACTIVE : app->ui.layer + 1);
}

void app_poll_tenants(struct app *app)
{
    struct tenants_wish wish = { .img = app->ui.img, .scan = app->ui.scan,
                                 .insight = app->ui.insight, .opt = app->ui.disk,
                                 .losses = app->view == VIEW_DISK };

    wish.guest_off = where_guest_byte(&app->ui);
    if (whatif_names_wanted(app))
        wish.scan = NULL;
    tenants_poll(&app->tenants, &wish);
    whatif_names_follow(app);           /* once that has ended */
}
