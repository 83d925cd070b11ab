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
#include "ui/hex_view.h"

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

static void leave_plain(struct hex_view *v)
{
    if (v->plain)
        v->at = v->file_at;
    free(v->plain);
    v->plain = NULL;
    v->page.title[0] = '\0';
}

/* The person has moved on: no hit, and no cluster, is wanted any more. */
static void hunt_drop(struct hex_view *v)
{
    v->unpack_next = false;
    hex_unpack_drop(&v->unpack);
    v->hunt.again = false;
    v->hunt.dropped = true;
    if (v->hunt.task)
        task_cancel(v->hunt.task);
}

static void hex_destroy(void *state)
{
    struct hex_view *v = state;

    hunt_drop(v);
    task_finish(v->hunt.task, NULL);
    hex_unpack_free(&v->unpack);
    peek_free(&v->peek);
    free(v->plain);
    hexdata_free(&v->data);
    free(v);
}

static uint64_t size_of(const struct hex_view *v, const struct ui *ui)
{
    return v->plain ? ui->img->geo.cluster_size : ui->img->geo.file_size;
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
    hunt_drop(v);
    leave_plain(v);
    if (hex_page_of(ui, place, &v->page))
        return;
    v->at = place->file_off;
    remember_guest(v, ui, place);
}

static enum lit hex_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct hex_view *v = state;

    if (place_equal(&ui->here, &v->said) || ui->here.file_off == v->at || v->plain || *v->page.title)
        return LIT_HERE;
    *out = (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = v->at,
                           .guest_off = NO_ADDRESS };
    return LIT_OTHER;
}

static void hex_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct hex_view *v = state;
    uint64_t size = size_of(v, ui);
    uint64_t page;
    uint64_t line;

    v->per_line = cols >= 146  ? 32
                  : cols >= 79 ? 16
                  : cols >= 46 ? 8
                  : cols >= 30 ? 4
                               : 2;
    v->lines = rows - hex_detail_rows(rows) - hex_has_title(v, rows);
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
    if (v->plain || *v->page.title || v->at >= ui->img->geo.file_len)
        peek_forget(&v->peek);
    else
        peek_want(&v->peek, ui->img, v->at & ~(ui->img->geo.cluster_size - 1));
    if (v->plain)
        hexdata_copy(&v->data, v->plain, size, v->top, (size_t)page);
    else
        hexdata_read(&v->data, ui->img, v->top, (size_t)page);
}

