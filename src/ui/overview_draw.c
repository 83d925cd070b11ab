/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Drawing of the overview. */
#include "config.h"

#include "ui/overview_view.h"

static void draw_bar_line(const struct overview_view *v, const struct area *a, int y,
                          const struct overview_line *line)
{
    int numbers = text_columns(a, line->text);
    int start = overview_text_column(v, line);
    int bar = a->w - start - 1 - numbers - 2;

    if (line->letter)
        draw_cell(a, y, 1, (unsigned char)line->letter, line->role, NO_BACK,
                  ATTR_REVERSE);
    if (bar < 4) { /* no room for the bar: the label may have it */
        draw_cut(a, y, 3, a->w - 3, ROLE_TEXT, line->label);
        if (a->w > numbers + start)
            draw_right(a, y, a->w - 1, ROLE_NUMBER, line->text);
        return;
    }
    draw_cut(a, y, 3, start - 4, ROLE_TEXT, line->label);
    draw_bar(a, y, start, bar, line->part, line->whole, line->role);
    draw_right(a, y, a->w - 1, ROLE_NUMBER, line->text);
}

/* The text of a line, in as many rows as it was given. */
static void draw_words(const struct overview_view *v, const struct area *a, int y, int h,
                       const struct overview_line *line)
{
    int x = overview_text_column(v, line);
    struct area rest = area_part(a, y < 0 ? 0 : y, x, y < 0 ? h + y : h, -1);

    if (h == 1)
        draw_cut(a, y, x, a->w - x, line->role, line->text);
    else
        draw_wrapped(&rest, 0, 0, a->w - x - 1, line->role, line->text, y < 0 ? -y : 0);
}

static void draw_line(const struct overview_view *v, const struct area *a, int y, int h,
                      const struct overview_line *line)
{
    switch (line->look) {
    case LOOK_HEADING:
        draw_text(a, y, 1, ROLE_HEADING, line->label);
        break;
    case LOOK_FACT:
        draw_cut(a, y, 1, overview_text_column(v, line) - 2, ROLE_DIM, line->label);
        draw_words(v, a, y, h, line);
        break;
    case LOOK_STEP:
        draw_text(a, y, 1, ROLE_NUMBER, line->label);
        draw_words(v, a, y, h, line);
        break;
    case LOOK_BAR:
        draw_bar_line(v, a, y, line);
        break;
    case LOOK_KIND:
        draw_text(a, y, 1, line->role,
                  line->role <= ROLE_SEV + SEV_ERROR ? "\u25cf" : "\u25cb");
        draw_right(a, y, overview_text_column(v, line) - 2, ROLE_NUMBER, line->label);
        draw_words(v, a, y, h, line);
        break;
    case N_LOOKS:
        break;
    }
}

/* The whole file in one line: a part for each class, as wide as its share. */
static void draw_shares(const struct overview_view *v, const struct ui *ui,
                        const struct area *a)
{
    uint64_t whole = 0;
    uint64_t sum = 0;
    int x = 0;

    for (size_t i = 0; overview_class(i) != N_CLASSES; i++)
        whole += v->o.share[overview_class(i)];
    for (size_t i = 0; whole && overview_class(i) != N_CLASSES; i++) {
        enum cluster_class c = overview_class(i);
        int end;

        sum += v->o.share[c];
        end = (int)((double)sum / (double)whole * a->w + 0.5);
        if (end <= x)
            continue;
        draw_fill(a, 0, x, 1, end - x,
                  ui->colour && !ui->ascii ? CH_FULL
                                           : (unsigned char)class_info(c)->letter,
                  ROLE_CLASS + (unsigned)c);
        draw_cell(a, 0, x, (unsigned char)class_info(c)->letter, ROLE_CLASS + (unsigned)c,
                  NO_BACK, ATTR_REVERSE);
        x = end;
    }
}

static void draw_map(const struct overview_view *v, const struct ui *ui,
                     const struct area *a)
{
    struct area map = area_part(a, a->h - v->map_h, 1, v->map_h, -2);
    char cell[MAP_CELL_TEXT];

    draw_printf(a, a->h - v->map_h - 1, 1, ROLE_HEADING, "Map of the file, %s",
                map_cell_text(&v->map, ui, cell));
    pane_draw(&v->map, ui, &map, false);
}

void overview_draw(const struct overview_view *v, const struct ui *ui,
                   const struct area *a)
{
    struct area head = area_part(a, 0, 1, v->head, -2);

    if (a->w < 3)
        head = *a;
    draw_wrapped(&head, 0, 0, head.w, v->o.role, v->o.verdict, 0);
    if (v->bar) {
        struct area bar = area_part(&head, v->bar, 0, 1, -1);

        draw_fill(&bar, 0, 0, 1, bar.w, ' ', ROLE_TEXT);
        draw_shares(v, ui, &bar);
    }
    draw_cursor(&head, 0, 0);
    for (size_t i = 0; i < v->o.n; i++) {
        struct overview_spot s = v->spot[i];
        struct area column = area_part(a, v->head, s.column * (v->w + 2), v->h, v->w);

        if (s.row + s.h <= v->top || s.row >= v->top + v->h)
            continue;
        draw_line(v, &column, s.row - v->top, s.h, &v->o.line[i]);
        if (i == v->at) {
            for (int y = s.row - v->top; y < s.row - v->top + s.h; y++)
                draw_restyle(&column, y, 0, column.w, N_ROLES, ATTR_REVERSE);
            draw_cursor(&column, s.row - v->top, 1);
        }
    }
    if (v->map_h)
        draw_map(v, ui, a);
    if (v->rows > v->top + v->h && v->h > 1)
        draw_right(a, a->h - 1, a->w, ROLE_DIM, " \u25bc");
}
