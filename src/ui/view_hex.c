/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "scan/guest.h"
#include "ui/hex_values.h"
#include "ui/hex_view.h"
#include "ui/where.h"

static bool hex_create(const struct ui *ui, void **state)
{
    struct hex_view *v = calloc(1, sizeof *v);

    (void)ui;
    if (!v)
        return false;
    v->per_line = 16;
    v->lines = 1;
    *state = v;
    return true;
}

void hex_leave_plain(struct hex_view *v)
{
    if (v->plain)
        v->at = v->file_at;
    free(v->plain);
    free(v->plain_mark);
    v->plain = NULL;
    v->plain_mark = NULL;
    v->page.title[0] = '\0';
}

static void hex_destroy(void *state)
{
    struct hex_view *v = state;

    hex_hunt_drop(v);
    task_finish(v->hunt.task, NULL);
    hex_unpack_free(&v->unpack);
    peek_free(&v->peek);
    hex_leave_plain(v);
    hex_guest_free(&v->guest);
    hexdata_free(&v->data);
    free(v);
}

static uint64_t size_of(const struct hex_view *v, const struct ui *ui)
{
    return v->guest.on ? v->guest.size
         : v->plain    ? ui->img->geo.cluster_size : ui->img->geo.file_size;
}

/* Keeps what a place tells about guest data: then the place line knows the guest
 * offset. */
static void remember_guest(struct hex_view *v, const struct ui *ui, const struct place *p)
{
    const struct geometry *geo = &ui->img->geo;
    struct guest_hit hit;

    if (p->guest_off == NO_ADDRESS || p->file_off == NO_ADDRESS ||
        (p->kind != PLACE_FILE_OFFSET && p->kind != PLACE_CLUSTER &&
         p->kind != PLACE_GUEST) ||
        !guest_lookup(ui->img, p->layer, p->guest_off, &hit, NULL))
        return;
    if (hit.entry.host_off == 0 || p->file_off < hit.entry.host_off ||
        p->file_off - hit.entry.host_off >= u64_max(hit.entry.host_len, 1))
        return;
    v->data_off = hit.entry.host_off;
    v->data_len =
        hit.entry.type == L2_COMPRESSED ? hit.entry.host_len : geo->cluster_size;
    v->data_guest = p->guest_off & ~(geo->cluster_size - 1);
    v->data_layer = p->layer;
}

static void hex_show(void *state, const struct ui *ui, const struct place *place)
{
    struct hex_view *v = state;

    if (place_equal(place, &v->said) && place->file_off == v->said.file_off)
        return;                         /* coming back: keep everything as it was */
    hex_hunt_drop(v);
    hex_leave_plain(v);
    v->guest.on = v->guest.on && place->kind == PLACE_GUEST &&
                  hex_guest_open(&v->guest, ui, place->layer, NULL) &&
                  place->guest_off < v->guest.size;
    if (v->guest.on) {
        v->page.title[0] = '\0';
        v->at = place->guest_off;
        return;
    }
    if (hex_page_of(ui, place, &v->page))
        return;
    v->at = place->file_off;
    remember_guest(v, ui, place);
}

static enum lit hex_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct hex_view *v = state;

    if (place_equal(&ui->here, &v->said) || ui->here.file_off == v->at || v->plain || v->guest.on ||
        *v->page.title)
        return LIT_HERE;
    *out = (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = v->at,
                           .guest_off = NO_ADDRESS };
    return LIT_OTHER;
}

/* The guest offset under the cursor: NO_ADDRESS where it is not known. */
static uint64_t guest_here(const struct hex_view *v, const struct ui *ui, uint32_t *layer)
{
    const struct place *site = &ui->site.place;
    const struct place *p = site->kind == PLACE_L1 || site->kind == PLACE_L2 ? site : &ui->here;
    uint64_t in = v->at & (ui->img->geo.cluster_size - 1);

    *layer = p->layer;
    if (v->guest.on) {
        *layer = v->guest.layer;
        return v->at;
    }
    if (v->plain || *v->page.title || p == site || ui->here.guest_off != NO_ADDRESS)
        return p->kind == PLACE_L1 ? geo_guest_off(&ui->img->geo, p->i, 0)
             : p->kind == PLACE_L2 ? geo_guest_off(&ui->img->geo, p->i, p->j) : p->guest_off;
    if (ui->owner.kind != PLACE_L2 || ui->owner.guest_off == NO_ADDRESS)
        return NO_ADDRESS;
    *layer = ui->owner.layer;
    return ui->owner.guest_off + in;
}

