/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the view of changes shows: where its parts lie, the maps, and what is under the cursor. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "ui/changes_view.h"
#include "ui/map_view.h"
#include "ui/where.h"

#define WIDE 100            /* columns from which on list and words stand side by side */

/* --- the two sides --- */

const struct compared_side *changes_side_of(const struct compared *c, enum compared_which which)
{
    if (which == SIDE_SHOWN)
        which = c->shown;
    return which == SIDE_A ? &c->a : &c->b;
}

static struct ui side_as_shown(const struct ui *ui, enum compared_which which)
{
    const struct compared_side *side = changes_side_of(ui->compared, which);
    struct ui out = *ui;

    out.img = side->img;
    out.scan = side->scan;
    out.layer = side->layer;
    out.index = NULL;
    return out;
}

/* Clusters of the maps are as large as the larger ones of the two images. */
unsigned changes_unit_bits(const struct compared *c)
{
    return (unsigned)u64_max(c->a.img->geo.cluster_bits, c->b.img->geo.cluster_bits);
}

unsigned changes_shift(const struct compared *c, const struct compared_side *side)
{
    return changes_unit_bits(c) - side->img->geo.cluster_bits;
}

static uint64_t clusters_of(const struct compared *c, const struct compared_side *side,
                            enum map_space space)
{
    return div_up(tiles_clusters(side->img, space, side->layer),
                  UINT64_C(1) << changes_shift(c, side));
}

/* --- changes --- */

size_t changes_n(const struct changes_view *v, const struct ui *ui)
{
    const struct difference *d = ui->compared ? ui->compared->diff : NULL;

    return !d ? 0 : v->space == SPACE_FILE ? d->n_hosts : d->n_guests;
}

void changes_at(const struct changes_view *v, const struct ui *ui, size_t i, uint64_t *first,
                uint64_t *n)
{
    const struct difference *d = ui->compared->diff;
    const unsigned bits = changes_unit_bits(ui->compared);

    if (v->space == SPACE_FILE) {
        *first = d->host[i].first;
        *n = d->host[i].n;
    } else {
        *first = d->guest[i].start >> bits;
        *n = ((d->guest[i].start + u64_max(d->guest[i].len, 1) - 1) >> bits) - *first + 1;
    }
}

/* The last change that begins at or before a cluster of the maps; n: the first one does not. */
size_t changes_before(const struct changes_view *v, const struct ui *ui, uint64_t cluster)
{
    size_t n = changes_n(v, ui), lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        uint64_t first, len;

        changes_at(v, ui, mid, &first, &len);
        if (first <= cluster)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : n;
}

/* --- the maps --- */

/* All maps show what the one of changes does. */
void changes_follow(struct changes_view *v)
{
    const struct map_pane *p = &v->pane[PANE_CHANGES];

    for (int i = 0; i < PANE_CHANGES; i++) {
        v->pane[i].n = p->n;
        v->pane[i].at = p->at;
        v->pane[i].per = p->per;
        v->pane[i].top = p->top;
        v->pane[i].whole = p->whole;
    }
}

void changes_go(struct changes_view *v, uint64_t cluster)
{
    pane_go(&v->pane[PANE_CHANGES], cluster);
    changes_follow(v);
}

void changes_choose(struct changes_view *v, enum map_space space)
{
    v->space = space;
    for (int i = 0; i < N_CHANGES_PANES; i++) {
        v->pane[i].space = space;
        v->pane[i].at = v->pane[i].top = 0;
        v->pane[i].whole = true;
        v->pane[i].made.valid = false;
    }
    v->list.at = v->list.top = 0;
}

/* --- frame --- */

/* Where all is small, only what matters most is left. */
struct changes_layout changes_layout(const struct changes_view *v, int rows, int cols)
{
    const bool maps = rows >= 8, all = cols >= 36;
    const int said = rows >= 4 ? 2 : 0, legend = rows >= 14, head = maps;
    const int rest = rows - said - legend - head, h = maps ? rest / 2 : 0;
    const int w = all ? (cols - 2) / 3 : cols;
    const int y = head + h + legend + said, list_w = cols >= WIDE ? cols / 2 - 1 : cols;
    const struct changes_part below = { y, 0, rows - y, list_w };
    struct changes_layout l = { .said = { head + h + legend, 0, said, cols } };

    for (int i = 0; i < N_CHANGES_PANES; i++)
        if (maps && (all || i == PANE_CHANGES))
            l.pane[i] = (struct changes_part){ head, all ? i * (w + 1) : 0, h, w };
    if (legend && maps)
        l.legend = (struct changes_part){ head + h, 0, 1, cols };
    if (cols >= WIDE)
        l.words = (struct changes_part){ y, list_w + 2, rows - y, cols - list_w - 2 };
    else if (v->focus == IN_WORDS)
        l.words = below;
    if (cols >= WIDE || v->focus != IN_WORDS)
        l.list = below;
    return l;
}

static void make_maps(struct changes_view *v, const struct ui *ui, const struct changes_layout *l)
{
    const struct compared *c = ui->compared;
    const struct compared_side *side[N_CHANGES_PANES] = { &c->a, &c->b, &c->b };
    const enum map_style plain = map_style_for(ui);
    const enum map_style style = !v->style_chosen || plain == STYLE_LETTERS ? plain : v->style;

    v->pane[PANE_CHANGES].n = u64_max(u64_max(clusters_of(c, &c->a, v->space),
                                              clusters_of(c, &c->b, v->space)), 1);
    changes_go(v, v->pane[PANE_CHANGES].at);
    for (int i = N_CHANGES_PANES - 1; i >= 0; i--) {
        const struct changes_part *at = l->pane[i].h ? &l->pane[i] : &l->pane[PANE_CHANGES];
        struct tile_source from = { .img = side[i]->img, .scan = side[i]->scan,
                                    .guest = side[i]->guest, .layer = side[i]->layer };

        if (i == PANE_CHANGES)
            from.changes = c->diff;
        v->pane[i].shift = changes_shift(c, side[i]);
        pane_fit(&v->pane[i], at->h, at->w, style, v->hilbert, ui->shades);
        if (i == PANE_CHANGES)
            changes_follow(v);
        if (i == PANE_CHANGES && (!c->diff || !from.scan))
            v->pane[i].made.n = 0;
        else if (l->pane[i].h)
            pane_make(&v->pane[i], &from, i == PANE_CHANGES ? COLOUR_CHANGES : COLOUR_CLASS,
                      c->age);
    }
}

