/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <poll.h>
#include <stdlib.h>

#include "base/text.h"
#include "ui/map_view.h"
#include "ui/where.h"

static bool map_create(const struct ui *ui, void **state)
{
    struct map_view *v = calloc(1, sizeof *v);

    if (!v)
        return false;
    for (int s = 0; s < N_SPACES; s++)
        pane_init(&v->pane[s], (enum map_space)s, ui);
    v->legend = true;
    *state = v;
    return true;
}

static void map_destroy(void *state)
{
    struct map_view *v = state;

    map_survey_free(v);
    lookup_free(&v->lookup);
    peek_free(&v->peek);
    free(v->zone);
    for (int s = 0; s < N_SPACES; s++)
        pane_free(&v->pane[s]);
    free(v);
}

static struct tile_source map_source(const struct map_view *v, const struct ui *ui)
{
    return (struct tile_source){ ui->img, ui->scan, ui->progress, v->survey.guest,
                                 v->survey.order, ui->layer, v->zone, v->n_zones,
                                 ui->deep ? map_looks : NULL, ui->deep, NULL };
}

static void map_show(void *state, const struct ui *ui, const struct place *place)
{
    struct map_view *v = state;
    uint64_t cluster;
    uint64_t start;
    uint64_t len;

    if (where_cluster(ui, place, &cluster) && cluster < v->pane[SPACE_FILE].n)
        pane_go(&v->pane[SPACE_FILE], cluster);
    if (place->layer == ui->layer && where_guest(ui, place, &start, &len))
        pane_go(&v->pane[SPACE_GUEST], start >> ui->img->geo.cluster_bits);
    if (place->kind == PLACE_GUEST && place->layer == ui->layer)
        v->focus = SPACE_GUEST;
    v->linked = false;
}

static void map_reloaded(void *state, const struct ui *ui)
{
    struct map_view *v = state;

    if (ui->scan)
        map_histogram(ui->scan->map, 0, ui->img->geo.n_clusters, &v->total);
    for (int s = 0; s < N_SPACES; s++)
        pane_resize(&v->pane[s], ui);
    map_survey_forget(v);
    lookup_forget(&v->lookup);
    peek_forget(&v->peek);
    v->linked = false;
    v->age++;
}

static void map_relayered(void *state, const struct ui *ui)
{
    struct map_view *v = state;
    struct map_pane *guest = &v->pane[SPACE_GUEST];

    pane_resize(guest, ui);
    guest->whole = true;
    map_survey_forget(v);
    v->linked = false;
    v->age++;
}

/* --- frame --- */

enum map_style map_style_for(const struct ui *ui)
{
    return !ui->colour || ui->ascii ? STYLE_LETTERS : ui->shades ? STYLE_HALF : STYLE_FULL;
}

static enum map_style style_of(const struct map_view *v, const struct ui *ui)
{
    enum map_style plain = map_style_for(ui);

    return !v->style_chosen || (v->style == STYLE_HALF && plain == STYLE_LETTERS) ? plain
                                                                                   : v->style;
}

static void map_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct map_view *v = state;
    struct map_layout l;
    struct tile_source from;

    v->rows = rows;
    v->cols = cols;
    v->legend_w = map_legend_columns(v, ui);
    map_layout(v, rows, cols, &l);
    map_survey_poll(v, ui, l.w[SPACE_GUEST] > 0);
    map_link(v, ui);
    map_peek(v, ui);
    map_zones_poll(v, ui);
    map_wish_content(v, ui);
    if (!ui->scan)
        v->age++;                       /* the preview changes all the time */
    from = map_source(v, ui);
    for (int s = 0; s < N_SPACES; s++) {
        if (l.w[s] <= 0)
            continue;
        pane_fit(&v->pane[s], l.h, l.w[s], style_of(v, ui), v->hilbert,
                 ui->shades);
        pane_make(&v->pane[s], &from, v->colouring, v->age);
    }
    map_explain(v, ui);
}

static void map_view_draw(const void *state, const struct ui *ui, const struct area *a)
{
    map_draw(state, ui, a);
}

/* --- actions --- */

/* The cluster of the file or of the guest disk under the cursor. */
static struct place place_of_cursor(const struct map_view *v, const struct ui *ui)
{
    const struct map_pane *p = &v->pane[v->focus];

