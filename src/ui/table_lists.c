/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Rows of the lists of snapshots and bitmaps. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/table_draw.h"

static void put_date(uint64_t sec, struct buf *out)
{
    char text[TEXT_NUM];

    buf_printf(out, "%.16s", text_utc(text, (int64_t)(sec & 0xffffffff)));
}

/* Where the columns of a list of snapshots begin, by the width of the screen. */
struct snapshot_columns { int name, date, disk, state, l1; };

static struct snapshot_columns snapshot_columns(int w)
{
    return w >= 104  ? (struct snapshot_columns){ 14, 38, 56, 66, 77 }
         : w >= 60   ? (struct snapshot_columns){ 9, w - 54, w - 37, w - 27, w - 17 }
                     : (struct snapshot_columns){ 9, w, w, w, w - 17 > 20 ? w - 17 : w };
}

/* A mark at the end of a row with problems; notes are none. */
static void draw_mark(const struct table_look *look, const struct area *line,
                      const struct table_row *r)
{
    enum severity s;

    if (r->problems == 0 || !look->ui->scan)
        return;
    s = problem_info(look->ui->scan->problems.list[r->problem].kind)->severity;
    if (s != SEV_NOTE)
        draw_text(line, 0, line->w - 1, ROLE_SEV + s, "!");
}

void table_draw_snapshot(const struct table_look *look, const struct area *line,
                          const struct table_row *r)
{
    const struct snapshot *s = &look->ui->img->snaps.list[r->index];
    const struct snapshot_columns c = snapshot_columns(line->w);
    bool wide = line->w >= 104;
    struct buf text = BUF_INIT;
    char size[TEXT_NUM];
    char state[TEXT_NUM];

    buf_printf(&text, "%" PRIu64 "  ", r->index + 1);
    text_visible(&text, s->id, strlen(s->id));
    draw_cut(line, 0, 1, c.name - 2, ROLE_TEXT, buf_str(&text));
    buf_reset(&text);
    text_visible(&text, s->name, strlen(s->name));
    draw_cut(line, 0, c.name, (c.date < c.l1 ? c.date : c.l1) - c.name - 1, ROLE_NAME,
             buf_str(&text));
    buf_reset(&text);
    put_date(s->date_sec, &text);
    draw_cut(line, 0, c.date, 16, ROLE_TEXT, buf_str(&text));
    draw_cut(line, 0, c.disk, 9, ROLE_NUMBER, text_size(size, s->disk_size));
    draw_cut(line, 0, c.state, 9, ROLE_NUMBER,
             s->vm_state_size ? text_size(state, s->vm_state_size) : "\u2013");
    buf_reset(&text);
    buf_printf(&text, "\u2192 0x%" PRIx64, s->l1_table_offset);
    if (wide)
        buf_printf(&text, ", %" PRIu64 " %s", s->l1_size,
                   s->l1_size == 1 ? "entry" : "entries");
    draw_cut(line, 0, c.l1, line->w - c.l1 - 2, ROLE_LINK, buf_str(&text));
    draw_mark(look, line, r);
    buf_free(&text);
}

static void put_bitmap_flags(const struct bitmap *b, struct buf *out)
{
    buf_puts(out, b->flags & BITMAP_IN_USE ? "in use" : "");
    buf_printf(out, "%s%s",
               b->flags & BITMAP_IN_USE && b->flags & BITMAP_AUTO ? ", " : "",
               b->flags & BITMAP_AUTO ? "auto" : "");
}

