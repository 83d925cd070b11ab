/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "ui/hex_view.h"

void hex_hunt_drop(struct hex_view *v)
{
    v->unpack_next = false;
    if (!v->unpack.again)
        hex_unpack_drop(&v->unpack);
    v->hunt.again = false;
    v->hunt.dropped = true;
    if (v->hunt.task)
        task_cancel(v->hunt.task);
}

void hex_unpack_begin(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct error err;

    v->unpack_next = false;
    v->unpack.other = hex_other_of(ui);
    v->plain_of = ui->img;
    v->plain_beside = ui->other;
    if (!hex_unpack_start(&v->unpack, &err))
        request_message(req, "%.250s", err.text);
}

static bool search_disk(struct hex_hunt *h, struct task_run *run, struct error *err)
{
    struct disk *d;
    bool found;

    h->hit = (struct hex_hit){ .wrapped = false };
    if (!disk_open(h->img, (struct disk_layer){ h->layer, false }, &h->opt, &d, err))
        return false;
    found = guest_search(d, &h->needle, h->from.off, h->dir, run, &h->hit, err);
    disk_close(d);
    return found;
}

static bool hunt_work(void *arg, struct task_run *run, struct error *err)
{
    struct hex_hunt *h = arg;

    return h->guest ? search_disk(h, run, err)
                    : hex_search(h->img, &h->needle, &h->from, h->dir, run, &h->hit, err);
}

static void hunt_start(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_hunt *h = &v->hunt;
    struct error err;

    *h = (struct hex_hunt){ .img = ui->img, .needle = v->needle, .dir = v->dir,
                            .guest = v->guest.on, .layer = v->guest.layer,
                            .opt = ui->disk, .from = { v->at, false, 0 } };
    if (v->plain)
        h->from = (struct hex_pos){ v->stream.host_off, true, v->at };
    if (!task_start(hunt_work, h, &h->task, &err)) {
        h->task = NULL;
        request_message(req, "%.250s", err.text);
    }
}

void hex_hunt_find(void *state, const struct ui *ui, const char *text, int dir,
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

    if (v->hunt.guest != v->guest.on)
        return;
    if (hit->pos.in_stream && !same) {
        v->unpack = (struct hex_unpack){ .hit = true, .found = true, .stream = hit->stream,
                                         .at = hit->pos.in, .file_at = hit->pos.off,
                                         .what = { .img = ui->img } };
        hex_unpack_begin(v, ui, req);
        return;
    }
    if (!same)
        hex_leave_plain(v);
    v->page.title[0] = '\0';
    v->at = same ? hit->pos.in : hit->pos.off;
    hex_moved(v, ui, req);
    say_hit(v, req);
}

void hex_unpack_again(struct hex_view *v, const struct ui *ui)
{
    const struct place place = { .kind = PLACE_GUEST, .layer = v->stream.layer,
                                 .guest_off = v->stream.guest_off, .file_off = NO_ADDRESS };
    struct request none = { .kind = REQ_NONE };

    v->unpack = (struct hex_unpack){ .again = true,
        .what = { ui->img, ui->scan, { .kind = PLACE_NONE }, place, ui->threads } };
    hex_unpack_begin(v, ui, &none);
}

/* The cluster that is shown has come from the other side; there it may not be compressed. */
static void again_ended(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_unpack *u = &v->unpack;
    struct error err;
    bool ok;

    u->dropped = !v->plain;
    ok = hex_unpack_end(u, &err);
    u->again = false;
    if (u->dropped)
        return;
    if (ok) {
        free(v->plain);
        free(v->plain_mark);
        v->stream = u->stream;
        v->plain = u->plain;
        v->plain_mark = u->mark;
        u->plain = NULL;
        u->mark = NULL;
    } else if (u->found) {
        hex_leave_plain(v);
        v->stream = u->stream;
        hex_page_undecodable(&v->stream, err.text, &v->page);
    } else {
        uint64_t at = v->stream.guest_off + v->at;

        hex_leave_plain(v);
        if (hex_guest_open(&v->guest, ui, v->stream.layer, NULL))
            v->at = at;
        hex_moved(v, ui, req);
    }
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
        hex_leave_plain(v);
        v->stream = u->stream;
        v->file_at = u->file_at;
        v->plain = u->plain;
        v->plain_mark = u->mark;
        u->plain = NULL;
        u->mark = NULL;
        v->at = u->at;
        v->top = 0;
        hex_moved(v, ui, req);
        if (u->hit)
            say_hit(v, req);
    } else if (u->found) {
        hex_leave_plain(v);
        v->stream = u->stream;
        hex_page_undecodable(&v->stream, err.text, &v->page);
    } else {
        request_message(req, "%.250s", err.text);
    }
}

void hex_hunt_ended(struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct hex_hunt *h = &v->hunt;
    struct error err;
    bool ok;

    if (!h->task) {
        if (v->unpack.task && v->unpack.again)
            again_ended(v, ui, req);
        else if (v->unpack.task)
            unpack_ended(v, ui, req);
        return;                         /* else prepare() takes what the cluster looks like */
    }
    ok = task_finish(h->task, &err);
    h->task = NULL;
    if (v->unpack_next) {
        hex_unpack_begin(v, ui, req);
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
