/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/map_pane.h"

#include <stdlib.h>

#include "base/num.h"

void pane_init(struct map_pane *p, enum map_space space, const struct ui *ui)
{
    *p = (struct map_pane){ .space = space, .whole = true, .tile_w = 1 };
    p->n = u64_max(tiles_clusters(ui, space), 1);
}

void pane_free(struct map_pane *p)
{
    curve_free(&p->curve);
    free(p->tile);
}

static uint64_t tiles_of(const struct map_pane *p, unsigned shift)
{
    return ((p->n - 1) >> shift) + 1;
}

static size_t cells(const struct map_pane *p)
{
    return curve_cells(&p->curve);
}

/* The zoom at which everything is in sight. */
static unsigned whole_shift(const struct map_pane *p)
{
    unsigned shift = 0;

    while (shift < 63 && tiles_of(p, shift) > cells(p))
        shift++;
    return shift;
}

/* Brings the cursor into sight and leaves no room unused behind the last tile. */
static void keep_in_sight(struct map_pane *p)
{
    uint64_t all = tiles_of(p, p->shift);
    uint64_t at = p->at >> p->shift;
    uint64_t row = (uint64_t)p->curve.cols;
    uint64_t page = cells(p);

    if (at < p->top)
        p->top -= u64_min(div_up(p->top - at, row) * row, p->top);
    if (at - p->top >= page)
        p->top += div_up(at - p->top - page + 1, row) * row;
    if (all <= page)
        p->top = 0;
    else if (p->top > all - page)
        p->top = u64_min(p->top, div_up(all - page, row) * row);
}

/* Tiles of how many columns this map has room for: wide ones carry a letter. */
static int room_for(const struct map_pane *p, int rows, int cols, enum map_style style)
{
    int w = style == STYLE_LETTERS ? 2 : 3;

    return p->n <= (uint64_t)(cols / w) * (uint64_t)rows ? w : 1;
}

void pane_fit(struct map_pane *p, int rows, int cols, enum map_style style, bool hilbert)
{
    int tile_rows;

    rows = rows < 1 ? 1 : rows > 1000 ? 1000 : rows;
    cols = cols < 1 ? 1 : cols > 1000 ? 1000 : cols;
    p->tile_w = room_for(p, rows, cols, style);
    if (p->tile_w == 3)
        style = STYLE_FULL;
    p->style = style;
    tile_rows = style == STYLE_HALF ? rows * 2 : rows;
    curve_fit(&p->curve, tile_rows, cols / p->tile_w, hilbert);
    if (p->whole || p->shift > whole_shift(p))
        p->shift = whole_shift(p);
    keep_in_sight(p);
}

void pane_make(struct map_pane *p, const struct tile_source *from,
               enum map_colouring colouring, unsigned age)
{
    size_t n = cells(p);

    if (p->made.valid && p->made.top == p->top && p->made.shift == p->shift &&
        p->made.n == n && p->made.colouring == colouring && p->made.age == age)
        return;
    if (n > p->tile_cap) {
        struct tile *more = realloc(p->tile, n * sizeof *more);

        if (!more) {
            p->made.valid = false;
            p->made.n = 0;
            return;
        }
        p->tile = more;
        p->tile_cap = n;
    }
    tiles_make(from, p->space, colouring, p->top << p->shift, p->shift, n, p->tile);
    p->made.top = p->top;
    p->made.shift = p->shift;
    p->made.n = n;
    p->made.colouring = colouring;
    p->made.age = age;
    p->made.valid = true;
}

/* --- moving --- */

void pane_go(struct map_pane *p, uint64_t cluster)
{
    p->at = u64_min(cluster, p->n - 1);
}

static void set_zoom(struct map_pane *p, unsigned shift)
{
    uint64_t spot = (p->at >> p->shift) - p->top; /* stays where it is on the screen */
    uint64_t at;

    p->shift = shift;
    at = p->at >> shift;
    p->top = at > spot ? at - spot : 0;
}

void pane_zoom(struct map_pane *p, int dir)
{
    unsigned whole = whole_shift(p);

    if (dir > 0 && p->shift > 0)
        set_zoom(p, p->shift - 1);
    else if (dir < 0 && p->shift < whole)
        set_zoom(p, p->shift + 1);
    p->whole = p->shift >= whole;
}

void pane_zoom_one(struct map_pane *p)
{
    set_zoom(p, 0);
    p->whole = whole_shift(p) == 0;
}

