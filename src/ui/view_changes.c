/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "base/text.h"
#include "ui/changes_view.h"
#include "ui/map_view.h"
#include "ui/where.h"

/* --- life --- */

static bool changes_create(const struct ui *ui, void **state)
{
    struct changes_view *v = calloc(1, sizeof *v);

    if (!v)
        return false;
    for (int i = 0; i < N_CHANGES_PANES; i++)
        pane_init(&v->pane[i], SPACE_FILE, ui);
    v->focus = IN_LIST;
    *state = v;
    return true;
}

static void changes_destroy(void *state)
{
    struct changes_view *v = state;

    for (int i = 0; i < N_CHANGES_PANES; i++)
        pane_free(&v->pane[i]);
    free(v);
}

static void changes_show(void *state, const struct ui *ui, const struct place *place)
{
    struct changes_view *v = state;
    const struct compared *c = ui->compared;
    uint64_t cluster, start, len;

    if (!c)
        return;
    if (v->space == SPACE_FILE && where_cluster(ui, place, &cluster))
        changes_go(v, cluster >> changes_shift(c, changes_side_of(c, SIDE_SHOWN)));
    else if (v->space == SPACE_GUEST && place->layer == ui->layer
             && where_guest(ui, place, &start, &len))
        changes_go(v, start >> changes_unit_bits(c));
}

static void changes_reloaded(void *state, const struct ui *ui)
{
    struct changes_view *v = state;

    (void)ui;
    for (int i = 0; i < N_CHANGES_PANES; i++)
        v->pane[i].made.valid = false;
}

/* --- frame --- */

static void changes_view_draw(const void *state, const struct ui *ui, const struct area *a)
{
    changes_draw(state, ui, a);
}

/* --- actions --- */

static struct place place_of_cursor(const struct changes_view *v, const struct ui *ui,
                                    enum compared_which which)
{
    const struct compared *c = ui->compared;
    const struct compared_side *side = changes_side_of(c, which);
    uint64_t at = v->pane[PANE_CHANGES].at;

    if (v->space == SPACE_GUEST)
        return (struct place){ .kind = PLACE_GUEST, .layer = side->layer, .file_off = NO_ADDRESS,
                               .guest_off = at << changes_unit_bits(c) };
    return (struct place){ .kind = PLACE_CLUSTER, .i = at << changes_shift(c, side),
                           .guest_off = NO_ADDRESS };
}

static enum lit changes_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct changes_view *v = state;
    uint64_t at = v->pane[PANE_CHANGES].at, start, len;
    const struct compared *c = ui->compared;

    if (!c)
        return LIT_HERE;
    if (v->space == SPACE_FILE) {
        if (where_cluster(ui, &ui->here, &start)
            && start >> changes_shift(c, changes_side_of(c, SIDE_SHOWN)) == at)
            return LIT_HERE;
    } else if (ui->here.layer == ui->layer && where_guest(ui, &ui->here, &start, &len)
               && start >> changes_unit_bits(c) == at) {
        return LIT_HERE;
    }
    *out = place_of_cursor(v, ui, SIDE_SHOWN);
    return LIT_OTHER;
}

static void moved(struct changes_view *v, const struct ui *ui, struct request *req)
{
    struct place place = place_of_cursor(v, ui, SIDE_SHOWN);

    changes_follow(v);
    request_moved(req, &place);
}

/* The list has moved: so do the maps. */
static void follow_list(struct changes_view *v, const struct ui *ui, struct request *req)
{
    uint64_t first, n;

    if (v->list.at >= changes_n(v, ui))
        return;
    changes_at(v, ui, (size_t)v->list.at, &first, &n);
    changes_go(v, first);
    moved(v, ui, req);
}

/* The maps have moved: the list shows the last change up to there. */
static void follow_maps(struct changes_view *v, const struct ui *ui, struct request *req)
{
    size_t i = changes_before(v, ui, v->pane[PANE_CHANGES].at);

    if (i < changes_n(v, ui))
        list_go(&v->list, i);
    moved(v, ui, req);
}

