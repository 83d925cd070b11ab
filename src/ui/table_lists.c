/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Rows of the lists of snapshots and bitmaps. */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "ui/table_draw.h"

static void put_date(uint64_t sec, struct buf *out)
{
    time_t when = (time_t)(sec & 0xffffffff);
    struct tm tm;
    char text[32];

    if (gmtime_r(&when, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm))
        buf_puts(out, text);
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

void table_draw_snapshot_heads(const struct area *line)
{
    const struct snapshot_columns c = snapshot_columns(line->w);

    draw_cut(line, 0, 1, c.name - 2, ROLE_DIM, line->w >= 104 ? "number, id" : "no, id");
    draw_text(line, 0, c.name, ROLE_DIM, "name");
    draw_text(line, 0, c.date, ROLE_DIM, "taken (UTC)");
    draw_text(line, 0, c.disk, ROLE_DIM, "disk");
    draw_text(line, 0, c.state, ROLE_DIM, "VM state");
    draw_text(line, 0, c.l1, ROLE_DIM, "L1 table");
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

void table_draw_bitmap_heads(const struct area *line)
{
    draw_text(line, 0, 1, ROLE_DIM, "no  name                      granularity flags");
    draw_text(line, 0, 57, ROLE_DIM, "table");
}
