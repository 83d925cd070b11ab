/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/sidebar.h"

#include <stdarg.h>
#include <stdio.h>

void sidebar_reset(struct sidebar *s)
{
    s->n = 0;
}

static void add(struct sidebar *s, unsigned role, char letter, unsigned swatch_role,
                const char *fmt, va_list ap)
{
    struct sidebar_line *line;

    if (s->n == SIDEBAR_LINES_MAX)
        return;
    line = &s->line[s->n++];
    line->role = (uint8_t)role;
    line->swatch = letter;
    line->swatch_role = (uint8_t)swatch_role;
    vsnprintf(line->text, sizeof line->text, fmt, ap);
}

void sidebar_add(struct sidebar *s, unsigned role, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(s, role, '\0', ROLE_TEXT, fmt, ap);
    va_end(ap);
}

void sidebar_swatch(struct sidebar *s, char letter, unsigned role, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(s, ROLE_TEXT, letter, role, fmt, ap);
    va_end(ap);
}

/* All of it in one line, as far as there is room. */
static void draw_line(const struct sidebar *s, const struct area *a)
{
    int x = 0;

    for (size_t i = 0; i < s->n && x < a->w; i++) {
        const struct sidebar_line *line = &s->line[i];

        if (!*line->text)
            continue;
        if (x > 0)
            x = draw_text(a, 0, x, ROLE_DIM, " \u00b7 ");
        x = draw_cut(a, 0, x, a->w - x, line->role, line->text);
    }
}

void sidebar_draw(const struct sidebar *s, const struct area *a)
{
    int y = 0;

    if (a->h == 1) {
        draw_line(s, a);
        return;
    }
    for (size_t i = 0; i < s->n && y < a->h; i++) {
        const struct sidebar_line *line = &s->line[i];
        int indent = line->swatch ? 2 : 0;
        struct area rest = area_part(a, y, indent, -1, -1);

        if (line->swatch)
            draw_cell(a, y, 0, (unsigned char)line->swatch, line->swatch_role, NO_BACK,
                      ATTR_REVERSE);
        y += *line->text ? draw_wrapped(&rest, 0, 0, rest.w, line->role, line->text, 0)
                         : 1;
    }
}
