/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/disk_view.h"
#include "ui/where.h"

static bool disk_create(const struct ui *ui, void **state)
{
    struct disk_view *v = calloc(1, sizeof *v);

    (void)ui;
    if (v)
        v->pane = PANE_VOLUMES;
    *state = v;
    return v != NULL;
}

static void disk_destroy(void *state)
{
    free(state);
}

const struct volumes *disk_volumes(const struct ui *ui)
{
    static const struct volumes none = { NULL, 0 };

    return ui->tenants->volumes_state == TENANTS_KNOWN ? &ui->tenants->volumes : &none;
}

const struct volume_items *disk_items(const struct ui *ui)
{
    static const struct volume_items none = VOLUME_ITEMS_INIT;

    return ui->tenants->losses_state == TENANTS_KNOWN ? &ui->tenants->items : &none;
}

/* --- places --- */

static uint64_t guest_of_volume(const struct volume *vol)
{
    return vol->n_extents ? vol->extents[0].guest_off : vol->kind == VOLUME_DISK ? 0 : NO_ADDRESS;
}

/* The guest byte of the line under the cursor; NO_ADDRESS: it has none. */
static uint64_t guest_here(const struct disk_view *v, const struct ui *ui)
{
    uint64_t at = v->list[v->pane].at;

    if (v->pane == PANE_VOLUMES && at < disk_volumes(ui)->n)
        return guest_of_volume(&disk_volumes(ui)->list[at]);
    if (v->pane == PANE_FILES && at < disk_items(ui)->n)
        return disk_items(ui)->item[at].first;
    return NO_ADDRESS;
}

static bool place_here(const struct disk_view *v, const struct ui *ui, struct place *out)
{
    *out = (struct place){ .kind = PLACE_GUEST, .layer = ui->layer, .file_off = NO_ADDRESS,
                           .guest_off = guest_here(v, ui) };
    return out->guest_off != NO_ADDRESS;
}

/* The cursor goes to the volume that holds a guest byte, or stays on the file that lost it. */
static void stand_on(struct disk_view *v, const struct ui *ui, const struct place *place)
{
    const struct volumes *vols = disk_volumes(ui);
    const struct volume_items *items = disk_items(ui);
    uint64_t start, len, off;

    v->wanted = !vols->n;
    if (!vols->n || place->layer != ui->layer || !where_guest(ui, place, &start, &len))
        return;
    if (place->kind == PLACE_GUEST)
        start = place->guest_off;
    list_go(&v->list[PANE_VOLUMES], volumes_find(vols, start, &off));
    for (size_t i = 0; i < items->n; i++) {
        if (items->item[i].first == start) {
            if (v->list[PANE_FILES].at >= items->n ||
                items->item[v->list[PANE_FILES].at].first != start)
                list_go(&v->list[PANE_FILES], i);
            return;
        }
    }
    if (v->pane == PANE_FILES)
        v->pane = PANE_VOLUMES;
}

static void disk_show(void *state, const struct ui *ui, const struct place *place)
{
    stand_on(state, ui, place);
}

static enum lit disk_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct disk_view *v = state;
    const struct volumes *vols = disk_volumes(ui);
    uint64_t here = where_guest_byte(ui), off;

    if (!place_here(v, ui, out))
        return LIT_HERE;
    if (v->pane == PANE_VOLUMES && here != NO_ADDRESS &&
        volumes_find(vols, here, &off) == v->list[PANE_VOLUMES].at)
        return LIT_HERE;
    return v->pane == PANE_FILES && here == out->guest_off ? LIT_HERE : LIT_OTHER;
}

static void disk_relayered(void *state, const struct ui *ui)
{
    struct disk_view *v = state;

    v->list[PANE_LAYERS].at = ui->layer;
    v->list[PANE_VOLUMES] = v->list[PANE_FILES] = (struct list){ 0, 0, 0, 0 };
    v->wanted = true;
}

/* --- frame --- */

static uint64_t rows_of(const struct ui *ui, enum disk_pane pane)
{
    return pane == PANE_LAYERS ? (uint64_t)ui->img->snaps.n + 1
         : pane == PANE_VOLUMES ? disk_volumes(ui)->n : disk_items(ui)->n;
}

void disk_layout(const struct disk_view *v, const struct ui *ui, int rows,
                 struct disk_layout *out)
{
    int layers = (int)u64_min(rows_of(ui, PANE_LAYERS), (uint64_t)(rows > 12 ? rows / 6 : 1));
    int volumes = (int)u64_min(u64_max(rows_of(ui, PANE_VOLUMES), 1), 1000);
    int gap = rows >= 18;
    int y = 1;

