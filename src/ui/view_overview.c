/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plan/propose.h"
#include "ui/overview_view.h"

#define TWO_COLUMNS 120         /* screen columns from which sections stand in two */
#define MAP_ROWS_MIN 4

static bool overview_create(const struct ui *ui, void **state)
{
    struct overview_view *v = calloc(1, sizeof *v);

    if (!v)
        return false;
    v->at = NO_LINE;
    pane_init(&v->map, SPACE_FILE, ui);
    *state = v;
    return true;
}

static void overview_destroy(void *state)
{
    struct overview_view *v = state;

    pane_free(&v->map);
    free(v);
}

static void overview_show(void *state, const struct ui *ui, const struct place *place)
{
    (void)state;                /* it has no place of its own */
    (void)ui;
    (void)place;
}

static void overview_reloaded(void *state, const struct ui *ui)
{
    struct overview_view *v = state;

    (void)ui;
    v->made_for = NULL;
}

/* --- preparing --- */

/* Column of the screen that a section stands in. */
static int column_of(const struct overview_view *v, enum overview_section s)
{
    return v->columns == 2 &&
           s >= SECTION_DISK;
}

int overview_text_column(const struct overview_view *v, const struct overview_line *line)
{
    int label = v->label[column_of(v, line->section)][line->look];

    return label + (line->look == LOOK_FACT || line->look == LOOK_STEP ? 3 : 5);
}


static void measure_labels(struct overview_view *v, const struct area *measure)
{
    memset(v->label, 0, sizeof v->label);
    for (size_t i = 0; i < v->o.n; i++) {
        const struct overview_line *line = &v->o.line[i];
        int *label = &v->label[column_of(v, line->section)][line->look];
        int w = text_columns(measure, line->label);

        if (w > *label)
            *label = w < v->w / 3 ? w : v->w / 3;
    }
}

static int rows_of(const struct overview_view *v, const struct area *measure,
                   const struct overview_line *line)
{
    int w = v->w - overview_text_column(v, line) - 1;

    if (line->look == LOOK_HEADING || line->look == LOOK_BAR || w < 8)
        return 1;
    return draw_wrapped(measure, 0, 0, w, ROLE_TEXT, line->text, 0);
}

/* Sections one below the other, in one or two columns, an empty row between. */
static void place_lines(struct overview_view *v, const struct area *measure)
{
    int next[2] = { 0, 0 };
    int last[2] = { -1, -1 };

    measure_labels(v, measure);
    for (size_t i = 0; i < v->o.n; i++) {
        enum overview_section s = v->o.line[i].section;
        int c = column_of(v, s);

        if (last[c] >= 0 && last[c] != (int)s)
            next[c]++;
        last[c] = (int)s;
        v->spot[i] = (struct overview_spot){ c, next[c], rows_of(v, measure, &v->o.line[i]) };
        next[c] += v->spot[i].h;
    }
    v->rows = next[0] > next[1] ? next[0] : next[1];
}

static bool same_line(const struct overview_view *v, const struct overview_line *line)
{
    return line->link == v->link && line->section == v->section &&
           line->which == v->which;
}

/* Lines come and go while the scan runs: the cursor stays on the same thing, else on the
 * first line that leads anywhere. */
static void keep_cursor(struct overview_view *v)
{
    size_t first = NO_LINE;

    if (v->at < v->o.n && v->link != LINK_NONE && same_line(v, &v->o.line[v->at]))
        return;
    v->at = NO_LINE;
    for (size_t i = 0; i < v->o.n; i++) {
        if (v->o.line[i].link == LINK_NONE)
            continue;
        if (first == NO_LINE)
            first = i;
        if (v->at == NO_LINE && v->link != LINK_NONE && same_line(v, &v->o.line[i]))
            v->at = i;
    }
    if (v->at == NO_LINE)
        v->at = first;
}