static void show_plain(struct hex_view *v, uint64_t size, size_t len)
{
    hexdata_copy(&v->data, v->plain, size, v->top, len);
    hexdata_mark(&v->data, v->plain_mark, 0, size);
}

static void hex_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct hex_view *v = state;
    uint64_t size = size_of(v, ui);
    uint64_t page;
    uint64_t line;
    uint64_t guest_off;
    uint32_t layer;

    if (v->plain && !v->unpack.task && (v->plain_of != ui->img || v->plain_beside != ui->other))
        hex_unpack_again(v, ui);
    v->per_line = cols >= 146  ? 32
                  : cols >= 79 ? 16
                  : cols >= 46 ? 8
                  : cols >= 30 ? 4
                               : 2;
    v->lines = rows - hex_detail_rows(rows) - hex_head_rows(v, rows);
    if (v->lines < 1)
        v->lines = 1;
    line = (uint64_t)v->per_line;
    page = (uint64_t)v->lines * line;
    if (v->at >= size)
        v->at = size ? size - 1 : 0;
    v->top -= v->top % line;
    if (v->at < v->top || v->at - v->top >= page) {
        uint64_t row = v->at / line * line;
        bool next = v->at >= v->top && v->at - v->top < page + line;
        bool before = v->at < v->top && v->top - v->at <= line;

        v->top = next     ? row - (page - line)
                 : before ? row
                          : row - u64_min(row, page / 3 / line * line);
    }
    if (v->plain || v->guest.on || *v->page.title || v->at >= ui->img->geo.file_len)
        peek_forget(&v->peek);
    else
        peek_want(&v->peek, ui->img, v->at & ~(ui->img->geo.cluster_size - 1));
    page += HEX_VALUES_BYTES;
    if (v->guest.on)
        hex_guest_show(&v->guest, ui, &v->data, v->top, (size_t)page);
    else if (v->plain)
        show_plain(v, size, (size_t)page);
    else
        hexdata_read(&v->data, ui->img, v->top, (size_t)page);
    guest_off = guest_here(v, ui, &layer);
    way_find(&v->way, ui, layer, guest_off);
}

void hex_moved(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct place p = { .kind = PLACE_FILE_OFFSET,
                       .file_off = v->at,
                       .guest_off = NO_ADDRESS };

    (void)ui;
    if (v->guest.on) {
        p.kind = PLACE_GUEST;
        p.guest_off = v->at;
        p.layer = v->guest.layer;
    } else if (v->plain) {
        p.file_off = v->stream.host_off;
        p.guest_off = v->stream.guest_off + v->at;
        p.layer = v->stream.layer;
    } else if (v->at >= v->data_off && v->at - v->data_off < v->data_len) {
        p.guest_off = v->data_guest + (v->at - v->data_off);
        p.layer = v->data_layer;
    }
    v->said = p;
    request_moved(req, &p);
}

static void toggle_plain(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_unpack *u = &v->unpack;

    if (v->guest.on) {
        request_message(req, "The guest's disk is decompressed. T: the bytes of the file");
    } else if (v->plain || v->page.stream) {
        hex_leave_plain(v);
        hex_moved(v, ui, req);
    } else if (u->task) {
        request_message(req, "One moment: the cluster before is still being read");
    } else {
        *u = (struct hex_unpack){ .file_at = v->at,
                                  .what = { ui->img, ui->scan, ui->site.place, ui->here,
                                            ui->threads } };
        if (v->hunt.task)
            v->unpack_next = true;
        else
            hex_unpack_begin(v, ui, req);
    }
}

