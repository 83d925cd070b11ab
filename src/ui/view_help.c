/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "ui/list.h"
#include "ui/view.h"

/* Page 0: the keys that count in the view in front. Page 1: what that view shows. */
struct help_view {
    int page;
    int skip;               /* lines scrolled away */
    int lines;              /* of the page, as of the last prepare */
    int rows;
    struct buf text;        /* page 1 */
};

static bool help_create(const struct ui *ui, void **state)
{
    (void)ui;
    *state = calloc(1, sizeof(struct help_view));
    return *state != NULL;
}

static void help_destroy(void *state)
{
    struct help_view *v = state;

    buf_free(&v->text);
    free(v);
}

static void help_show(void *state, const struct ui *ui, const struct place *place)
{
    struct help_view *v = state;

    (void)ui;
    (void)place;
    v->page = 0;
    v->skip = 0;
}

/* Does this row count in that view: is one of its keys not overruled there? */
static bool counts(const struct ui *ui, const struct key_row *row)
{
    const enum view_id view = ui->front;
    const char *p = key_row_keys(ui->keys, row);

    while (row->views & IN(view) && *p) {
        size_t len = strcspn(p, " ");
        uint32_t code = key_code(p, len);

        if (code && key_action(ui->keys, view, code) == row->action)
            return true;
        p += len + (p[len] == ' ');
    }
    return false;
}

/* Draws the keys from line `skip` on and returns how many lines there are in all. */
static int draw_keys(const struct ui *ui, const struct area *a, int skip)
{
    int keys_w = a->w >= 60 ? 22 : a->w / 3;
    int line = 0;

    for (int own = 1; own >= 0; own--) {
        draw_text(a, line++ - skip, 1, ROLE_HEADING,
                  own ? view_class(ui->front)->title : "Everywhere");
        for (size_t i = 0; key_table(i); i++) {
            const struct key_row *row = key_table(i);
            bool special =
                (row->views & (IN_ALL & ~IN(VIEW_HELP))) != (IN_ALL & ~IN(VIEW_HELP));

            if (!counts(ui, row) || special != own)
                continue;
            draw_cut(a, line - skip, 2, keys_w - 1, ROLE_KEY,
                     key_row_keys(ui->keys, row));
            line += draw_wrapped(a, line - skip, 2 + keys_w, a->w - keys_w - 3, ROLE_TEXT,
                                 row->help, 0);
        }
        line++;
    }
    return line;
}

/* Draws text for reading: paragraphs are filled, lines that start with two blanks are
 * kept as they are. Returns the lines. */
static int draw_paragraphs(const struct area *a, const char *text, int skip)
{
    int line = 0;
    int w = a->w > 84 ? 80 : a->w - 3;
    struct buf one = BUF_INIT;

    while (*text) {
        size_t len = strcspn(text, "\n");

        buf_reset(&one);
        buf_add(&one, text, len);
        if (len == 0) {
            line++;
        } else if (strncmp(text, "  ", 2) == 0) {
            if (text_columns(a, buf_str(&one)) <= a->w - 2)
                draw_text(a, line++ - skip, 2, ROLE_NUMBER, buf_str(&one));
            else
                line += draw_wrapped(a, line - skip, 4, a->w - 5, ROLE_NUMBER,
                                     buf_str(&one) + 2, 0);
        } else {
            line += draw_wrapped(a, line - skip, 2, w, ROLE_TEXT, buf_str(&one), 0);
        }
        text += len + (text[len] == '\n');
    }
    buf_free(&one);
    return line;
}

static void help_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct help_view *v = state;
    struct grid measure;

    v->rows = rows > 2 ? rows - 2 : rows;
    if (v->page == 1) {
        buf_reset(&v->text);
        if (view_class(ui->front)->teach)
            view_class(ui->front)->teach(ui->front_state, ui, &v->text);
        else
            buf_puts(&v->text, "There is nothing more to say about this view.\n");
    }
    v->lines = 0;
    if (grid_init(&measure, 1, cols, ui->ascii)) {
        struct area a = grid_area(&measure);

        v->lines = v->page ? draw_paragraphs(&a, buf_str(&v->text), 0) : draw_keys(ui, &a, 0);
        grid_free(&measure);
    }
    if (v->skip > v->lines - v->rows)
        v->skip = v->lines > v->rows ? v->lines - v->rows : 0;
}

static void help_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct help_view *v = state;
    int head = a->h > 2 ? 2 : 0;
    struct area page = area_part(a, head, 0, -1, -1);
    int x = 1;

    if (head) {
        x = draw_attr_text(a, 0, x, v->page == 0 ? ROLE_TAB_ON : ROLE_TAB, 0, " Keys ");
        draw_attr_text(a, 0, x + 1, v->page == 1 ? ROLE_TAB_ON : ROLE_TAB, 0,
                       " What is shown here ");
        if (v->lines > v->rows)
            draw_right(a, 0, a->w - 1, ROLE_DIM,
                       v->skip + v->rows < v->lines ? "more below" : "end");
    }
    if (v->page == 0)
        draw_keys(ui, &page, v->skip);
    else
        draw_paragraphs(&page, buf_str(&v->text), v->skip);
    draw_cursor(a, 0, v->page == 0 ? 2 : 9);
}

static void help_act(void *state, const struct ui *ui, enum action action,
                     const struct act_arg *arg, struct request *req)
{
    struct help_view *v = state;
    int most = v->lines > v->rows ? v->lines - v->rows : 0;

    (void)ui;
    (void)req;
    switch (action) {
    case ACT_PANE: case ACT_LEFT: case ACT_RIGHT:
        v->page = !v->page;
        v->skip = 0;
        break;
    case ACT_UP: v->skip -= 1; break;
    case ACT_DOWN: v->skip += 1; break;
    case ACT_SCROLL_UP: v->skip -= arg->count; break;
    case ACT_SCROLL_DOWN: v->skip += arg->count; break;
    case ACT_PAGE_UP: case ACT_HALF_UP: v->skip -= v->rows; break;
    case ACT_PAGE_DOWN: case ACT_HALF_DOWN: v->skip += v->rows; break;
    case ACT_TOP: v->skip = 0; break;
    case ACT_BOTTOM: v->skip = most; break;
    case ACT_CLICK:
        if (arg->y == 0) {
            v->page = arg->x > 7;
            v->skip = 0;
        }
        break;
    default:
        break;
    }
    v->skip = v->skip > most ? most : v->skip < 0 ? 0 : v->skip;
}

const struct view_class view_help = {
    .name = "Help",
    .title = "Help",
    .create = help_create,
    .destroy = help_destroy,
    .show = help_show,
    .prepare = help_prepare,
    .draw = help_draw,
    .act = help_act,
};