static void moved(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct place p = { .kind = PLACE_FILE_OFFSET,
                       .file_off = v->at,
                       .guest_off = NO_ADDRESS };

    (void)ui;
    if (v->plain) {
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

static void unpack_start(struct hex_view *v, struct request *req)
{
    struct error err;

    v->unpack_next = false;
    if (!hex_unpack_start(&v->unpack, &err))
        request_message(req, "%.250s", err.text);
}

static void toggle_plain(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_unpack *u = &v->unpack;

    if (v->plain || v->page.stream) {
        leave_plain(v);
        moved(v, ui, req);
    } else if (u->task) {
        request_message(req, "One moment: the cluster before is still being read");
    } else {
        *u = (struct hex_unpack){ .file_at = v->at,
                                  .what = { ui->img, ui->scan, ui->site.place, ui->here,
                                            ui->threads } };
        if (v->hunt.task)
            v->unpack_next = true;
        else
            unpack_start(v, req);
    }
}

/* The next field or entry; in data, the next cluster. */
static void step_entry(struct hex_view *v, const struct ui *ui, int dir)
{
    const struct site *site = &ui->site;
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

static void click(struct hex_view *v, const struct act_arg *arg)
{
    int y = arg->y - (v->plain ? 1 : 0);

    for (int i = 0; i < v->per_line && y >= 0 && y < v->lines; i++) {
        int hex = hex_column(v, i);

        if ((arg->x >= hex && arg->x < hex + 3) || arg->x == hex_text_column(v, i))
            v->at = v->data.start + (uint64_t)y * (uint64_t)v->per_line + (uint64_t)i;
    }
}

static void hex_act(void *state, const struct ui *ui, enum action action,
                    const struct act_arg *arg, struct request *req)
{
    struct hex_view *v = state;
    struct place to;
    const char *why;

    if (*v->page.title && action != ACT_DECOMPRESS && action != ACT_STOP) {
        if (action == ACT_OPEN)
            request_message(req, "There are no bytes here. Backspace: back");
        return;
    }
    switch (action) {
    case ACT_OPEN:
        if (!v->plain && site_target(ui->img, &ui->site, &to, &why))
            request_go(req, &to, VIEW_HEX);
        else
            request_message(req, "%s", v->plain ? "This is guest data" : why);
        return;
    case ACT_NEXT_ENTRY:
    case ACT_PREV_ENTRY:
        step_entry(v, ui, action == ACT_NEXT_ENTRY ? 1 : -1);
        v->at = u64_min(v->at, size_of(v, ui) ? size_of(v, ui) - 1 : 0);
        break;
    case ACT_DECOMPRESS:
        hunt_drop(v);
        toggle_plain(v, ui, req);
        return;
    case ACT_STOP:
        hunt_drop(v);
        v->needle.len = 0;
        return;
    case ACT_CLICK:
        click(v, arg);
        v->at = u64_min(v->at, size_of(v, ui) ? size_of(v, ui) - 1 : 0);
        break;
    default:
        if (!motion(v, ui, action, arg))
            return;
    }
    hunt_drop(v);
    moved(v, ui, req);
}

/* --- search, by text or bytes, on a thread --- */

static bool hunt_work(void *arg, struct task_run *run, struct error *err)
{
    struct hex_hunt *h = arg;

    return hex_search(h->img, &h->needle, &h->from, h->dir, run, &h->hit, err);
}

static void hunt_start(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_hunt *h = &v->hunt;
    struct error err;

    *h = (struct hex_hunt){ .img = ui->img, .needle = v->needle, .dir = v->dir,
                            .from = { v->at, false, 0 } };
    if (v->plain)
        h->from = (struct hex_pos){ v->stream.host_off, true, v->at };
    if (!task_start(hunt_work, h, &h->task, &err)) {
        h->task = NULL;
        request_message(req, "%.250s", err.text);
    }
}

static void hex_find(void *state, const struct ui *ui, const char *text, int dir,
                     struct request *req)
{
    struct hex_view *v = state;
    struct error err;

    if (!needle_parse(text, &v->needle, &err)) {
        request_message(req, "%.250s", err.text);
        return;
    }
    v->dir = dir;
    if (v->unpack.task) {
        request_message(req, "A compressed cluster is being read. Esc stops it");
    } else if (v->hunt.task) {
        v->hunt.again = true;
        task_cancel(v->hunt.task);
    } else {
        hunt_start(v, ui, req);
    }
}

static void say_hit(const struct hex_view *v, struct request *req)
{
    request_message(req, "%sn, N: next hit, hit before  Esc: n and N mean problems",
                    !v->hunt.hit.wrapped ? "" : v->hunt.dir > 0 ? "Round to the start. "
                                                                : "Round to the end. ");
}

static void go_to_hit(struct hex_view *v, const struct ui *ui, const struct hex_hit *hit,
                      struct request *req)
{
    bool same = v->plain && hit->pos.in_stream && hit->pos.off == v->stream.host_off;

    if (hit->pos.in_stream && !same) {
        v->unpack = (struct hex_unpack){ .hit = true, .found = true, .stream = hit->stream,
                                         .at = hit->pos.in, .file_at = hit->pos.off,
                                         .what = { .img = ui->img } };
        unpack_start(v, req);
        return;
    }
    if (!same)
        leave_plain(v);
    v->page.title[0] = '\0';
    v->at = same ? hit->pos.in : hit->pos.off;
    moved(v, ui, req);
    say_hit(v, req);
}

/* A compressed cluster has come. */
static void unpack_ended(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_unpack *u = &v->unpack;
    struct error err;
    bool ok = hex_unpack_end(u, &err);

    if (u->dropped) {
        request_message(req, "Stopped");
    } else if (ok) {
        leave_plain(v);
        v->stream = u->stream;
        v->file_at = u->file_at;
        v->plain = u->plain;
        u->plain = NULL;
        v->at = u->at;
        v->top = 0;
        moved(v, ui, req);
        if (u->hit)
            say_hit(v, req);
    } else if (u->found) {
        leave_plain(v);
        v->stream = u->stream;
        hex_page_undecodable(&v->stream, err.text, &v->page);
    } else {
        request_message(req, "%.250s", err.text);
    }
}

static void hex_ended(void *state, const struct ui *ui, struct request *req)
{
    struct hex_view *v = state;
    struct hex_hunt *h = &v->hunt;
    struct error err;
    bool ok;

    if (!h->task) {
        if (v->unpack.task)
            unpack_ended(v, ui, req);
        return;                         /* else prepare() takes what the cluster looks like */
    }
    ok = task_finish(h->task, &err);
    h->task = NULL;
    if (v->unpack_next) {
        unpack_start(v, req);
    } else if (h->again) {
        hunt_start(v, ui, req);
    } else if (h->dropped) {
        request_message(req, "Search stopped");
    } else if (ok) {
        go_to_hit(v, ui, &h->hit, req);
    } else {
        request_message(req, "%.120s: %.100s%s", err.text, ui->search,
                        h->hit.left_out ? " (not all compressed clusters were looked into)"
                                        : "");
    }
}

static int hex_waiting(const void *state)
{
    const struct hex_view *v = state;

    return v->hunt.task ? task_fd(v->hunt.task)
         : v->unpack.task ? task_fd(v->unpack.task) : peek_fd(&v->peek);
}

static void hex_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct hex_view *v = state;

    (void)ui;
    if (v->hunt.task) {
        const struct task_run *run = task_progress(v->hunt.task);
        uint64_t total = run->total >> 10;

        buf_printf(out, "searching %u%% ",
                   total ? (unsigned)u64_min((run->done >> 10) * 100 / total, 99) : 0);
    }
    if (v->unpack.task)
        buf_puts(out, "looking for the compressed cluster ");
    buf_puts(out, v->plain ? "decompressed " : "");
}

const struct view_class view_hex = {
    .name = "Hex",
    .title = "Bytes of the file",
    .create = hex_create,
    .destroy = hex_destroy,
    .show = hex_show,
    .lit = hex_lit,
    .prepare = hex_prepare,
    .draw = hex_draw,
    .act = hex_act,
    .search = hex_find,
    .steps = true,
    .waiting = hex_waiting,
    .ended = hex_ended,
    .sought = "text, or bytes: hex 51 46 49 fb",
    .teach = hex_teach,
    .status = hex_status,
};