    *out = (struct disk_layout){ .heads = rows > 1 };
    if (rows < 8) {                     /* the list that the cursor is in */
        out->y[v->pane] = rows > 1;
        out->h[v->pane] = rows - (rows > 1);
        return;
    }
    out->y[PANE_LAYERS] = y;
    out->h[PANE_LAYERS] = layers;
    y += layers + 1 + gap;
    out->y[PANE_VOLUMES] = y;
    out->h[PANE_VOLUMES] = volumes < (rows - y) / 2 ? volumes : (rows - y) / 2;
    y += out->h[PANE_VOLUMES];
    if (rows >= 14)
        out->note_y = y++;
    y += 1 + gap;
    out->y[PANE_FILES] = y;
    out->h[PANE_FILES] = rows - y;
}

static void disk_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct disk_view *v = state;
    struct disk_layout l;

    (void)cols;
    v->rows = rows;
    if (v->wanted && disk_volumes(ui)->n)
        stand_on(v, ui, where_subject(ui));
    v->age = ui->tenants->age;
    disk_layout(v, ui, rows, &l);
    for (int p = 0; p < N_DISK_PANES; p++)
        list_fit(&v->list[p], rows_of(ui, (enum disk_pane)p), l.h[p]);
}

/* --- actions --- */

static void moved(const struct disk_view *v, const struct ui *ui, struct request *req)
{
    struct place place;

    if (place_here(v, ui, &place))
        request_moved(req, &place);
}

static void open_line(const struct disk_view *v, const struct ui *ui, struct request *req)
{
    struct place place;

    if (v->pane == PANE_LAYERS) {
        req->kind = REQ_LAYER;
        req->layer = (uint32_t)v->list[PANE_LAYERS].at;
    } else if (place_here(v, ui, &place)) {
        request_go(req, &place, v->pane == PANE_VOLUMES ? VIEW_MAP : N_VIEWS);
    } else {
        request_message(req, "There is no place to go to here");
    }
}

static void next_pane(struct disk_view *v, const struct ui *ui, struct request *req)
{
    do
        v->pane = (enum disk_pane)((v->pane + 1) % N_DISK_PANES);
    while (!rows_of(ui, v->pane));
    moved(v, ui, req);
}

static void click(struct disk_view *v, const struct ui *ui, const struct act_arg *arg,
                  struct request *req)
{
    struct disk_layout l;

    disk_layout(v, ui, v->rows, &l);
    for (int p = 0; p < N_DISK_PANES; p++) {
        struct act_arg in = { arg->y - l.y[p], arg->x, arg->count };

        if (in.y < 0 || in.y >= l.h[p] || (uint64_t)in.y >= v->list[p].n)
            continue;
        v->pane = (enum disk_pane)p;
        list_act(&v->list[p], ACT_CLICK, &in);
        moved(v, ui, req);
        if (arg->count == 2)
            open_line(v, ui, req);
    }
}

static void disk_act(void *state, const struct ui *ui, enum action action,
                     const struct act_arg *arg, struct request *req)
{
    struct disk_view *v = state;

    switch (action) {
    case ACT_OPEN: case ACT_RIGHT:
        open_line(v, ui, req);
        break;
    case ACT_PANE:
        next_pane(v, ui, req);
        break;
    case ACT_CLICK:
        click(v, ui, arg, req);
        break;
    default:
        if (list_act(&v->list[v->pane], action, arg))
            moved(v, ui, req);
    }
}

/* --- search --- */

static void line_text(const struct disk_view *v, const struct ui *ui, uint64_t i, struct buf *out)
{
    const struct volumes *vols = disk_volumes(ui);

    buf_reset(out);
    if (v->pane == PANE_LAYERS)
        where_layer(ui->img, (uint32_t)i, out);
    else if (v->pane == PANE_VOLUMES)
        buf_printf(out, "%s %s %s", vols->list[i].name, vols->list[i].type, vols->list[i].label);
    else
        volume_item_text(vols, &disk_items(ui)->item[i], out);
}

static void disk_search(void *state, const struct ui *ui, const char *text, int dir,
                        struct request *req)
{
    struct disk_view *v = state;
    struct list *list = &v->list[v->pane];
    struct buf line = BUF_INIT;
    bool found = false;

    for (uint64_t k = 1; !found && k <= list->n; k++) {
        uint64_t i = (list->at + (dir > 0 ? k : list->n - k)) % list->n;

        line_text(v, ui, i, &line);
        found = strcasestr(buf_str(&line), text) != NULL;
        if (found)
            list_go(list, i);
    }
    buf_free(&line);
    if (found)
        moved(v, ui, req);
    else
        request_message(req, "No line here has this in it: %.200s", text);
}

static void disk_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct disk_view *v = state;
    const struct list *list = &v->list[v->pane];
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (list->n)
        buf_printf(out, "%s of %s", text_group(a, list->at + 1), text_group(b, list->n));
}

const struct view_class view_disk = {
    .name = "Disk",
    .title = "The guest's disk: partitions, file systems, files that are hit",
    .create = disk_create,
    .destroy = disk_destroy,
    .show = disk_show,
    .lit = disk_lit,
    .relayered = disk_relayered,
    .prepare = disk_prepare,
    .draw = disk_draw,
    .act = disk_act,
    .search = disk_search,
    .sought = "a name, or part of it",
    .teach = disk_teach,
    .status = disk_status,
};
