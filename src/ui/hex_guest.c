/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hex_guest.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scan/problem.h"

#define WINDOW  (UINT64_C(64) << 10)    /* read at once, and at least this much around */
#define WAIT_MS 20                      /* for bytes to come in time for the same frame */

static void window_free(struct guest_window *w)
{
    free(w->bytes);
    free(w->mark);
    disk_spans_free(&w->spans);
    *w = (struct guest_window){ .len = 0 };
}

/* --- the disk --- */

static void close_disk(struct hex_guest *g)
{
    window_free(&g->have);
    disk_close(g->disk);
    g->disk = NULL;
}

void hex_guest_forget(struct hex_guest *g)
{
    if (g->task)
        g->stale = true;                /* take() closes it */
    else
        close_disk(g);
    window_free(&g->have);
}

void hex_guest_free(struct hex_guest *g)
{
    task_finish(g->task, NULL);
    g->task = NULL;
    window_free(&g->coming);
    close_disk(g);
}

static bool disk_of(const struct ui *ui, uint32_t layer, struct disk **out, struct error *err)
{
    return disk_open(ui->img, (struct disk_layer){ layer, false }, &ui->disk, out, err);
}

bool hex_guest_open(struct hex_guest *g, const struct ui *ui, uint32_t layer, struct error *err)
{
    struct disk *d;

    if (g->disk && !g->stale && g->layer == layer) {
        g->on = true;
        return true;
    }
    if (!disk_of(ui, layer, &d, err))
        return false;
    hex_guest_forget(g);
    g->on = true;
    g->layer = layer;
    g->size = disk_size(d);
    if (g->task)
        disk_close(d);                  /* opened again when the task has ended */
    else
        g->disk = d;
    return true;
}

/* --- reading --- */

static bool read_window(void *arg, struct task_run *run, struct error *err)
{
    struct guest_window *w = arg;

    (void)run;
    if (!disk_read(w->disk, w->off, w->bytes, w->len, &w->spans, err))
        return false;
    w->mark = hex_other_marks(&w->other, disk_image(w->disk), w->layer, w->disk, w->off, w->bytes,
                              w->len, &w->spans);
    return true;
}

static void start(struct hex_guest *g, const struct ui *ui, uint64_t off, size_t len)
{
    struct guest_window *w = &g->coming;
    uint64_t from = off - u64_min(off, WINDOW);

    if (!g->disk && !disk_of(ui, g->layer, &g->disk, NULL))
        return;
    g->size = disk_size(g->disk);
    *w = (struct guest_window){ .disk = g->disk, .off = from, .layer = g->layer,
                                .other = hex_other_of(ui),
                                .len = (size_t)(off - from + len + WINDOW) };
    w->bytes = malloc(w->len);
    if (w->bytes && task_start(read_window, w, &g->task, NULL))
        return;
    g->task = NULL;
    window_free(w);
}

void hex_guest_take(struct hex_guest *g)
{
    bool ok;

    if (!g->task || !task_ended(g->task))
        return;
    ok = task_finish(g->task, NULL) && !g->stale;
    g->task = NULL;
    if (g->stale)
        close_disk(g);
    g->stale = false;
    if (ok) {
        window_free(&g->have);
        g->have = g->coming;
        g->coming = (struct guest_window){ .len = 0 };
    }
    window_free(&g->coming);
}

static bool has(const struct guest_window *w, uint64_t off, uint64_t len)
{
    return w->len && off >= w->off && off - w->off <= w->len && len <= w->len - (off - w->off);
}

static void fill(const struct hex_guest *g, struct hexdata *d)
{
    const struct guest_window *w = &g->have;
    size_t k = 0;

    for (size_t i = 0; i < d->len; i++) {
        uint64_t off = d->start + i;

        d->bytes[i] = 0;
        d->state[i] = off >= g->size || off < d->start ? BYTE_PAST_END : BYTE_COMING;
        if (d->state[i] == BYTE_PAST_END || !has(w, off, 1))
            continue;
        while (k < w->spans.n && w->spans.list[k].off + w->spans.list[k].len <= off)
            k++;
        d->bytes[i] = w->bytes[off - w->off];
        d->state[i] = k < w->spans.n && disk_state_lost(w->spans.list[k].state)
                          ? BYTE_UNREADABLE : BYTE_OK;
    }
}

void hex_guest_show(struct hex_guest *g, const struct ui *ui, struct hexdata *d, uint64_t start_off,
                    size_t len)
{
    uint64_t inside = start_off < g->size ? u64_min(len, g->size - start_off) : 0;

    hex_guest_take(g);
    if (inside && !has(&g->have, start_off, inside) && !g->task)
        start(g, ui, start_off, (size_t)inside);
    if (g->task && !has(&g->have, start_off, inside)) {
        struct pollfd ended = { .fd = task_fd(g->task), .events = POLLIN };
        bool stale = g->stale;

        (void)poll(&ended, 1, WAIT_MS);
        hex_guest_take(g);
        if (stale && !g->task && inside)    /* what came was not wanted any more */
            start(g, ui, start_off, (size_t)inside);
    }
    hexdata_reserve(d, start_off, len);
    fill(g, d);
    hexdata_mark(d, g->have.mark, g->have.off, g->have.len);
}

/* --- what it is --- */

/* The state of a byte; NULL: not known yet. */
static const struct disk_span *hex_guest_span(const struct hex_guest *g, uint64_t off)
{
    const struct disk_spans *s = &g->have.spans;

    for (size_t i = 0; i < s->n; i++)
        if (off >= s->list[i].off && off - s->list[i].off < s->list[i].len)
            return &s->list[i];
    return NULL;
}

/* "damaged: L2 table offset lies past the end of the file" */
static void say_why(const char *why, struct buf *out)
{
    enum problem_kind kind;

    if (why && problem_by_id(why, &kind))
        buf_printf(out, ": %s", problem_info(kind)->title);
    else if (why)
        buf_puts(out, ": the compressed data cannot be decompressed");
}

void hex_guest_text(const struct hex_guest *g, const struct ui *ui, uint64_t off, struct buf *out)
{
    static const char *const words[N_DISK_STATES] = {
        [DISK_DATA] = "stored", [DISK_ZERO] = "zeros, by the tables",
        [DISK_HOLE] = "zeros: nothing was ever written here",
        [DISK_ABSENT] = "in a file that is not open",
        [DISK_UNREADABLE] = "the storage cannot be read here",
        [DISK_DAMAGED] = "damaged", [DISK_ENCRYPTED] = "encrypted",
    };
    const struct disk_span *s = hex_guest_span(g, off);

    if (!s)
        return;
    buf_puts(out, words[s->state]);
    if (s->state == DISK_ABSENT && ui->img->backing_file)
        buf_puts(out, " (--backing opens it)");
    if (s->state == DISK_DAMAGED)
        say_why(s->why, out);
    if (s->state == DISK_DATA && s->compressed)
        buf_puts(out, ", compressed");
    else if (s->host_off != NO_ADDRESS && !s->compressed)
        buf_printf(out, " at 0x%" PRIx64, s->host_off + (off - s->off));
    if (s->depth == 1)
        buf_puts(out, " of the backing file");
    else if (s->depth)
        buf_printf(out, " of backing file %u", s->depth);
}
