/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a person keeps: bookmarks with notes, and views as text. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "ui/app_state.h"
#include "ui/glyph.h"

static void keep(struct app *app, const char *done)
{
    struct buf text = BUF_INIT;
    struct error err;

    bookmarks_write(&app->marks, &text);
    if (!app->opt->keeper)
        app_say(app, false, done);
    else if (keeper_bookmarks(app->opt->keeper, buf_str(&text), text.len, &err))
        app_say(app, false, done);
    else
        app_say(app, true, err.text);
    buf_free(&text);
}

void app_mark_ask(struct app *app)
{
    prompt_open(&app->prompt, PROMPT_NOTE, "", "a note, or nothing; Enter");
}

void app_mark_add(struct app *app, const char *note)
{
    struct buf address = BUF_INIT;

    place_text(&app->ui.here, &address);
    if (bookmarks_add(&app->marks, buf_str(&address), note))
        keep(app, "Kept; ' lists the bookmarks");
    else
        app_say(app, true, "out of memory");
    buf_free(&address);
}

void app_mark_remove(struct app *app, size_t i)
{
    bookmarks_remove(&app->marks, i);
    keep(app, "Removed");
}

/* --- views as text --- */

void app_grid_line(const struct grid *g, int y, struct buf *out)
{
    int end = y >= 0 && y < g->rows ? g->cols : 0;
    char bytes[5];

    while (end > 0 && grid_at(g, y, end - 1)->ch == ' ')
        end--;
    for (int x = 0; x < end; x++) {
        const struct cell *c = grid_at(g, y, x);

        if (!c->ch)
            continue;
        buf_add(out, bytes, glyph_encode(c->ch, bytes));
        if (c->mark)
            buf_add(out, bytes, glyph_encode(c->mark, bytes));
    }
}

void app_export(struct app *app)
{
    struct buf text = BUF_INIT;
    struct error err;
    char name[64];
    char said[128];

    for (int y = 0; y < app->grid.rows; y++) {
        app_grid_line(&app->grid, y, &text);
        buf_putc(&text, '\n');
    }
    if (!app->opt->keeper) {
        app_say(app, true, "Nothing can be written from here");
    } else if (keeper_view(app->opt->keeper, buf_str(&text), text.len, name, &err)) {
        snprintf(said, sizeof said, "This screen is in %s", name);
        app_say(app, false, said);
    } else {
        app_say(app, true, err.text);
    }
    buf_free(&text);
}