static bool go_tile(struct map_pane *p, uint64_t tile)
{
    uint64_t was = p->at >> p->shift;

    tile = u64_min(tile, tiles_of(p, p->shift) - 1);
    if (tile == was)
        return false;
    p->at = tile << p->shift;
    return true;
}

static bool move_by(struct map_pane *p, int dir, uint64_t tiles)
{
    uint64_t at = p->at >> p->shift;
    uint64_t last = tiles_of(p, p->shift) - 1;

    return go_tile(p, dir < 0 ? at - u64_min(at, tiles) : at + u64_min(last - at, tiles));
}

/* One step on the screen: on a curve the neighbour there, not in the file. */
static bool step(struct map_pane *p, int dy, int dx, uint64_t count)
{
    int dir = dy + dx;
    int y;
    int x;

    if (!p->curve.spot || (p->at >> p->shift) - p->top >= cells(p))
        return move_by(p, dir, count * (dy ? (uint64_t)p->curve.cols : 1));
    curve_spot(&p->curve, (size_t)((p->at >> p->shift) - p->top), &y, &x);
    if (y + dy < 0 || y + dy >= p->curve.rows || x + dx < 0 || x + dx >= p->curve.cols)
        return move_by(p, dir, cells(p) / 2);
    return go_tile(p, p->top + curve_step(&p->curve, y + dy, x + dx));
}

static bool click(struct map_pane *p, int y, int x)
{
    if (p->style == STYLE_HALF)
        y *= 2;
    x /= p->tile_w;
    if (y < 0 || y >= p->curve.rows || x < 0 || x >= p->curve.cols)
        return false;
    return go_tile(p, p->top + curve_step(&p->curve, y, x));
}

bool pane_act(struct map_pane *p, enum action action, const struct act_arg *arg)
{
    uint64_t page = cells(p);
    uint64_t row = (uint64_t)p->curve.cols;
    uint64_t was = p->at;

    switch (action) {
    case ACT_UP: return step(p, -1, 0, 1);
    case ACT_DOWN: return step(p, 1, 0, 1);
    case ACT_LEFT: return step(p, 0, -1, 1);
    case ACT_RIGHT: return step(p, 0, 1, 1);
    case ACT_SCROLL_UP: return move_by(p, -1, row * (uint64_t)abs(arg->count));
    case ACT_SCROLL_DOWN: return move_by(p, 1, row * (uint64_t)abs(arg->count));
    case ACT_PAGE_UP: return move_by(p, -1, page > row ? page - row : page);
    case ACT_PAGE_DOWN: return move_by(p, 1, page > row ? page - row : page);
    case ACT_HALF_UP: return move_by(p, -1, u64_max(page / 2, 1));
    case ACT_HALF_DOWN: return move_by(p, 1, u64_max(page / 2, 1));
    case ACT_TOP:
        p->at = 0;
        return was != 0;
    case ACT_BOTTOM:
        p->at = p->n - 1;
        return was != p->at;
    case ACT_CLICK: return click(p, arg->y, arg->x);
    default: return false;
    }
}

void pane_here(const struct map_pane *p, uint64_t *first, uint64_t *n)
{
    *first = p->at >> p->shift << p->shift;
    *n = u64_min(UINT64_C(1) << p->shift, p->n - *first);
}

/* Where a tile in sight is drawn: character, and whether it is the lower half of it. */
static bool spot_of(const struct map_pane *p, uint64_t tile, int *y, int *x, bool *lower)
{
    if (tile < p->top || tile - p->top >= cells(p))
        return false;
    curve_spot(&p->curve, (size_t)(tile - p->top), y, x);
    *lower = false;
    if (p->style == STYLE_HALF) {
        *lower = *y % 2;
        *y /= 2;
    }
    *x *= p->tile_w;
    return true;
}

void pane_cursor(const struct map_pane *p, int *y, int *x)
{
    bool lower;

    *y = *x = 0;
    spot_of(p, p->at >> p->shift, y, x, &lower);
    if (p->tile_w == 3)
        *x += 1;
}

/* --- drawing --- */

static const struct tile *tile_at(const struct map_pane *p, int y, int x)
{
    size_t i = curve_step(&p->curve, y, x);

    return i < p->made.n && p->tile[i].letter ? &p->tile[i] : NULL;
}