static void step(struct changes_view *v, const struct ui *ui, int dir, struct request *req)
{
    size_t n = changes_n(v, ui), i = changes_before(v, ui, v->pane[PANE_CHANGES].at);
    uint64_t first = 0, len;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!n) {
        request_message(req, !ui->compared->diff ? "Changes are known when both are scanned"
                             : ui->compared->a.gone ? "Nothing differs"
                             : "Nothing differs here; t shows the other side");
        return;
    }
    if (v->list.at < n && i < n) {              /* several may begin in one cluster */
        changes_at(v, ui, (size_t)v->list.at, &first, &len);
        if (first == v->pane[PANE_CHANGES].at)
            i = (size_t)v->list.at;
    }
    if (i == n)
        i = dir > 0 ? 0 : n - 1;
    else if (dir > 0)
        i = (i + 1) % n;
    else if (first == v->pane[PANE_CHANGES].at)
        i = (i + n - 1) % n;
    list_go(&v->list, i);
    follow_list(v, ui, req);
    request_message(req, "Change %s of %s", text_group(a, i + 1), text_group(b, n));
}

static void open_in(struct changes_view *v, const struct ui *ui, enum compared_which side,
                    struct request *req)
{
    struct place place = place_of_cursor(v, ui, side);

    request_go(req, &place, N_VIEWS);
    req->inside = true;
    req->side = side;
}

static void change_space(struct changes_view *v, const struct ui *ui, struct request *req)
{
    const struct compared *c = ui->compared;

    if (c->a.gone)
        request_message(req, "Of the image before only its scan is left: the file is compared");
    else if (v->space == SPACE_GUEST && c->a.img->geo.cluster_bits != c->b.img->geo.cluster_bits)
        request_message(req, "The sizes of clusters differ: the files have no map in common");
    else
        changes_choose(v, v->space == SPACE_FILE ? SPACE_GUEST : SPACE_FILE);
}

static bool inside(const struct changes_part *p, const struct act_arg *arg, struct act_arg *in)
{
    *in = (struct act_arg){ arg->y - p->y, arg->x - p->x, arg->count };
    return in->y >= 0 && in->y < p->h && in->x >= 0 && in->x < p->w;
}

static void click(struct changes_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    struct changes_layout l = changes_layout(v, v->rows, v->cols);
    struct act_arg in;

    for (int i = 0; i < N_CHANGES_PANES; i++) {
        if (!inside(&l.pane[i], arg, &in))
            continue;
        v->focus = IN_MAPS;
        if (pane_act(&v->pane[PANE_CHANGES], ACT_CLICK, &in) || arg->count != 2)
            follow_maps(v, ui, req);
        else
            open_in(v, ui, i == PANE_A ? SIDE_A : i == PANE_B ? SIDE_B : SIDE_SHOWN, req);
        return;
    }
    if (l.words.h && inside(&l.words, arg, &in)) {
        v->focus = IN_WORDS;
    } else if (l.list.h && inside(&l.list, arg, &in) && --in.y >= 0) {
        v->focus = IN_LIST;
        list_act(&v->list, ACT_CLICK, &in);
        follow_list(v, ui, req);
        if (arg->count == 2)
            open_in(v, ui, SIDE_SHOWN, req);
    }
}

static void scroll_words(struct changes_view *v, int lines)
{
    v->words_top += lines;                      /* prepare() brings it into range */
}

static void wheel(struct changes_view *v, const struct ui *ui, enum action action,
                  const struct act_arg *arg, struct request *req)
{
    struct changes_layout l = changes_layout(v, v->rows, v->cols);
    const int dir = action == ACT_SCROLL_UP ? -1 : 1;
    struct act_arg in;

    if (l.words.h && inside(&l.words, arg, &in)) {
        scroll_words(v, dir * arg->count);
    } else if (l.list.h && inside(&l.list, arg, &in)) {
        if (list_act(&v->list, action, &in))
            follow_list(v, ui, req);
    } else {
        pane_zoom(&v->pane[PANE_CHANGES], -dir);
        changes_follow(v);
    }
}

