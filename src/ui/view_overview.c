/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "base/text.h"
#include "ui/overview.h"

#define TWO_COLUMNS 120         /* screen columns from which sections stand in two */
#define NONE        SIZE_MAX

struct spot { int column, row; };

struct overview_view {
    struct overview o;
    struct spot spot[OVERVIEW_LINES_MAX];
    size_t at;                  /* line under the cursor: one with a link; NONE */
    enum overview_section section;      /* ... and what to look for when lines change */
    enum overview_link link;
    int which;
    int top;                    /* rows scrolled away */
    int rows;                   /* of the longest column */
    const struct scan_result *made_for;
    bool made_all;
    int head, h;                /* rows of the verdict, rows below it */
    int bar;                    /* row of the bar of the whole file; 0: none */
    int columns, w;             /* of the screen: 1 or 2, and their width */
};

static bool overview_create(const struct ui *ui, void **state)
{
    struct overview_view *v = calloc(1, sizeof *v);

    (void)ui;
    if (v)
        v->at = NONE;
    *state = v;
    return v != NULL;
}

static void overview_show(void *state, const struct ui *ui, const struct place *place)
{
    (void)state;                /* it has no place of its own */
    (void)ui;
    (void)place;
}

/* --- preparing --- */

static int column_of(const struct overview_view *v, enum overview_section s)
{
    return v->columns == 2 &&
           (s == SECTION_DISK || s == SECTION_IMAGE || s == SECTION_CHECK);
}

/* Sections one below the other, in one or two columns, an empty row between. */
static void place_lines(struct overview_view *v)
{
    int next[2] = { 0, 0 };
    int last[2] = { -1, -1 };

    for (size_t i = 0; i < v->o.n; i++) {
        enum overview_section s = v->o.line[i].section;
        int c = column_of(v, s);

        if (last[c] >= 0 && last[c] != (int)s)
            next[c]++;
        last[c] = (int)s;
        v->spot[i] = (struct spot){ c, next[c]++ };
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
    size_t first = NONE;

    if (v->at < v->o.n && v->link != LINK_NONE && same_line(v, &v->o.line[v->at]))
        return;
    v->at = NONE;
    for (size_t i = 0; i < v->o.n; i++) {
        if (v->o.line[i].link == LINK_NONE)
            continue;
        if (first == NONE)
            first = i;
        if (v->at == NONE && v->link != LINK_NONE && same_line(v, &v->o.line[i]))
            v->at = i;
    }
    if (v->at == NONE)
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
    int row = v->at == NONE ? 0 : v->spot[v->at].row;

    /* The heading above the first line of a section belongs to it. */
    if (v->at != NONE && v->at > 0 && v->o.line[v->at - 1].look == LOOK_HEADING)
        row--;
    if (row < v->top)
        v->top = row;
    if (v->at != NONE && v->spot[v->at].row >= v->top + v->h)
        v->top = v->spot[v->at].row - v->h + 1;
    if (v->top > v->rows - v->h)
        v->top = v->rows > v->h ? v->rows - v->h : 0;
}

static int verdict_rows(const struct overview_view *v, const struct ui *ui, int cols)
{
    struct grid measure;
    int n = 1;

    if (grid_init(&measure, 1, 1, ui->ascii)) {
        struct area a = grid_area(&measure);

        n = draw_wrapped(&a, 0, 0, cols - 2, ROLE_TEXT, v->o.verdict, 0);
        grid_free(&measure);
    }
    return n;
}

static void overview_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct overview_view *v = state;
    bool all = cols >= TWO_COLUMNS;
    int verdict;

    if (!ui->scan || v->made_for != ui->scan || v->made_all != all)
        overview_make(&v->o, ui, all);
    v->made_for = ui->scan;
    v->made_all = all;
    verdict = verdict_rows(v, ui, cols);
    if (verdict > rows / 3)
        verdict = rows / 3 > 0 ? rows / 3 : 1;
    v->bar = rows >= verdict + 9 ? verdict : 0;
    v->head = verdict + (v->bar > 0) + (rows > verdict + 3);
    v->h = rows - v->head;
    v->columns = cols >= TWO_COLUMNS ? 2 : 1;
    v->w = v->columns == 2 ? (cols - 4) / 2 : cols - 2;
    place_lines(v);
    keep_cursor(v);
    keep_in_sight(v);
}

/* --- drawing --- */