/* The next field or entry; in data, the next cluster. */
static void step_entry(struct hex_view *v, const struct ui *ui, int dir)
{
    const struct site none = { .place = { .kind = PLACE_NONE } };
    const struct site *site = v->guest.on ? &none : &ui->site;
    uint64_t cluster = ui->img->geo.cluster_size;
    uint64_t start = v->at & ~(cluster - 1);
    uint64_t len = cluster;

    if (v->plain)
        return;
    if (site->place.kind != PLACE_NONE) {
        start = site->start;
        len = site->len;
    }
    if (dir > 0)
        v->at = start > UINT64_MAX - len ? v->at : start + len;
    else if (v->at > start && site->place.kind == PLACE_NONE)
        v->at = start;
    else
        v->at = start > 0 ? start - 1 : 0;
    if (dir < 0 && site->place.kind != PLACE_NONE) {
        struct site before;

        site_at(ui->img, ui->scan, &site->place, v->at, &before);
        if (before.place.kind != PLACE_NONE)
            v->at = before.start;
    }
}

/* Shows the guest's disk, or the file. */
static void hex_turn(struct hex_view *v, const struct ui *ui, struct request *req)
{
    uint32_t layer;
    uint64_t guest_off = guest_here(v, ui, &layer);
    struct place p = { .kind = PLACE_GUEST, .layer = layer, .guest_off = guest_off };
    struct error err;

    if (guest_off == NO_ADDRESS) {
        p.layer = layer = ui->layer;
        p.guest_off = guest_off = 0;
        request_message(req, "No guest data, as far as is known: the disk from its start");
    }
    if (v->guest.on) {
        v->guest.on = false;
        where_complete(ui->img, &p);
        if (!hex_page_of(ui, &p, &v->page)) {
            v->at = p.file_off;
            remember_guest(v, ui, &p);
        }
        v->said = p;
        request_moved(req, &p);
    } else if (!hex_guest_open(&v->guest, ui, layer, &err)) {
        request_message(req, "%.250s", err.text);
    } else if (guest_off >= v->guest.size) {
        v->guest.on = false;
        request_message(req, "This lies past the end of the guest's disk");
    } else {
        hex_leave_plain(v);
        v->page.title[0] = '\0';
        v->at = guest_off;
        hex_moved(v, ui, req);
    }
}

static bool motion(struct hex_view *v, const struct ui *ui, enum action action,
                   const struct act_arg *arg)
{
    uint64_t last = size_of(v, ui) ? size_of(v, ui) - 1 : 0;
    uint64_t line = (uint64_t)v->per_line;
    uint64_t page = line * (uint64_t)v->lines;
    uint64_t by = line * (uint64_t)(arg->count > 0 ? arg->count : 1);
    uint64_t down = 0;
    uint64_t up = 0;

    switch (action) {
    case ACT_LEFT: up = 1; break;
    case ACT_RIGHT: down = 1; break;
    case ACT_UP: up = v->at >= line ? line : 0; break;
    case ACT_DOWN: down = last - v->at >= line ? line : 0; break;
    case ACT_SCROLL_UP: up = by; v->top -= u64_min(v->top, by); break;
    case ACT_SCROLL_DOWN: down = by; v->top = u64_min(v->top + by, last); break;
    case ACT_PAGE_UP: up = page; v->top -= u64_min(v->top, page); break;
    case ACT_PAGE_DOWN: down = page; v->top = u64_min(v->top + page, last); break;
    case ACT_HALF_UP: up = page / 2; break;
    case ACT_HALF_DOWN: down = page / 2; break;
    case ACT_TOP: up = v->at; break;
    case ACT_BOTTOM: down = last; break;
    case ACT_LINE_START: up = v->at % line; break;
    case ACT_LINE_END: down = line - 1 - v->at % line; break;
    default: return false;
    }
    v->at -= u64_min(up, v->at);
    v->at = down > last - u64_min(v->at, last) ? last : v->at + down;
    return true;
}

/* The byte under the mouse; the one under the cursor where there is none. */
static uint64_t at_click(const struct hex_view *v, const struct act_arg *arg)
{
    int y = arg->y - hex_head_rows(v, v->lines + 2);

    for (int i = 0; i < v->per_line && y >= 0 && y < v->lines; i++) {
        int hex = hex_column(v, i);

        if ((arg->x >= hex && arg->x < hex + 3) || arg->x == hex_text_column(v, i))
            return v->data.start + (uint64_t)y * (uint64_t)v->per_line + (uint64_t)i;
    }
    return v->at;
}