static void move(struct changes_view *v, const struct ui *ui, enum action action,
                 const struct act_arg *arg, struct request *req)
{
    const int page = v->words_h > 1 ? v->words_h - 1 : 1;

    if (v->focus == IN_MAPS && pane_act(&v->pane[PANE_CHANGES], action, arg))
        follow_maps(v, ui, req);
    else if (v->focus == IN_LIST && list_act(&v->list, action, arg))
        follow_list(v, ui, req);
    else if (v->focus == IN_WORDS)
        scroll_words(v, action == ACT_UP ? -1 : action == ACT_DOWN ? 1
                        : action == ACT_PAGE_UP || action == ACT_HALF_UP ? -page
                        : action == ACT_PAGE_DOWN || action == ACT_HALF_DOWN ? page
                        : action == ACT_TOP ? -v->words_top
                        : action == ACT_BOTTOM ? v->words_n : 0);
}

static void changes_act(void *state, const struct ui *ui, enum action action,
                        const struct act_arg *arg, struct request *req)
{
    struct changes_view *v = state;
    struct map_pane *p = &v->pane[PANE_CHANGES];

    if (!ui->compared)
        return;
    switch (action) {
    case ACT_ZOOM_IN: case ACT_ZOOM_OUT:
        pane_zoom(p, action == ACT_ZOOM_IN ? 1 : -1);
        break;
    case ACT_ZOOM_ALL:
        p->whole = true;
        break;
    case ACT_ZOOM_ONE:
        pane_zoom_one(p);
        break;
    case ACT_STYLE:
        v->style = (enum map_style)((p->style + 1) % N_STYLES);
        v->style_chosen = true;
        break;
    case ACT_CURVE:
        v->hilbert = !v->hilbert;
        break;
    case ACT_SPACE:
        change_space(v, ui, req);
        break;
    case ACT_PANE:
        v->focus = (enum changes_focus)((v->focus + 1) % N_CHANGES_FOCUS);
        break;
    case ACT_NEXT_CHANGE: case ACT_PREV_CHANGE:
        step(v, ui, action == ACT_NEXT_CHANGE ? 1 : -1, req);
        break;
    case ACT_OPEN:
        open_in(v, ui, SIDE_SHOWN, req);
        break;
    case ACT_OPEN_A: case ACT_OPEN_B:
        open_in(v, ui, action == ACT_OPEN_A ? SIDE_A : SIDE_B, req);
        break;
    case ACT_CLICK:
        click(v, ui, arg, req);
        break;
    case ACT_SCROLL_UP: case ACT_SCROLL_DOWN:
        wheel(v, ui, action, arg, req);
        break;
    default:
        move(v, ui, action, arg, req);
    }
    changes_follow(v);
}

static void changes_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct changes_view *v = state;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (changes_n(v, ui))
        buf_printf(out, "%s of %s", text_group(a, v->list.at + 1),
                   text_group(b, changes_n(v, ui)));
}

static void changes_teach(const void *state, const struct ui *ui, struct buf *out)
{
    (void)state;
    (void)ui;
    buf_puts(out,
        "Two sides are laid side by side: two images, the image as it is and as it would be "
        "under the plan, the file that is watched before its last change and now, or two layers "
        "of one image (a snapshot that is shown, and the disk as it is now). The map on the right "
        "says what became of each cluster from A to B: new, "
        "freed, moved, used for something else, a table rewritten.\n\n"
        "Metadata is compared, not the guest's data: what the guest has overwritten in its "
        "place is not seen here. qemu-img compare reads all data.\n\n"
        "In the file a cluster is new when it is in use in B only, and freed when it is in use "
        "in A only. Of the guest's disk a part is new when it is stored in B only; it has moved "
        "when it is stored in another place: after a snapshot was taken, every cluster that is "
        "written again moves once.\n\n"
        "Problems of both sides are compared place by place, however the scans have cut them "
        "into runs. While a guest writes to the file that is watched, problems appear that are "
        "gone at the next scan; those that are the same in several scans are real.\n");
}

const struct view_class view_changes = {
    .name = "Changes",
    .brief = "Chg",
    .title = "Changes: what differs between two sides",
    .create = changes_create,
    .destroy = changes_destroy,
    .show = changes_show,
    .lit = changes_lit,
    .reloaded = changes_reloaded,
    .prepare = changes_prepare,
    .draw = changes_view_draw,
    .act = changes_act,
    .teach = changes_teach,
    .status = changes_status,
};