    if (v->focus == SPACE_GUEST)
        return (struct place){ .kind = PLACE_GUEST, .layer = ui->layer, .file_off = NO_ADDRESS,
                               .guest_off = p->at << ui->img->geo.cluster_bits };
    return (struct place){ .kind = PLACE_CLUSTER, .i = p->at, .guest_off = NO_ADDRESS };
}

static enum lit map_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct map_view *v = state;
    const struct map_pane *p = &v->pane[v->focus];
    uint64_t per = u64_max(p->per, 1), cluster = 0, start, len;
    bool known;

    if (v->focus == SPACE_GUEST) {
        known = ui->here.layer == ui->layer && where_guest(ui, &ui->here, &start, &len);
        if (known)
            cluster = start >> ui->img->geo.cluster_bits;
    } else {
        known = where_cluster(ui, &ui->here, &cluster);
    }
    if (p->n == 0 || (known && cluster / per == p->at / per))
        return LIT_HERE;
    *out = place_of_cursor(v, ui);
    return LIT_OTHER;
}

static void moved(struct map_view *v, const struct ui *ui, struct request *req)
{
    struct place place = place_of_cursor(v, ui);

    request_moved(req, &place);
}

static void zoom_message(const struct map_view *v, const struct ui *ui,
                         struct request *req)
{
    const struct map_pane *p = &v->pane[v->focus];
    char cell[MAP_CELL_TEXT];

    request_message(req, "%s%s", map_cell_text(p, ui, cell),
                    p->whole ? ", everything in sight" : "");
}

static void open_tile(struct map_view *v, const struct ui *ui, struct request *req)
{
    if (map_focus(v)->per == 1) {
        struct place place = place_of_cursor(v, ui);

        request_go(req, &place, N_VIEWS);
        req->inside = true;
        return;
    }
    pane_zoom(map_focus(v), 1);
    zoom_message(v, ui, req);
}

static void change_space(struct map_view *v, const struct ui *ui, struct request *req)
{
    v->focus = v->focus == SPACE_FILE ? SPACE_GUEST : SPACE_FILE;
    v->linked = false;
    v->surveying.tried_guest = v->survey.guest != NULL; /* if it was stopped: once more */
    moved(v, ui, req);
}

/* The next style that looks different here: small maps have no half blocks. */
static void next_style(struct map_view *v, const struct ui *ui, struct request *req)
{
    static const char *const names[N_STYLES] = {
        [STYLE_HALF] = "half blocks, two cells in a character",
        [STYLE_FULL] = "blocks, thinner when less of the cell is in use",
        [STYLE_LETTERS] = "letters",
    };
    const struct map_pane *p = map_focus(v);
    enum map_style was = p->style, drawn;
    struct map_layout l;

    map_layout(v, v->rows, v->cols, &l);
    v->style = style_of(v, ui);
    v->style_chosen = true;
    do {
        v->style = (enum map_style)((v->style + 1) % N_STYLES);
        drawn = pane_style(p, l.h, l.w[v->focus], style_of(v, ui));
    } while (drawn == was || drawn != v->style);
    request_message(req, "Style: %s%s", names[drawn],
                    drawn == STYLE_HALF && ui->shades ? ", paler when less is in use" : "");
}

static void next_colouring(struct map_view *v, const struct ui *ui, struct request *req)
{
    v->colouring = (enum map_colouring)((v->colouring + 1) % N_COLOURINGS);
    v->surveying.tried_order = v->survey.order != NULL;
    request_message(req, "Coloured by %s%s", map_colouring_name(v->colouring),
                    v->colouring == COLOUR_CONTENT
                        ? ": what bytes look like in the file; D looks at all of them"
                    : v->colouring == COLOUR_ZONES ? ": the volumes of the guest's disk"
                    : v->colouring == COLOUR_JUMPS
                        ? ": how far it is to the next guest cluster"
                    : v->colouring == COLOUR_ORDER ? ": where it is on the other side"
                    : v->colouring == COLOUR_REFS  ? ": the most in a sample of each cell"
                                                   : "");
    (void)ui;
}

/* The map under the mouse, which becomes the one in front; *in is relative to it. */
static struct map_pane *pane_under(struct map_view *v, const struct act_arg *arg,
                                   struct act_arg *in)
{
    struct map_layout l;