void table_draw_bitmap(const struct table_look *look, const struct area *line,
                        const struct table_row *r)
{
    const struct bitmap *b = &look->ui->img->bitmaps.list[r->index];
    struct buf text = BUF_INIT;
    char size[TEXT_NUM];

    draw_printf(line, 0, 1, ROLE_TEXT, "%" PRIu64, r->index + 1);
    text_visible(&text, b->name, strlen(b->name));
    draw_cut(line, 0, 5, 25, ROLE_NAME, buf_str(&text));
    draw_cut(line, 0, 31, 11, ROLE_NUMBER,
             b->granularity_bits < 64
                 ? text_size(size, UINT64_C(1) << b->granularity_bits)
                 : "absurd");
    buf_reset(&text);
    put_bitmap_flags(b, &text);
    draw_cut(line, 0, 43, 13, ROLE_TEXT, buf_str(&text));
    buf_reset(&text);
    buf_printf(&text, "\u2192 0x%" PRIx64 ", %" PRIu64 " %s", b->table_offset,
               b->table_size, b->table_size == 1 ? "entry" : "entries");
    draw_cut(line, 0, 57, line->w - 60, ROLE_LINK, buf_str(&text));
    if (!b->sound || r->problems)
        draw_text(line, 0, line->w - 2, ROLE_SEV + SEV_CORRUPTION, "!");
    buf_free(&text);
}

/* --- heads --- */

struct list_head { int x; enum list_order order; };

/* Columns of a list on a screen of that width; returns how many. */
static size_t heads_of(enum table_kind kind, int w, struct list_head out[N_LIST_ORDERS])
{
    const struct snapshot_columns c = snapshot_columns(w);
    const struct list_head snapshots[] = {
        { 1, LIST_BY_NUMBER }, { c.name, LIST_BY_NAME }, { c.date, LIST_BY_DATE },
        { c.disk, LIST_BY_SIZE }, { c.state, LIST_BY_STATE }, { c.l1, LIST_BY_PLACE },
    };
    const struct list_head bitmaps[] = {
        { 1, LIST_BY_NUMBER }, { 5, LIST_BY_NAME }, { 31, LIST_BY_SIZE }, { 43, LIST_BY_STATE },
        { 57, LIST_BY_PLACE },
    };

    if (kind == TABLE_SNAPSHOTS)
        memcpy(out, snapshots, sizeof snapshots);
    else
        memcpy(out, bitmaps, sizeof bitmaps);
    return kind == TABLE_SNAPSHOTS ? sizeof snapshots / sizeof snapshots[0]
                                   : sizeof bitmaps / sizeof bitmaps[0];
}

const char *list_order_name(enum list_order o, enum table_kind kind)
{
    static const char *const names[2][N_LIST_ORDERS] = {
        { "number", "name", "taken (UTC)", "disk", "VM state", "L1 table" },
        { "no", "name", "", "granularity", "flags", "table" },
    };

    return names[kind == TABLE_BITMAPS][o];
}

bool list_has_order(enum list_order o, enum table_kind kind)
{
    return o != LIST_BY_DATE || kind == TABLE_SNAPSHOTS;
}

/* The column that rows are sorted by has a mark, and is not dim. */
void table_draw_list_heads(const struct table_look *look, const struct area *line)
{
    const enum table_kind kind = look->table->kind;
    struct list_head head[N_LIST_ORDERS];
    size_t n = heads_of(kind, line->w, head);

    for (size_t i = 0; i < n; i++) {
        const bool sorted = head[i].order == look->list_order;
        const int end = i + 1 < n && head[i + 1].x > head[i].x ? head[i + 1].x : line->w;
        const char *name = list_order_name(head[i].order, kind);
        char text[40];

        if (kind == TABLE_SNAPSHOTS && head[i].order == LIST_BY_NUMBER)
            name = line->w >= 104 ? "number, id" : "no, id";
        snprintf(text, sizeof text, "%s%s", name, sorted ? "\u25b2" : "");
        draw_cut(line, 0, head[i].x, end - head[i].x, sorted ? ROLE_STRONG : ROLE_DIM, text);
    }
}

bool list_order_at(const struct table_look *look, int w, int x, enum list_order *out)
{
    struct list_head head[N_LIST_ORDERS];
    size_t n = heads_of(look->table->kind, w, head);
    bool found = false;

    for (size_t i = 0; i < n; i++) {
        if (head[i].x <= x && head[i].x < w) {
            *out = head[i].order;
            found = true;
        }
    }
    return found;
}