static void say_cluster(const struct ui *side, bool gone, uint64_t cluster, struct buf *out)
{
    const unsigned bits = side->img->geo.cluster_bits;
    char counted[COUNTED_TEXT];
    struct map_cell cell;
    struct site site;

    if (cluster >= side->img->geo.n_clusters) {
        buf_puts(out, "after the end of the file");
        return;
    }
    buf_printf(out, "cluster %" PRIu64 ": ", cluster);
    if (!side->scan || cluster >= map_clusters(side->scan->map)) {
        buf_puts(out, "not scanned yet");
        return;
    }
    map_get(side->scan->map, cluster, &cell);
    buf_puts(out, class_info(cell.cls)->name);
    if (cell.counted)
        buf_printf(out, ", referred to %s%s", counted_text(counted, cell.counted),
                   cell.counted == 1 ? " time" : " times");
    if (!gone) {
        site_at(side->img, side->scan, NULL, cluster << bits, &site);
        if (site.place.kind != PLACE_NONE && site.place.kind != PLACE_HEADER) {
            buf_puts(out, "; begins with ");
            place_text(&site.place, out);
        }
    }
    if (cell.problem)
        buf_puts(out, " !");
}

static void say_guest(const struct ui *side, uint64_t off, struct buf *out)
{
    static const char *const names[] = {
        [L2_UNALLOCATED] = "nothing is stored", [L2_ZERO_PLAIN] = "zeros",
        [L2_ZERO_ALLOC] = "zeros, with a cluster", [L2_NORMAL] = "stored",
        [L2_COMPRESSED] = "compressed",
    };
    struct guest_hit hit;

    buf_printf(out, "guest 0x%" PRIx64 ": ", off);
    if (off >= image_layer_size(side->img, side->layer)) {
        buf_puts(out, "after the end of the disk");
    } else if (!guest_lookup(side->img, side->layer, off, &hit, NULL)) {
        buf_puts(out, "cannot be told");
    } else {
        buf_puts(out, names[hit.entry.type]);
        if (hit.entry.type != L2_UNALLOCATED && hit.entry.type != L2_ZERO_PLAIN)
            buf_printf(out, " at 0x%" PRIx64, hit.entry.host_off);
    }
}

static void say(struct changes_view *v, const struct ui *ui, enum compared_which which)
{
    const struct compared *c = ui->compared;
    struct ui side = side_as_shown(ui, which);
    uint64_t at = v->pane[PANE_CHANGES].at;
    struct buf text = BUF_INIT;

    if (v->space == SPACE_FILE)
        say_cluster(&side, changes_side_of(c, which)->gone,
                    at << changes_shift(c, changes_side_of(c, which)), &text);
    else
        say_guest(&side, at << changes_unit_bits(c), &text);
    snprintf(v->said[which - SIDE_A], sizeof v->said[0], "%s", buf_str(&text));
    buf_free(&text);
}

static void fit_words(struct changes_view *v, const struct ui *ui, const struct changes_part *p)
{
    struct grid measure;

    v->words_n = 0;
    v->words_h = p->h - 1;
    if (p->h > 0 && grid_init(&measure, 1, 1, ui->ascii)) {
        struct area a = grid_area(&measure);

        v->words_n = draw_wrapped(&a, 0, 0, p->w, ROLE_TEXT, ui->compared->text, 0);
        grid_free(&measure);
    }
    if (v->words_top > v->words_n - v->words_h)
        v->words_top = v->words_n - v->words_h;
    if (v->words_top < 0)
        v->words_top = 0;
}

/* Something new is known: where nothing differs in this space, the other one is shown. */
static void look_anew(struct changes_view *v, const struct ui *ui)
{
    const struct compared *c = ui->compared;
    const struct difference *d = c->diff;

    v->age = c->age;
    for (int i = 0; i < N_CHANGES_PANES; i++)
        v->pane[i].made.valid = false;
    if (c->a.gone && v->space == SPACE_GUEST)
        changes_choose(v, SPACE_FILE);
    else if (!c->a.gone && v->space == SPACE_FILE
             && c->a.img->geo.cluster_bits != c->b.img->geo.cluster_bits)
        changes_choose(v, SPACE_GUEST);
    else if (d && !changes_n(v, ui) && (v->space == SPACE_FILE ? d->n_guests : d->n_hosts))
        changes_choose(v, v->space == SPACE_FILE ? SPACE_GUEST : SPACE_FILE);
}

void changes_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct changes_view *v = state;
    struct changes_layout l = changes_layout(v, rows, cols);

    v->rows = rows;
    v->cols = cols;
    if (!ui->compared)
        return;
    if (v->age != ui->compared->age)
        look_anew(v, ui);
    make_maps(v, ui, &l);
    say(v, ui, SIDE_A);
    say(v, ui, SIDE_B);
    list_fit(&v->list, changes_n(v, ui), l.list.h - 1);
    fit_words(v, ui, &l.words);
}