static void draw_half(const struct map_pane *p, const struct area *a, int y, int x)
{
    const struct tile *up = tile_at(p, 2 * y, x);
    const struct tile *low = tile_at(p, 2 * y + 1, x);

    if (up && up->unread && (!low || low->unread))
        draw_cell(a, y, x, low ? CH_LIGHT : CH_UPPER, ROLE_CLASS + CLASS_UNKNOWN, NO_BACK,
                  0);
    else if (up)
        draw_cell(a, y, x, CH_UPPER, up->role, low ? low->role : NO_BACK, 0);
    else if (low)
        draw_cell(a, y, x, CH_LOWER, low->role, NO_BACK, 0);
}

static uint32_t shade(const struct tile *t)
{
    static const uint32_t by_eighths[9] = {
        CH_MIDDOT, CH_LIGHT, CH_LIGHT, CH_MEDIUM, CH_MEDIUM,
        CH_MEDIUM, CH_DARK, CH_DARK, CH_FULL
    };

    return t->unread ? CH_LIGHT : t->problem ? (unsigned char)t->letter
                                             : by_eighths[t->eighths];
}

/* The letter of a tile: where there is room for a '!' beside it, its own. */
static uint32_t sign_of(const struct map_pane *p, const struct tile *t)
{
    return (unsigned char)(p->tile_w > 1 && t->problem && p->shift == 0 ? t->inner
                                                                        : t->letter);
}

static void draw_single(const struct map_pane *p, const struct area *a, int y, int x)
{
    const struct tile *t = tile_at(p, y, x);
    bool thin;

    if (!t)
        return;
    thin = t->eighths > 0 && t->eighths < 4;
    if (p->tile_w == 3) {
        draw_cell(a, y, x * 3, t->problem ? '!' : ' ', t->role, NO_BACK, ATTR_REVERSE);
        draw_cell(a, y, x * 3 + 1, sign_of(p, t), t->role, NO_BACK, ATTR_REVERSE);
        return;
    }
    if (p->style == STYLE_LETTERS) {
        draw_cell(a, y, x * p->tile_w, sign_of(p, t), t->role, NO_BACK,
                  t->problem ? ATTR_BOLD : thin ? ATTR_DIM : 0);
        if (p->tile_w == 2 && t->problem)
            draw_cell(a, y, x * 2 + 1, '!', t->role, NO_BACK, ATTR_BOLD);
    } else {
        draw_cell(a, y, x, shade(t), t->role, NO_BACK, t->problem ? ATTR_REVERSE : 0);
    }
}

/* A sign on a tile that keeps the colour of what is around it. */
static void draw_sign(const struct map_pane *p, const struct area *a, uint64_t tile,
                      bool cursor)
{
    int y;
    int x;
    bool lower;

    if (!spot_of(p, tile, &y, &x, &lower))
        return;
    if (p->tile_w == 3) {
        const struct tile *t = tile_at(p, y, x / 3);

        draw_cell(a, y, x, cursor ? '[' : '(', ROLE_STRONG, NO_BACK, 0);
        draw_cell(a, y, x + 1, t ? sign_of(p, t) : ' ', t ? t->role : ROLE_STRONG,
                  NO_BACK, ATTR_BOLD);
        draw_cell(a, y, x + 2, cursor ? ']' : ')', ROLE_STRONG, NO_BACK, 0);
    } else if (p->style == STYLE_HALF) {
        const struct tile *other = tile_at(p, 2 * y + !lower, x);

        draw_cell(a, y, x, !cursor ? 0x25c6 : lower ? CH_LOWER : CH_UPPER, ROLE_STRONG,
                  other ? other->role : NO_BACK, 0);
    } else if (cursor) {
        draw_restyle(a, y, x, p->tile_w, N_ROLES,
                     ATTR_REVERSE | ATTR_BOLD | ATTR_UNDERLINE);
    } else {
        draw_restyle(a, y, x, 1, N_ROLES, ATTR_REVERSE | ATTR_UNDERLINE);
    }
}

void pane_draw(const struct map_pane *p, const struct area *a, bool focused)
{
    int rows = p->style == STYLE_HALF ? (p->curve.rows + 1) / 2 : p->curve.rows;

    for (int y = 0; y < rows && y < a->h; y++) {
        for (int x = 0; x < p->curve.cols; x++) {
            if (p->style == STYLE_HALF)
                draw_half(p, a, y, x);
            else
                draw_single(p, a, y, x);
        }
    }
    for (size_t i = 0; i < p->n_marks; i++) {
        draw_sign(p, a, p->mark[i].first >> p->shift, false);
        draw_sign(p, a, p->mark[i].last >> p->shift, false);
    }
    if (focused)
        draw_sign(p, a, p->at >> p->shift, true);
}