static void remember(struct overview_view *v, size_t at)
{
    v->at = at;
    v->section = v->o.line[at].section;
    v->link = v->o.line[at].link;
    v->which = v->o.line[at].which;
}

static void keep_in_sight(struct overview_view *v)
{
    int row = v->at == NO_LINE ? 0 : v->spot[v->at].row;

    /* The heading above the first line of a section belongs to it. */
    if (v->at != NO_LINE && v->at > 0 && v->o.line[v->at - 1].look == LOOK_HEADING)
        row--;
    if (row < v->top)
        v->top = row;
    if (v->at != NO_LINE && v->spot[v->at].row + v->spot[v->at].h > v->top + v->h)
        v->top = v->spot[v->at].row + v->spot[v->at].h - v->h;
    if (v->top > v->rows - v->h)
        v->top = v->rows > v->h ? v->rows - v->h : 0;
}

static void lay_out(struct overview_view *v, int rows, int cols, const struct area *measure)
{
    int verdict = draw_wrapped(measure, 0, 0, cols - 2, ROLE_TEXT, v->o.verdict, 0);

    if (verdict > rows / 3)
        verdict = rows / 3 > 0 ? rows / 3 : 1;
    v->bar = rows >= verdict + 9 ? verdict : 0;
    v->head = verdict + (v->bar > 0) + (rows > verdict + 3);
    v->h = rows - v->head;
    v->columns = cols >= TWO_COLUMNS ? 2 : 1;
    v->w = v->columns == 2 ? (cols - 4) / 2 : cols - 2;
    place_lines(v, measure);
    v->map_h = v->h - v->rows - 2 >= MAP_ROWS_MIN && cols > 2 ? v->h - v->rows - 2 : 0;
}

/* The map of the whole file, where rows are left below everything else. */
static void prepare_map(struct overview_view *v, const struct ui *ui, int cols)
{
    struct tile_source from = { .img = ui->img, .scan = ui->scan,
                                .progress = ui->progress };

    if (v->map_h == 0)
        return;
    if (!ui->scan || v->made_for != ui->scan)
        v->age++;
    pane_fit(&v->map, v->map_h, cols - 2, map_style_for(ui), false, ui->shades);
    pane_make(&v->map, &from, COLOUR_CLASS, (unsigned)v->age);
}

static void overview_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct overview_view *v = state;
    bool all = cols >= TWO_COLUMNS;
    struct grid scratch;            /* to measure texts: as they will be drawn */

    if (!ui->scan || v->made_for != ui->scan || v->made_figures != ui->figures ||
        v->made_all != all)
        overview_make(&v->o, ui, all);
    v->made_all = all;
    if (grid_init(&scratch, 1, 1, ui->ascii)) {
        struct area measure = grid_area(&scratch);

        lay_out(v, rows, cols, &measure);
        grid_free(&scratch);
    }
    prepare_map(v, ui, cols);
    v->made_for = ui->scan;
    v->made_figures = ui->figures;
    keep_cursor(v);
    keep_in_sight(v);
}

static void draw(const void *state, const struct ui *ui, const struct area *a)
{
    overview_draw(state, ui, a);
}

/* --- actions --- */

/* The nearest line with a link: dir rows away in the same column, or (dir 0) in the
 * other. */
static size_t nearest(const struct overview_view *v, int from_row, int column, int dir)
{
    size_t best = NO_LINE;
    int best_away = 0;

    for (size_t i = 0; i < v->o.n; i++) {
        int away = v->spot[i].row - from_row;

        if (v->o.line[i].link == LINK_NONE || v->spot[i].column != column ||
            (dir && away * dir <= 0))
            continue;
        away = abs(away);
        if (best == NO_LINE || away < best_away) {
            best = i;
            best_away = away;
        }
    }
    return best;
}

static void step(struct overview_view *v, int dir)
{
    size_t to = nearest(v, v->spot[v->at].row, v->spot[v->at].column, dir);

    if (to != NO_LINE)
        remember(v, to);
    else
        v->top += dir;              /* what follows leads nowhere but can be read */
}

