/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Layout and drawing of the map view. */
#include "config.h"

#include "ui/map_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "ui/overview.h"

#define SIDE_MIN    72      /* columns from which the explanation stands beside the map */
#define BOTH_MIN    120     /* ... and from which both maps are shown */

static int legend_rows(const struct map_view *v, int rows, int cols)
{
    if (!v->legend || rows < 9)
        return 0;
    if (rows < 14 || v->legend_w <= cols)
        return 1;
    return v->legend_w <= cols * 2 - 20 ? 2 : 3;
}

/* Columns of the explanation; 0: it stands below the maps. */
static int side_columns(int cols)
{
    int w = cols / 3;

    if (cols < SIDE_MIN)
        return 0;
    if (cols >= BOTH_MIN && cols < 160)
        return 32;
    return w > 40 ? 40 : w < 28 ? 28 : w;
}

/* Both maps share `w` columns, or the one in front has them. */
static void place_maps(struct map_layout *l, enum map_space front, int w)
{
    if (!l->both) {
        l->w[front] = w;
        return;
    }
    l->w[SPACE_FILE] = (w - 1) / 2;
    l->x[SPACE_GUEST] = l->w[SPACE_FILE] + 1;
    l->w[SPACE_GUEST] = w - l->x[SPACE_GUEST];
}

void map_layout(const struct map_view *v, int rows, int cols, struct map_layout *out)
{
    int side = side_columns(cols);
    int below = side ? 0 : rows >= 14 ? 4 : rows >= 5 ? 1 : 0;
    struct map_layout l = { .both = cols >= BOTH_MIN, .title = rows >= 5 };

    l.legend_h = legend_rows(v, rows, cols);
    l.y = l.title;
    l.h = rows - l.title - l.legend_h - below;
    l.legend_y = l.y + l.h;
    place_maps(&l, v->focus, side ? cols - side - 2 : cols);
    if (side) {
        l.side_x = cols - side;
        l.side_h = rows - l.legend_h;
        l.side_w = side;
    } else {
        l.side_y = l.legend_y + l.legend_h;
        l.side_h = below;
        l.side_w = cols;
    }
    *out = l;
}

const char *map_colouring_name(enum map_colouring c)
{
    static const char *const names[N_COLOURINGS] = {
        [COLOUR_CLASS] = "class",
        [COLOUR_JUMPS] = "fragmentation",
        [COLOUR_REFS] = "references",
        [COLOUR_ORDER] = "guest order",
        [COLOUR_CONTENT] = "content",
        [COLOUR_ZONES] = "file system",
    };

    return names[c];
}

/* What a map is coloured by: not everything exists on both sides. */
static const char *colouring_in(const struct map_view *v, enum map_space space)
{
    if (space == SPACE_GUEST && v->colouring == COLOUR_ORDER)
        return "file order";
    if ((space == SPACE_GUEST && (v->colouring == COLOUR_REFS || v->colouring == COLOUR_CONTENT)) ||
        (space == SPACE_FILE && v->colouring == COLOUR_ZONES))
        return map_colouring_name(COLOUR_CLASS);
    return map_colouring_name(v->colouring);
}

static const char *cell_size(const struct map_pane *p, const struct ui *ui,
                             char out[TEXT_NUM])
{
    uint64_t bytes;

    if (!u64_mul(p->per, ui->img->geo.cluster_size, &bytes))
        bytes = UINT64_MAX;
    return text_size(out, bytes);
}

const char *map_cell_text(const struct map_pane *p, const struct ui *ui,
                          char out[MAP_CELL_TEXT])
{
    char size[TEXT_NUM];
    char count[TEXT_NUM];

    snprintf(out, MAP_CELL_TEXT, "1 cell = %s (%s cluster%s)", cell_size(p, ui, size),
             text_group(count, p->per), p->per > 1 ? "s" : "");
    return out;
}

/* The title of a map, in as many words as there is room for. */
static void title_text(const struct map_view *v, const struct ui *ui, enum map_space space,
                       int room, char out[160])
{
    const struct map_pane *p = &v->pane[space];
    const char *what = space == SPACE_FILE ? "file" : "guest";
    char cell[MAP_CELL_TEXT];
    char size[TEXT_NUM];

    if ((v->colouring == COLOUR_JUMPS || v->colouring == COLOUR_ORDER) &&
        !v->survey.order) {
        snprintf(out, 160, " %s by class: %s ", what,
                 v->surveying.task ? "surveying the order ..."
                                   : "the order is not known");
        return;
    }
    /* The dot is one column in two bytes. */
    if (snprintf(out, 160, " %s by %s \u00b7 %s ", what, colouring_in(v, space),
                 map_cell_text(p, ui, cell)) - 1 > room)
        snprintf(out, 160, " %s by %s \u00b7 cell %s ", what, colouring_in(v, space),
                 cell_size(p, ui, size));
}

