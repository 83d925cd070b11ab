/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/map_pane.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/num.h"

void pane_init(struct map_pane *p, enum map_space space, const struct ui *ui)
{
    *p = (struct map_pane){ .space = space, .per = 1, .whole = true,
                             .tile_w = 1 };
    pane_resize(p, ui);
}

void pane_resize(struct map_pane *p, const struct ui *ui)
{
    p->n = u64_max(tiles_clusters(ui->img, p->space, ui->layer), 1);
    p->at = u64_min(p->at, p->n - 1);
}

void pane_free(struct map_pane *p)
{
    curve_free(&p->curve);
    free(p->tile);
}

static uint64_t tiles_of(const struct map_pane *p)
{
    return div_up(p->n, p->per);
}

static size_t cells(const struct map_pane *p)
{
    return curve_cells(&p->curve);
}

/* The tile under the cursor. */
static uint64_t tile_here(const struct map_pane *p)
{
    return p->at / p->per;
}

/* The zoom at which everything is in sight. */
static uint64_t whole_per(const struct map_pane *p)
{
    return tiles_fit(p->n, cells(p));
}

/* Brings the cursor into sight and leaves no room unused behind the last tile. */
static void keep_in_sight(struct map_pane *p)
{
    uint64_t all = tiles_of(p);
    uint64_t at = tile_here(p);
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

/* Small maps have tiles of several columns: three carry a letter in a box. */
static int tile_columns(const struct map_pane *p, int rows, int cols, enum map_style style)
{
    int w = style == STYLE_LETTERS ? 2 : 3;

    return p->n <= (uint64_t)(cols / w) * (uint64_t)rows ? w : 1;
}

enum map_style pane_style(const struct map_pane *p, int rows, int cols,
                          enum map_style style)
{
    /* no need to put two into a character */
    return style == STYLE_HALF && p->n <= (uint64_t)rows * (uint64_t)cols ? STYLE_FULL
                                                                           : style;
}

void pane_fit(struct map_pane *p, int rows, int cols, enum map_style style, bool hilbert,
              bool shades)
{
    int tile_rows;

    rows = rows < 1 ? 1 : rows > 1000 ? 1000 : rows;
    cols = cols < 1 ? 1 : cols > 1000 ? 1000 : cols;
    p->tile_w = tile_columns(p, rows, cols, style);
    style = pane_style(p, rows, cols, style);
    p->style = style;
    p->shades = shades;
    tile_rows = style == STYLE_HALF ? rows * 2 : rows;
    curve_fit(&p->curve, tile_rows, cols / p->tile_w, hilbert);
    if (p->whole || p->per > whole_per(p))
        p->per = whole_per(p);
    keep_in_sight(p);
}

void pane_make(struct map_pane *p, const struct tile_source *from,
               enum map_colouring colouring, unsigned age)
{
    size_t n = cells(p);

    if (p->made.valid && p->made.top == p->top && p->made.per == p->per &&
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
    tiles_make(from, p->space, colouring, (p->top * p->per) << p->shift, p->per << p->shift, n,
               p->tile);
    p->made.top = p->top;
    p->made.per = p->per;
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

static void set_zoom(struct map_pane *p, uint64_t per)
{
    uint64_t spot = tile_here(p) - p->top;      /* stays where it is on the screen */
    uint64_t at;

    p->per = per;
    p->whole = per >= whole_per(p);
    at = tile_here(p);
    p->top = at > spot ? at - spot : 0;
}

void pane_zoom(struct map_pane *p, int dir)
{
    set_zoom(p, dir > 0 ? div_up(p->per, 2) : u64_min(p->per * 2, whole_per(p)));
}

void pane_zoom_one(struct map_pane *p)
{
    set_zoom(p, 1);
}

static bool go_tile(struct map_pane *p, uint64_t tile)
{
    uint64_t was = tile_here(p);

    tile = u64_min(tile, tiles_of(p) - 1);
    if (tile == was)
        return false;
    p->at = tile * p->per;
    return true;
}

static bool move_by(struct map_pane *p, int dir, uint64_t tiles)
{
    uint64_t at = tile_here(p);
    uint64_t last = tiles_of(p) - 1;

    return go_tile(p, dir < 0 ? at - u64_min(at, tiles) : at + u64_min(last - at, tiles));
}

/* One step on the screen: on a curve the neighbour there, not in the file. */
static bool step(struct map_pane *p, int dy, int dx, uint64_t count)
{
    int dir = dy + dx;
    int y;
    int x;

    if (!p->curve.spot || tile_here(p) - p->top >= cells(p))
        return move_by(p, dir, count * (dy ? (uint64_t)p->curve.cols : 1));
    curve_spot(&p->curve, (size_t)(tile_here(p) - p->top), &y, &x);
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
    *first = tile_here(p) * p->per;
    *n = u64_min(p->per, p->n - *first);
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
    spot_of(p, tile_here(p), y, x, &lower);
    if (p->tile_w == 3)
        *x += 1;
}

/* --- drawing --- */

static const struct tile *tile_at(const struct map_pane *p, int y, int x)
{
    size_t i = curve_step(&p->curve, y, x);

    return i < p->made.n && p->tile[i].letter ? &p->tile[i] : NULL;
}

static unsigned role_of(const struct tile *t)
{
    return ROLE_PAINT + t->paint;
}

/* A problem is seen however little of the tile it takes. Of a ramp the hue is what counts:
 * it pales less. */
static unsigned shade_of(const struct map_pane *p, const struct tile *t)
{
    unsigned shade;

    if (!p->shades || !t || t->problem || t->unread)
        return 0;
    shade = palette_shade(t->eighths);
    return t->paint >= PAINT_RAMP ? (shade + 1) / 2 : shade;
}

/* Problems, and with few colours what shares its colour with others, have letters. */
static bool needs_letter(const struct map_pane *p, const struct tile *t)
{
    return !t->unread && (t->problem || (!p->shades && !palette_has_hue(t->paint)));
}

/* Of two tiles in one character, with few colours: the one that its colour alone does not
 * tell, the graver one first; it takes the whole character. NULL: colours tell both. */
static const struct tile *lettered_of(const struct map_pane *p, const struct tile *up,
                                      const struct tile *low)
{
    bool upper = up && !p->shades && needs_letter(p, up);
    bool lower = low && !p->shades && needs_letter(p, low);

    return upper && !(lower && low->problem) ? up : lower ? low : NULL;
}

static void draw_half(const struct map_pane *p, const struct area *a, int y, int x)
{
    const struct tile *up = tile_at(p, 2 * y, x);
    const struct tile *low = tile_at(p, 2 * y + 1, x);
    const struct tile *lettered = lettered_of(p, up, low);

    if (lettered) {
        draw_cell(a, y, x, (unsigned char)lettered->letter, role_of(lettered), NO_BACK,
                  ATTR_REVERSE);
    } else if (up && up->unread && (!low || low->unread)) {
        draw_cell(a, y, x, CH_LIGHT, role_of(up), NO_BACK, 0);
    } else if (up) {
        draw_cell(a, y, x, CH_UPPER, role_of(up), low ? role_of(low) : NO_BACK, 0);
        draw_shade(a, y, x, shade_of(p, up), shade_of(p, low));
    } else if (low) {
        draw_cell(a, y, x, CH_LOWER, role_of(low), NO_BACK, 0);
        draw_shade(a, y, x, shade_of(p, low), 0);
    }
}

static uint32_t block_of(const struct tile *t)
{
    static const uint32_t by_eighths[9] = {
        CH_MIDDOT, CH_LIGHT, CH_LIGHT, CH_MEDIUM, CH_MEDIUM,
        CH_MEDIUM, CH_DARK, CH_DARK, CH_FULL
    };

    return t->unread ? CH_LIGHT : by_eighths[t->eighths];
}

/* The letter of a tile: where there is room for a '!' beside it, its own. */
static uint32_t sign_of(const struct map_pane *p, const struct tile *t)
{
    return (unsigned char)(p->tile_w > 1 && t->problem && p->per == 1 ? t->inner
                                                                        : t->letter);
}

/* A tile with room around it: a letter in a box. */
static void draw_wide(const struct map_pane *p, const struct area *a, int y, int x,
                      const struct tile *t)
{
    draw_cell(a, y, x * 3, t->problem ? '!' : ' ', role_of(t), NO_BACK, ATTR_REVERSE);
    draw_cell(a, y, x * 3 + 1, sign_of(p, t), role_of(t), NO_BACK, ATTR_REVERSE);
}

static void draw_letter(const struct map_pane *p, const struct area *a, int y, int x,
                        const struct tile *t)
{
    bool thin = t->eighths > 0 && t->eighths < 4;

    draw_cell(a, y, x * p->tile_w, sign_of(p, t), role_of(t), NO_BACK,
              t->problem ? ATTR_BOLD : thin ? ATTR_DIM : 0);
    draw_shade(a, y, x * p->tile_w, shade_of(p, t), 0);
    if (p->tile_w == 2 && t->problem)
        draw_cell(a, y, x * 2 + 1, '!', role_of(t), NO_BACK, ATTR_BOLD);
}

static void draw_single(const struct map_pane *p, const struct area *a, int y, int x)
{
    const struct tile *t = tile_at(p, y, x);

    if (!t)
        return;
    if (p->tile_w == 3) {
        draw_wide(p, a, y, x, t);
    } else if (p->style == STYLE_LETTERS) {
        draw_letter(p, a, y, x, t);
    } else if (needs_letter(p, t)) {
        draw_cell(a, y, x, (unsigned char)t->letter, role_of(t), NO_BACK, ATTR_REVERSE);
    } else {
        draw_cell(a, y, x, block_of(t), role_of(t), NO_BACK, 0);
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
        draw_cell(a, y, x + 1, t ? sign_of(p, t) : ' ', t ? role_of(t) : ROLE_STRONG,
                  NO_BACK, ATTR_BOLD);
        draw_cell(a, y, x + 2, cursor ? ']' : ')', ROLE_STRONG, NO_BACK, 0);
    } else if (p->style == STYLE_HALF) {
        const struct tile *other = tile_at(p, 2 * y + !lower, x);

        draw_cell(a, y, x, !cursor ? 0x25c6 : lower ? CH_LOWER : CH_UPPER, ROLE_STRONG,
                  other ? role_of(other) : NO_BACK, 0);
        draw_shade(a, y, x, 0, shade_of(p, other));
    } else if (p->style == STYLE_FULL) {
        const struct tile *t = tile_at(p, y, x);

        draw_cell(a, y, x, t && cursor ? sign_of(p, t) : 0x25c6,
                  ROLE_STRONG, NO_BACK, ATTR_REVERSE | (cursor ? ATTR_UNDERLINE : 0));
    } else if (cursor) {
        draw_restyle(a, y, x, p->tile_w, N_ROLES,
                     ATTR_REVERSE | ATTR_BOLD | ATTR_UNDERLINE);
    } else {
        draw_restyle(a, y, x, 1, N_ROLES, ATTR_REVERSE | ATTR_UNDERLINE);
    }
}

/* Letters where zones begin. */
static void draw_begins(const struct map_pane *p, const struct area *a)
{
    for (size_t i = 0; i < p->made.n; i++) {
        const struct tile *t = &p->tile[i];
        bool lower;
        int y;
        int x;

        if (t->begins && !t->problem && spot_of(p, p->top + i, &y, &x, &lower) && y < a->h)
            draw_cell(a, y, x + (p->tile_w == 3), (unsigned char)t->begins, ROLE_NAME, NO_BACK,
                      ATTR_BOLD | ATTR_UNDERLINE);
    }
}

/* Has one of the clusters [first, first + n) become another since the scan before? */
static bool news_of(const struct difference *d, uint64_t first, uint64_t n)
{
    size_t lo;

    /* the first range that ends after `first` */
    BISECT(lo, d->n_hosts, mid, d->host[mid].first + d->host[mid].n > first);
    return lo < d->n_hosts && d->host[lo].first < first + n;
}

/* A star on every tile that the plan changes, or in which something has changed. */
static void draw_changes(const struct map_pane *p, const struct ui *ui, const struct area *a)
{
    const unsigned bits = ui->img->geo.cluster_bits;
    const struct patches *plan = ui->changes && ui->changes->n ? ui->changes : NULL;
    uint64_t tiles = (uint64_t)p->curve.rows * (uint64_t)p->curve.cols;

    if (p->space != SPACE_FILE || (!plan && !ui->news))
        return;
    for (uint64_t tile = p->top; tile < p->top + tiles && tile * p->per < p->n; tile++) {
        uint64_t first = tile * p->per;
        int y, x;
        bool lower;

        if (((plan && patches_touch(plan, first << bits, p->per << bits)) ||
             (ui->news && news_of(ui->news, first, p->per)))
            && spot_of(p, tile, &y, &x, &lower))
            draw_cell(a, y, p->tile_w == 3 ? x + 2 : x, '*', ROLE_MESSAGE, NO_BACK, ATTR_BOLD);
    }
}

void pane_draw(const struct map_pane *p, const struct ui *ui, const struct area *a,
               bool focused)
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
    draw_begins(p, a);
    draw_changes(p, ui, a);
    for (size_t i = 0; i < p->n_marks; i++) {
        draw_sign(p, a, p->mark[i].first / p->per, false);
        draw_sign(p, a, p->mark[i].last / p->per, false);
    }
    if (focused)
        draw_sign(p, a, tile_here(p), true);
}