    map_layout(v, v->rows, v->cols, &l);
    for (int s = 0; s < N_SPACES; s++) {
        *in = (struct act_arg){ arg->y - l.y, arg->x - l.x[s], arg->count };
        if (in->y < 0 || in->y >= l.h || in->x < 0 || in->x >= l.w[s])
            continue;
        if ((enum map_space)s != v->focus) {
            v->focus = (enum map_space)s;
            v->linked = false;
        }
        return &v->pane[s];
    }
    return NULL;
}

static void click(struct map_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    struct act_arg in;
    struct map_pane *p = pane_under(v, arg, &in);

    if (!p)
        return;
    if (pane_act(p, ACT_CLICK, &in) || arg->count != 2)
        moved(v, ui, req);
    else
        open_tile(v, ui, req);
}

/* The wheel zooms around the mouse. */
static void wheel(struct map_view *v, const struct ui *ui, enum action action,
                  const struct act_arg *arg, struct request *req)
{
    struct act_arg in;
    struct map_pane *p = pane_under(v, arg, &in);

    if (!p)
        return;
    if (pane_act(p, ACT_CLICK, &in))
        moved(v, ui, req);
    pane_zoom(p, action == ACT_SCROLL_UP ? 1 : -1);
    zoom_message(v, ui, req);
}

static void map_act(void *state, const struct ui *ui, enum action action,
                    const struct act_arg *arg, struct request *req)
{
    struct map_view *v = state;
    struct map_pane *p = map_focus(v);

    switch (action) {
    case ACT_ZOOM_IN: case ACT_ZOOM_OUT:
        pane_zoom(p, action == ACT_ZOOM_IN ? 1 : -1);
        zoom_message(v, ui, req);
        break;
    case ACT_ZOOM_ALL:
        p->whole = true;
        break;
    case ACT_ZOOM_ONE:
        pane_zoom_one(p);
        break;
    case ACT_SPACE: case ACT_PANE:
        change_space(v, ui, req);
        break;
    case ACT_STYLE:
        next_style(v, ui, req);
        break;
    case ACT_CURVE:
        v->hilbert = !v->hilbert;
        request_message(req, v->hilbert
                                 ? "Hilbert curve: what is near in the file is near here"
                                 : "Rows");
        break;
    case ACT_COLOURING:
        next_colouring(v, ui, req);
        break;
    case ACT_LEGEND:
        v->legend = !v->legend;
        break;
    case ACT_OPEN:
        open_tile(v, ui, req);
        break;
    case ACT_STOP:
        lookup_stop(&v->lookup);
        if (v->surveying.task)
            task_cancel(v->surveying.task);
        break;
    case ACT_CLICK:
        click(v, ui, arg, req);
        break;
    case ACT_SCROLL_UP: case ACT_SCROLL_DOWN:
        wheel(v, ui, action, arg, req);
        break;
    default:
        if (pane_act(p, action, arg))
            moved(v, ui, req);
    }
}

static int map_waiting(const void *state)
{
    const struct map_view *v = state;

    const int all[] = { v->surveying.task ? task_fd(v->surveying.task) : -1,
                        lookup_fd(&v->lookup), peek_fd(&v->peek) };
    int ended = -1;

    /* Several may run: one that does, before one that has ended. */
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct pollfd one = { all[i], POLLIN, 0 };

        if (all[i] >= 0 && poll(&one, 1, 0) == 0)
            return all[i];
        if (all[i] >= 0)
            ended = all[i];
    }
    return ended;
}

static void map_search(void *state, const struct ui *ui, const char *text, int dir,
                       struct request *req)
{
    map_find_text(state, ui, text, dir, req);
}

static void map_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct map_view *v = state;
    const struct map_pane *p = &v->pane[v->focus];
    char a[TEXT_NUM];

    (void)ui;
    if (p->per > 1)
        buf_printf(out, "%s clusters a cell", text_group(a, p->per));
    else
        buf_puts(out, "1:1");
}

const struct view_class view_map = {
    .name = "Map",
    .title = "Map of the file and of the guest disk",
    .create = map_create,
    .destroy = map_destroy,
    .show = map_show,
    .lit = map_lit,
    .reloaded = map_reloaded,
    .relayered = map_relayered,
    .prepare = map_prepare,
    .draw = map_view_draw,
    .act = map_act,
    .search = map_search,
    .sought = "a letter of the legend or a name: leaked; ! for a problem",
    .teach = map_teach,
    .waiting = map_waiting,
    .status = map_status,
};