static void draw_title(const struct map_view *v, const struct ui *ui,
                       const struct area *a, const struct map_layout *l,
                       enum map_space space)
{
    struct area line = area_part(a, 0, l->x[space], 1, l->w[space]);
    char text[160];

    title_text(v, ui, space, line.w - 2, text);
    draw_hline(&line, 0, 0, line.w);
    draw_cut(&line, 0, 1, line.w - 2, space == v->focus ? ROLE_STRONG : ROLE_DIM, text);
}

static void draw_pane(const struct map_view *v, const struct ui *ui, const struct area *a,
                      const struct map_layout *l, enum map_space space)
{
    const struct map_pane *p = &v->pane[space];
    struct area map = area_part(a, l->y, l->x[space], l->h, l->w[space]);
    bool focused = space == v->focus;
    int y;
    int x;

    if (l->title)
        draw_title(v, ui, a, l, space);
    pane_draw(p, ui, &map, focused);
    if (space == SPACE_GUEST && !v->survey.guest)
        draw_text(&map, map.h / 2, 2, ROLE_MESSAGE,
                  !ui->scan ? " shown when the scan has ended "
                  : v->surveying.tried_guest && !v->surveying.task
                      ? " could not be surveyed "
                      : " surveying ... ");
    pane_cursor(p, &y, &x);
    if (!focused)
        return;
    draw_cursor(&map, y, x);
    if (l->title && grid_at(a->g, a->y, a->x + l->x[space] + x)->role == ROLE_FRAME)
        draw_cell(a, 0, l->x[space] + x, 0x25bc, ROLE_STRONG, NO_BACK, 0);
}

/* --- legend --- */

struct flow {
    const struct area *a;           /* NULL: only measures, as one line */
    int y, x;
    bool full;
};

/* One item "D data 771,200"; goes to the next line where it does not fit. */
static void item(struct flow *f, char letter, unsigned role, const char *text)
{
    int w;

    if (!f->a) {
        f->x += (int)strlen(text) + 4;
        return;
    }
    if (f->full)
        return;
    w = text_columns(f->a, text) + 2;
    if (f->x > 0 && f->x + w > f->a->w) {
        if (f->y + 1 >= f->a->h) {
            draw_text(f->a, f->y, f->x < f->a->w ? f->x : f->a->w - 1, ROLE_DIM,
                      "\u2026");
            f->full = true;
            return;
        }
        f->y++;
        f->x = 0;
    }
    draw_cell(f->a, f->y, f->x, (unsigned char)letter, role, NO_BACK, ATTR_REVERSE);
    f->x = draw_cut(f->a, f->y, f->x + 2, f->a->w - f->x - 2, ROLE_TEXT, text) + 2;
}

static void class_item(const struct ui *ui, struct flow *f, enum cluster_class c,
                       uint64_t count)
{
    const struct class_info *info = class_info(c);
    char text[100];
    char n[TEXT_NUM];

    if (count == 0)
        return;
    snprintf(text, sizeof text, "%s %s", info->name, text_group(n, count));
    item(f, info->letter, ROLE_CLASS + (unsigned)c, ui->scan ? text : info->name);
}

static void class_legend(const struct map_view *v, const struct ui *ui, struct flow *f)
{
    struct map_hist h = v->total;
    char text[100];
    char n[TEXT_NUM];

    if (!ui->scan)
        tiles_preview(ui->img, ui->progress, 0, ui->img->geo.n_clusters, &h);
    if (h.problems > h.n[CLASS_LEAKED]) {
        snprintf(text, sizeof text, "problem %s",
                 text_group(n, h.problems - h.n[CLASS_LEAKED]));
        item(f, '!', ROLE_CLASS + CLASS_MIXED, text);
    }
    /* What is wrong first, then in the order of the overview. */
    class_item(ui, f, CLASS_LEAKED, h.n[CLASS_LEAKED]);
    for (size_t i = 0; overview_class(i) != N_CLASSES; i++)
        if (overview_class(i) != CLASS_LEAKED && overview_class(i) != CLASS_MIXED)
            class_item(ui, f, overview_class(i), h.n[overview_class(i)]);
}

/* The volumes of the disk, in the order of their letters. */
static void zone_legend(const struct map_view *v, const struct ui *ui, bool coloured,
                        struct flow *f)
{
    const struct volumes *vols = &ui->tenants->volumes;