static void page(struct overview_view *v, int rows)
{
    int to = v->spot[v->at].row + rows;
    size_t at = nearest(v, to < 0 ? 0 : to >= v->rows ? v->rows - 1 : to,
                        v->spot[v->at].column, 0);

    v->top += rows;
    if (at != NO_LINE)
        remember(v, at);
}

static void sideways(struct overview_view *v, int column)
{
    size_t to = NO_LINE;

    if (column >= 0 && column < v->columns && column != v->spot[v->at].column)
        to = nearest(v, v->spot[v->at].row, column, 0);
    if (to != NO_LINE)
        remember(v, to);
}

/* The first record of a kind. */
static bool first_of_kind(const struct problems *p, int kind, size_t *out)
{
    for (size_t i = 0; i < p->n; i++) {
        if ((int)p->list[i].kind == kind) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool first_of_class(const struct map *map, enum cluster_class c, uint64_t *out)
{
    struct map_cell cell;

    map_get(map, 0, &cell);
    *out = 0;
    return cell.cls == c || map_find(map, 0, 1, c, out);
}

static void follow(const struct overview_view *v, const struct ui *ui,
                   struct request *req)
{
    const struct overview_line *line = &v->o.line[v->at];
    struct place place = { .kind = PLACE_CLUSTER, .guest_off = NO_ADDRESS };
    size_t problem;

    switch (line->link) {
    case LINK_NONE:
        break;
    case LINK_PLACE:
        request_go(req, &line->place,
                   line->place.kind == PLACE_GUEST ? VIEW_TABLES : N_VIEWS);
        break;
    case LINK_CLASS:
        if (ui->scan &&
            first_of_class(ui->scan->map, (enum cluster_class)line->which, &place.i))
            request_go(req, &place, VIEW_MAP);
        break;
    case LINK_KIND:
        if (!ui->scan || !first_of_kind(&ui->scan->problems, line->which, &problem))
            break;
        request_go(req, &ui->scan->problems.list[problem].place, VIEW_PROBLEMS);
        req->problem = problem;
        break;
    case LINK_CAUSE:
        request_go(req, &ui->here, VIEW_PROBLEMS);
        req->cause = (size_t)line->which;
        break;
    case LINK_VIEW:
        req->kind = REQ_VIEW;
        req->view = (enum view_id)line->which;
        break;
    }
}

static void click(struct overview_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    struct act_arg on_map = { arg->y - (v->head + v->h - v->map_h), arg->x - 1, arg->count };

    if (v->map_h && on_map.y >= 0) {
        struct place place = { .kind = PLACE_CLUSTER, .guest_off = NO_ADDRESS };

        pane_act(&v->map, ACT_CLICK, &on_map);
        place.i = v->map.at;
        request_go(req, &place, VIEW_MAP);
        return;
    }
    for (size_t i = 0; i < v->o.n; i++) {
        int x = v->spot[i].column * (v->w + 2);

        int y = v->spot[i].row - v->top + v->head;

        if (arg->y < y || arg->y >= y + v->spot[i].h || arg->y < v->head || arg->x < x ||
            arg->x >= x + v->w || v->o.line[i].link == LINK_NONE)
            continue;
        remember(v, i);
        if (arg->count == 2)
            follow(v, ui, req);
        return;
    }
}

/* What mends the cause or the kind under the cursor, else all. */
static void propose(const struct overview_view *v, const struct ui *ui, struct request *req)
{
    const struct overview_line *line = v->at != NO_LINE ? &v->o.line[v->at] : NULL;

    req->kind = REQ_PROPOSE;
    req->goal = "repair";
    if (line && line->link == LINK_KIND)
        req->goal = propose_for_problem((enum problem_kind)line->which);
    else if (line && line->link == LINK_CAUSE && ui->insight
             && (size_t)line->which <= ui->insight->n)
        req->goal = propose_for_cause(&ui->insight->list[line->which - 1]);
}

static void overview_act(void *state, const struct ui *ui, enum action action,
                         const struct act_arg *arg, struct request *req)
{
    struct overview_view *v = state;

    if (action == ACT_PROPOSE) {
        propose(v, ui, req);
        return;
    }
    if (v->at == NO_LINE)
        return;
    switch (action) {
    case ACT_UP: step(v, -1); break;
    case ACT_DOWN: step(v, 1); break;
    case ACT_LEFT: sideways(v, 0); break;
    case ACT_RIGHT: sideways(v, 1); break;
    case ACT_PANE: sideways(v, 1 - v->spot[v->at].column); break;
    case ACT_PAGE_UP: page(v, -v->h); break;
    case ACT_PAGE_DOWN: page(v, v->h); break;
    case ACT_HALF_UP: page(v, -(v->h + 1) / 2); break;
    case ACT_HALF_DOWN: page(v, (v->h + 1) / 2); break;
    case ACT_SCROLL_UP: page(v, -arg->count); break;
    case ACT_SCROLL_DOWN: page(v, arg->count); break;
    case ACT_TOP: page(v, -v->rows); break;
    case ACT_BOTTOM: page(v, v->rows); break;
    case ACT_OPEN: follow(v, ui, req); break;
    case ACT_CLICK: click(v, ui, arg, req); break;
    default: break;
    }
}

static void overview_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    char a[TEXT_NUM];
    char b[TEXT_NUM];
    char c[TEXT_NUM];

    (void)state;
    buf_printf(
        out,
        "A qcow2 image is a file that holds a disk. The guest sees %s; the file has "
        "%s, because only what was written is stored, and beside it the tables that say "
        "where it is.\n\n",
        text_size(a, geo->size), text_size(b, geo->file_size));
    buf_printf(
        out,
        "To find a guest byte, its address is divided by the %s that one L2 table "
        "covers: that is the entry of the L1 table to look at. The rest, divided by the "
        "cluster size of %s, is the entry of that L2 table, and there stands where the "
        "cluster lies in the file:\n\n",
        text_size(a, geo->l2_span), text_size(b, geo->cluster_size));
    buf_printf(
        out,
        "  header \u2192 L1 table (%llu entries) \u2192 L2 table (%llu entries each) "
        "\u2192 data\n",
        (unsigned long long)geo->l1_entries, (unsigned long long)geo->l2_entries);
    buf_printf(
        out,
        "  header \u2192 refcount table (%llu entries) \u2192 refcount block (%llu "
        "each)\n\n",
        (unsigned long long)geo->reftable_entries,
        (unsigned long long)geo->refblock_entries);
    buf_puts(
        out,
        "The second line counts how often each cluster is used, so that free space can "
        "be found and a cluster that a snapshot shares is not overwritten. A check "
        "follows all pointers, counts, and compares with those numbers.\n\n");
    buf_puts(
        out,
        "Deleted data stays allocated until the guest discards it, and the file never "
        "shrinks by itself: vacant and leaked space is reused, not given back.");
    if (ui->scan && ui->scan->stats.data_steps)
        buf_printf(
            out,
            " Fragmentation is how often the next cluster of the disk is not the next "
            "in the file: here %s of %s times.",
            text_group(b, ui->scan->stats.data_breaks),
            text_group(c, ui->scan->stats.data_steps));
    buf_putc(out, '\n');
}

const struct view_class view_overview = {
    .name = "Overview",
    .brief = "Over",
    .title = "Overview: the verdict, the space, the image",
    .create = overview_create,
    .destroy = overview_destroy,
    .show = overview_show,
    .reloaded = overview_reloaded,
    .prepare = overview_prepare,
    .draw = draw,
    .act = overview_act,
    .teach = overview_teach,
};