static void draw_bar_line(const struct area *a, int y, const struct overview_line *line)
{
    int numbers = text_columns(a, line->text);
    int label = a->w >= 60 ? 20 : 12;
    int bar = a->w - label - 4 - numbers - 2;

    if (line->letter)
        draw_cell(a, y, 1, (unsigned char)line->letter, line->role, NO_BACK,
                  ATTR_REVERSE);
    if (bar < 4) { /* no room for the bar: the label may have it */
        draw_cut(a, y, 3, a->w - 3, ROLE_TEXT, line->label);
        if (a->w > numbers + label)
            draw_right(a, y, a->w - 1, ROLE_NUMBER, line->text);
        return;
    }
    draw_cut(a, y, 3, label - 1, ROLE_TEXT, line->label);
    draw_bar(a, y, label + 3, bar, line->part, line->whole, line->role);
    draw_right(a, y, a->w - 1, ROLE_NUMBER, line->text);
}

static void draw_line(const struct area *a, int y, const struct overview_line *line)
{
    int label = a->w >= 60 ? 17 : 12;

    switch (line->look) {
    case LOOK_HEADING:
        draw_text(a, y, 1, ROLE_HEADING, line->label);
        break;
    case LOOK_FACT:
        draw_cut(a, y, 1, label - 2, ROLE_DIM, line->label);
        draw_cut(a, y, label, a->w - label, line->role, line->text);
        break;
    case LOOK_BAR:
        draw_bar_line(a, y, line);
        break;
    case LOOK_KIND:
        draw_text(a, y, 1, line->role,
                  line->role <= ROLE_SEV + SEV_ERROR ? "\u25cf" : "\u25cb");
        draw_right(a, y, 14, ROLE_NUMBER, line->label);
        draw_cut(a, y, 16, a->w - 16, line->role, line->text);
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

static void overview_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct overview_view *v = state;
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
        struct spot s = v->spot[i];
        struct area column = area_part(a, v->head, s.column * (v->w + 2), v->h, v->w);

        if (s.row < v->top || s.row >= v->top + v->h)
            continue;
        draw_line(&column, s.row - v->top, &v->o.line[i]);
        if (i == v->at) {
            draw_restyle(&column, s.row - v->top, 0, column.w, N_ROLES, ATTR_REVERSE);
            draw_cursor(&column, s.row - v->top, 1);
        }
    }
    if (v->rows > v->top + v->h && v->h > 1)
        draw_right(a, a->h - 1, a->w, ROLE_DIM, " \u25bc");
}

/* --- actions --- */

/* The nearest line with a link: dir rows away in the same column, or (dir 0) in the
 * other. */
static size_t nearest(const struct overview_view *v, int from_row, int column, int dir)
{
    size_t best = NONE;
    int best_away = 0;

    for (size_t i = 0; i < v->o.n; i++) {
        int away = v->spot[i].row - from_row;

        if (v->o.line[i].link == LINK_NONE || v->spot[i].column != column ||
            (dir && away * dir <= 0))
            continue;
        away = abs(away);
        if (best == NONE || away < best_away) {
            best = i;
            best_away = away;
        }
    }
    return best;
}

static void step(struct overview_view *v, int dir)
{
    size_t to = nearest(v, v->spot[v->at].row, v->spot[v->at].column, dir);

    if (to != NONE)
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
    if (at != NONE)
        remember(v, at);
}

static void sideways(struct overview_view *v, int column)
{
    size_t to = NONE;

    if (column >= 0 && column < v->columns && column != v->spot[v->at].column)
        to = nearest(v, v->spot[v->at].row, column, 0);
    if (to != NONE)
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
    case LINK_VIEW:
        req->kind = REQ_VIEW;
        req->view = (enum view_id)line->which;
        break;
    }
}

static void click(struct overview_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    for (size_t i = 0; i < v->o.n; i++) {
        int x = v->spot[i].column * (v->w + 2);

        if (v->spot[i].row - v->top + v->head != arg->y || arg->x < x ||
            arg->x >= x + v->w || v->o.line[i].link == LINK_NONE)
            continue;
        remember(v, i);
        if (arg->count == 2)
            follow(v, ui, req);
        return;
    }
}

static void overview_act(void *state, const struct ui *ui, enum action action,
                         const struct act_arg *arg, struct request *req)
{
    struct overview_view *v = state;

    if (v->at == NONE)
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
    .title = "Overview: the verdict, the space, the image",
    .create = overview_create,
    .destroy = free,
    .show = overview_show,
    .prepare = overview_prepare,
    .draw = overview_draw,
    .act = overview_act,
    .teach = overview_teach,
};