static void hex_act(void *state, const struct ui *ui, enum action action,
                    const struct act_arg *arg, struct request *req)
{
    struct hex_view *v = state;

    if (*v->page.title && action != ACT_DECOMPRESS && action != ACT_STOP &&
        action != ACT_SPACE) {
        if (action == ACT_OPEN)
            request_message(req, "There are no bytes here. Backspace: back");
        return;
    }
    switch (action) {
    case ACT_SPACE:
        hex_hunt_drop(v);
        hex_turn(v, ui, req);
        return;
    case ACT_OPEN:
        hex_follow(v, ui, req);
        return;
    case ACT_NEXT_ENTRY:
    case ACT_PREV_ENTRY:
        step_entry(v, ui, action == ACT_NEXT_ENTRY ? 1 : -1);
        v->at = u64_min(v->at, size_of(v, ui) ? size_of(v, ui) - 1 : 0);
        break;
    case ACT_DECOMPRESS:
        hex_hunt_drop(v);
        toggle_plain(v, ui, req);
        return;
    case ACT_STOP:
        hex_hunt_drop(v);
        v->needle.len = 0;
        return;
    case ACT_CLICK:
        if (arg->count == 2 && at_click(v, arg) == v->at) {
            hex_follow(v, ui, req);
            return;
        }
        v->at = at_click(v, arg);
        v->at = u64_min(v->at, size_of(v, ui) ? size_of(v, ui) - 1 : 0);
        break;
    default:
        if (!motion(v, ui, action, arg))
            return;
    }
    hex_hunt_drop(v);
    hex_moved(v, ui, req);
}

static int hex_waiting(const void *state)
{
    const struct hex_view *v = state;

    return v->guest.task ? task_fd(v->guest.task) : v->hunt.task ? task_fd(v->hunt.task)
         : v->unpack.task ? task_fd(v->unpack.task) : peek_fd(&v->peek);
}

static void hex_ended(void *state, const struct ui *ui, struct request *req)
{
    struct hex_view *v = state;

    if (v->guest.task)
        hex_guest_take(&v->guest);
    else
        hex_hunt_ended(v, ui, req);
}

static void hex_reloaded(void *state, const struct ui *ui)
{
    struct hex_view *v = state;

    (void)ui;
    hex_guest_forget(&v->guest);
    peek_forget(&v->peek);
}

/* show() turns to the disk of the place that follows. */
static void hex_relayered(void *state, const struct ui *ui)
{
    struct hex_view *v = state;

    if (v->guest.on && !hex_guest_open(&v->guest, ui, ui->layer, NULL))
        v->guest.on = false;
    hex_hunt_drop(v);
}

static void say(struct buf *out, const char *words)
{
    buf_printf(out, "%s%s", out->len ? " " : "", words);
}

static void hex_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct hex_view *v = state;

    (void)ui;
    if (v->hunt.task) {
        const struct task_run *run = task_progress(v->hunt.task);
        uint64_t total = run->total >> 10;

        buf_printf(out, "searching %u%%",
                   total ? (unsigned)u64_min((run->done >> 10) * 100 / total, 99) : 0);
    }
    if (v->unpack.task)
        say(out, "looking for the compressed cluster");
    if (v->guest.on || v->plain)
        say(out, v->guest.on ? "guest disk" : "decompressed");
}

const struct view_class view_hex = {
    .name = "Hex",
    .title = "Bytes of the file",
    .create = hex_create,
    .destroy = hex_destroy,
    .show = hex_show,
    .lit = hex_lit,
    .reloaded = hex_reloaded,
    .relayered = hex_relayered,
    .prepare = hex_prepare,
    .draw = hex_draw,
    .idle = hex_idle,
    .act = hex_act,
    .search = hex_hunt_find,
    .steps = true,
    .waiting = hex_waiting,
    .ended = hex_ended,
    .sought = "text, or bytes: hex 51 46 49 fb",
    .teach = hex_teach,
    .status = hex_status,
};