    for (size_t i = 1; v->n_zones && i < vols->n; i++) {
        struct buf text = BUF_INIT;
        bool shown = false;

        for (size_t k = 0; !shown && k < v->n_zones; k++)
            shown = v->zone[k].number == i - 1;
        text_visible(&text, vols->list[i].name, strlen(vols->list[i].name));
        if (coloured && *vols->list[i].type) {
            buf_puts(&text, " ");
            text_visible(&text, vols->list[i].type, strlen(vols->list[i].type));
        }
        if (shown)
            item(f, tile_zone_letter((unsigned)i - 1),
                 coloured ? ROLE_RAMP + (unsigned)(i - 1) % RAMP_STEPS : ROLE_NAME, buf_str(&text));
        buf_free(&text);
    }
}

static void content_legend(const struct ui *ui, struct flow *f)
{
    uint64_t count[N_LOOKS_LIKE] = { 0 };
    char text[100];
    char n[TEXT_NUM];

    for (int k = 0; ui->deep && k < N_CONTENTS; k++)
        count[map_look_of((enum content_kind)k)] += atomic_load(&ui->deep->n[k]);
    for (int l = 0; l < N_LOOKS_LIKE; l++) {
        snprintf(text, sizeof text, "%s %s", look_like_name((enum look_like)l),
                 text_group(n, count[l]));
        if (count[l])
            item(f, palette_letter(PAINT_LOOK + (unsigned)l), ROLE_LOOK + (unsigned)l, text);
    }
    if (ui->deep && !ui->deep->whole)
        item(f, 'D', ROLE_KEY, "looks at all clusters");
}

static void guest_legend(const struct map_view *v, struct flow *f)
{
    char text[100];
    char n[TEXT_NUM];

    for (int c = 0; c < N_GUEST_CLASSES; c++) {
        const struct guest_class_info *info = guest_class_info((enum guest_class)c);

        if (v->survey.guest && v->survey.total.n[c] == 0)
            continue;
        snprintf(text, sizeof text, "%s %s", info->name,
                 text_group(n, v->survey.total.n[c]));
        item(f, info->letter, ROLE_GUEST + (unsigned)c,
             v->survey.guest ? text : info->name);
    }
}

static void ramp_legend(const struct map_view *v, struct flow *f)
{
    for (unsigned i = 0; i < RAMP_STEPS; i++)
        item(f, (char)('0' + i), ROLE_RAMP + i, tiles_ramp_name(v->colouring, i));
    if (v->colouring == COLOUR_ORDER)
        item(f, ' ', ROLE_TEXT,
             v->focus == SPACE_FILE ? "of what the guest disk has mapped"
                                    : "of the data in the file");
}

static void legend(const struct map_view *v, const struct ui *ui, struct flow *f)
{
    bool guest = v->focus == SPACE_GUEST;

    if (v->colouring == COLOUR_CONTENT && !guest)
        content_legend(ui, f);
    else if (v->colouring == COLOUR_ZONES && guest)
        zone_legend(v, ui, true, f);
    else if (v->colouring == COLOUR_JUMPS || v->colouring == COLOUR_ORDER ||
             (v->colouring == COLOUR_REFS && !guest))
        ramp_legend(v, f);
    else if (!guest)
        class_legend(v, ui, f);
    else
        guest_legend(v, f);
    if (guest && v->colouring != COLOUR_ZONES)
        zone_legend(v, ui, false, f);
}

int map_legend_columns(const struct map_view *v, const struct ui *ui)
{
    struct flow f = { NULL, 0, 0, false };

    legend(v, ui, &f);
    return f.x;
}

void map_draw(const struct map_view *v, const struct ui *ui, const struct area *a)
{
    struct map_layout l;
    struct area part;
    int y;
    int x;

    map_layout(v, a->h, a->w, &l);
    for (int s = 0; s < N_SPACES; s++)
        if (l.w[s] > 0)
            draw_pane(v, ui, a, &l, (enum map_space)s);
    if (l.side_x) {
        draw_vline(a, 0, l.side_x - 2, l.side_h);
        pane_cursor(&v->pane[v->focus], &y, &x);
        draw_cell(a, l.y + y, l.side_x - 2, 0x25c0, ROLE_STRONG, NO_BACK, 0);
        if (l.both)
            draw_vline(a, 0, l.x[SPACE_GUEST] - 1, l.side_h);
    }
    if (l.legend_h) {
        struct flow f = { &part, 0, 0, false };

        part = area_part(a, l.legend_y, 0, l.legend_h, -1);
        legend(v, ui, &f);
    }
    if (l.side_h) {
        part = area_part(a, l.side_y, l.side_x, l.side_h, l.side_w);
        sidebar_draw(&v->side, &part);
    }
}
