/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Lists from which one is picked while typing narrows them: the commands that count here, and the
 * bookmarks. */
#include "config.h"

#include <string.h>

#include "inspect/address.h"
#include "ui/app_state.h"

#define KEYS_W    18             /* columns of the keys */
#define ADDRESS_W 30             /* ... of an address */

static bool matches(const struct app *app, const struct key_row *row)
{
    const char *text = app->prompt.text;

    if (!(row->views & IN(app->view)) || !row->help || row->action == ACT_COMMANDS ||
        !action_id(row->action))
        return false;
    return !*text || strcasestr(row->help, text) || strcasestr(action_id(row->action), text);
}

/* The i-th row that matches, each action once; NULL past the last. */
static const struct key_row *picked(const struct app *app, int i)
{
    bool seen[N_ACTIONS] = { false };

    for (size_t k = 0; key_table(k); k++) {
        const struct key_row *row = key_table(k);

        if (!matches(app, row) || seen[row->action])
            continue;
        seen[row->action] = true;
        if (i-- == 0)
            return row;
    }
    return NULL;
}

/* The i-th bookmark that matches: its number; SIZE_MAX past the last. */
static size_t marked(const struct app *app, int i)
{
    const char *text = app->prompt.text;

    for (size_t k = 0; k < app->marks.n; k++) {
        const struct bookmark *b = &app->marks.list[k];

        if (*text && !strcasestr(b->address, text) && !strcasestr(b->note, text))
            continue;
        if (i-- == 0)
            return k;
    }
    return SIZE_MAX;
}

/* The two columns of a line; false past the last. */
static bool line_of(const struct app *app, int i, const char **left, const char **right)
{
    if (app->prompt.kind == PROMPT_COMMAND) {
        const struct key_row *row = picked(app, i);

        *left = row ? key_row_keys(app->ui.keys, row) : "";
        *right = row ? row->help : "";
        return row != NULL;
    }
    if (marked(app, i) == SIZE_MAX)
        return false;
    *left = app->marks.list[marked(app, i)].address;
    *right = app->marks.list[marked(app, i)].note;
    return true;
}

static int count(const struct app *app)
{
    const char *left, *right;
    int n = 0;

    while (line_of(app, n, &left, &right))
        n++;
    return n;
}

void app_pick_open(struct app *app, enum prompt_kind kind)
{
    if (kind == PROMPT_BOOKMARK && !app->marks.n) {
        app_say(app, false, "There are no bookmarks; m makes one");
        return;
    }
    app->pick_at = 0;
    prompt_open(&app->prompt, kind, "",
                kind == PROMPT_COMMAND ? "part of a command, or an address; Up Down Enter"
                                       : "part of a note; Up Down Enter, Del removes");
}

bool app_picking(const struct app *app)
{
    return app->prompt.kind == PROMPT_COMMAND || app->prompt.kind == PROMPT_BOOKMARK;
}

void app_pick_draw(const struct app *app, const struct area *body)
{
    const int n = app_picking(app) ? count(app) : 0;
    const int h = n < body->h ? n : body->h;
    const int top = app->pick_at >= h ? app->pick_at - h + 1 : 0;
    const int left_w = app->prompt.kind == PROMPT_COMMAND ? KEYS_W : ADDRESS_W;
    struct area list = area_part(body, body->h - h, 0, h, -1);
    const char *left, *right;

    for (int y = 0; y < h && line_of(app, top + y, &left, &right); y++) {
        bool both = list.w >= left_w + 20;

        draw_fill(&list, y, 0, 1, list.w, ' ', ROLE_TEXT);
        if (both || app->prompt.kind == PROMPT_BOOKMARK)
            draw_cut(&list, y, 1, left_w - 2, ROLE_KEY, left);
        if (both || app->prompt.kind == PROMPT_COMMAND)
            draw_cut(&list, y, both ? left_w : 1, list.w - (both ? left_w : 1), ROLE_TEXT, right);
        if (top + y == app->pick_at)
            draw_restyle(&list, y, 0, list.w, N_ROLES, ATTR_REVERSE);
    }
}

static enum action carry_out_command(struct app *app, const struct key_row *row)
{
    struct place place;

    if (*app->prompt.text &&
        address_parse(app->ui.img, &app->ui.here, app->prompt.text, &place, NULL)) {
        app_go_to_typed(app, app->prompt.text);
        return ACT_NONE;
    }
    if (!row)
        app_say(app, true, "No command has this in it, nor is it an address");
    return row ? row->action : ACT_NONE;
}

enum action app_pick_key(struct app *app, uint32_t key)
{
    const bool commands = app->prompt.kind == PROMPT_COMMAND;
    const struct key_row *row = commands ? picked(app, app->pick_at) : NULL;
    const size_t mark = commands ? SIZE_MAX : marked(app, app->pick_at);
    int n = count(app);

    if (key == KEYCODE_UP || key == KEYCODE_DOWN) {
        app->pick_at += key == KEYCODE_UP ? -1 : 1;
        app->pick_at = app->pick_at < 0 ? n ? n - 1 : 0 : app->pick_at >= n ? 0 : app->pick_at;
        return ACT_NONE;
    }
    if (key == KEYCODE_DEL && mark != SIZE_MAX) {
        app_mark_remove(app, mark);
        app->pick_at = 0;
        return ACT_NONE;
    }
    if (key != KEYCODE_ENTER)
        app->pick_at = 0;
    if (prompt_key(&app->prompt, key) != PROMPT_ENTERED)
        return ACT_NONE;
    if (commands)
        return carry_out_command(app, row);
    if (mark != SIZE_MAX)
        app_go_to_typed(app, app->marks.list[mark].address);
    return ACT_NONE;
}

/* --- copying --- */

void app_copy(struct app *app, bool line)
{
    struct buf text = BUF_INIT;
    struct buf said = BUF_INIT;

    if (line)
        app_grid_line(&app->grid, app->grid.cur_y, &text);
    else
        place_text(&app->ui.here, &text);
    app->term->ops->copy(app->term, buf_str(&text));
    buf_printf(&said, "Copied: %s", buf_str(&text));
    app_say(app, false, buf_str(&said));
    buf_free(&text);
    buf_free(&said);
}
