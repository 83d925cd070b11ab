/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/table_draw.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "qcow2/spec.h"

/* Columns, by kind of table and width of the screen; a column starts where the one before
 * ends. Width 0: not shown; the last one takes the rest. */
enum column {
    COL_INDEX, COL_GUEST, COL_RAW, COL_TARGET, COL_COUNTS, COL_STRIP, COL_PROBLEM,
    N_COLUMNS
};

struct table_columns { int x[N_COLUMNS + 1]; };

static bool has_subclusters(const struct table_look *look)
{
    return look->table->kind == TABLE_L2 && look->ui->img->geo.extended_l2;
}

/* The strip of subclusters is whole or not there; the raw word, the end of the guest range
 * and the room of the target give way to it. */
static void fit_subclusters(int width[N_COLUMNS], int w)
{
    int target = w - 4;                 /* a mark of problems is left */

    if (w < 74)
        return;
    width[COL_STRIP] = SUBCLUSTERS + 1;
    if (w < 110)
        width[COL_RAW] = 0;
    if (w < 90)
        width[COL_INDEX] = 7;
    if (w < 140)
        width[COL_GUEST] = w < 90 ? 10 : 13;
    for (int i = 0; i < N_COLUMNS; i++)
        target -= i == COL_TARGET ? 0 : width[i];
    width[COL_TARGET] = target < 32 ? target : 32;
}

static struct table_columns columns_of(const struct table_look *look, int w)
{
    bool wide = w >= 110;
    bool strip = look->table->kind == TABLE_L1 || look->table->kind == TABLE_REFTABLE;
    int width[N_COLUMNS] = {
        [COL_INDEX] = wide ? 11 : 8,
        [COL_GUEST] = wide ? 32 : 13,
        [COL_RAW] = w >= 70 ? 19 : 0,
        [COL_TARGET] = wide ? 32 : 20,
        [COL_COUNTS] = 6,
        [COL_STRIP] = strip ? (wide ? STRIP + 1 : STRIP / 2 + 1) : 0,
    };
    struct table_columns c = { { 0 } };
    int x = 0;

    if (w < 50)
        width[COL_GUEST] = 0;
    if (has_subclusters(look))
        fit_subclusters(width, w);
    for (int i = 0; i < N_COLUMNS; i++) {
        c.x[i] = x;
        x += width[i];
    }
    c.x[N_COLUMNS] = w;
    return c;
}

static struct area column(const struct area *line, const struct table_columns *c,
                          enum column at)
{
    int w = c->x[at + 1] - c->x[at];

    return area_part(line, 0, c->x[at], 1, w > 0 ? w : 0);
}

static void put(const struct area *line, const struct table_columns *c, enum column at,
                unsigned role, const char *text)
{
    struct area a = column(line, c, at);

    draw_cut(&a, 0, 0, a.w - (at != COL_PROBLEM), role, text);
}

/* --- what an entry covers and says --- */

/* Guest bytes that row `index` of this table covers; false: it covers none. */
static bool guest_range(const struct table_look *look, uint64_t index, uint64_t *start,
                        uint64_t *len)
{
    const struct geometry *geo = &look->ui->img->geo;
    const struct table *t = look->table;

    if (t->kind == TABLE_L1) {
        *start = geo_guest_off(geo, index, 0);
        *len = geo->l2_span;
    } else if (t->kind == TABLE_L2) {
        *start = geo_guest_off(geo, t->i, index);
        *len = geo->cluster_size;
    } else if (t->kind == TABLE_BITMAP && t->i < look->ui->img->bitmaps.n) {
        uint32_t bits = look->ui->img->bitmaps.list[t->i].granularity_bits;

        if (bits > 31 || !u64_mul(geo->cluster_size * 8, UINT64_C(1) << bits, len) ||
            !u64_mul(index, *len, start))
            return false;
    } else {
        return false;
    }
    return true;
}

static void put_guest(const struct table_look *look, const struct table_row *r, bool both,
                      struct buf *out)
{
    const struct geometry *geo = &look->ui->img->geo;
    uint64_t start;
    uint64_t len;
    uint64_t base =
        look->table->kind == TABLE_L2 ? geo_guest_off(geo, look->table->i, 0) : 0;

    if (look->table->kind == TABLE_REFTABLE) {
        number_put(look->numbers, r->index << geo->refblock_bits << geo->cluster_bits, 0,
                   out);
    } else if (look->table->kind == TABLE_REFBLOCK) {
        buf_printf(out, "cl %" PRIu64, (look->table->i << geo->refblock_bits) + r->index);
    } else if (guest_range(look, r->index, &start, &len)) {
        number_put(look->numbers, start, base, out);
        if (start >= geo->size && look->table->kind != TABLE_BITMAP)
            buf_puts(out, " (VM)");
        else if (both && start <= UINT64_MAX - len) {
            buf_puts(out, " \u2013 ");
            number_put(look->numbers, start + len, base, out);
        }
    }
}

/* What is wrong with the offset itself, seen without a scan; NULL: nothing. */
static const char *offset_fault(const struct table_look *look, const struct table_row *r)
{
    const struct geometry *geo = &look->ui->img->geo;

    if (r->unreadable)
        return r->coming ? "being read" : "UNREADABLE";
    if (r->target_off == NO_ADDRESS || look->table->kind == TABLE_REFBLOCK)
        return NULL;
    if (r->target_off >= geo->file_len)
        return "PAST END";
    if (r->target_off & (geo->cluster_size - 1) &&
        !(look->table->kind == TABLE_L2 && r->type == L2_COMPRESSED))
        return "MISALIGNED";
    return NULL;
}

static const char *flags_of(const struct table_look *look, const struct table_row *r)
{
    bool mapping = look->table->kind == TABLE_L1 || look->table->kind == TABLE_L2;

    if (look->table->kind == TABLE_L2) {
        switch (r->type) {
        case L2_UNALLOCATED:
            return r->bitmap >> SUBCLUSTERS ? "some zeros" : r->used ? "subclusters" : "";
        case L2_ZERO_PLAIN: return "zero";
        case L2_ZERO_ALLOC: return r->raw & OFLAG_COPIED ? "zero copied" : "zero";
        case L2_COMPRESSED: return "compressed";
        case L2_NORMAL: break;
        }
    }
    if (look->table->kind == TABLE_BITMAP && r->target_off == NO_ADDRESS)
        return r->raw & BITMAP_ENTRY_ALL_ONES ? "all ones" : "all zeros";
    return mapping && r->raw & OFLAG_COPIED ? "copied" : "";
}

/* A fault stands first, so that it is never what is cut off. */
static void put_target(const struct table_look *look, const struct table_row *r,
                       struct buf *out)
{
    const char *fault = offset_fault(look, r);

    if (fault)
        buf_printf(out, "%s ", fault);
    if (r->target_off != NO_ADDRESS) {
        buf_puts(out, "\u2192 ");
        number_put(look->numbers, r->target_off, 0, out);
        buf_putc(out, ' ');
    } else if (look->table->kind == TABLE_L2 && look->ui->img->geo.data_file &&
               r->type == L2_NORMAL) {
        buf_printf(out, "external 0x%" PRIx64 " ", r->raw & ENTRY_OFFSET_MASK);
    }
    if (!fault)
        buf_puts(out, flags_of(look, r));
}

static void put_counts(const struct table_row *r, struct buf *out)
{
    if (!r->has_counts)
        return;
    if (r->stored_known)
        buf_printf(out, "%" PRIu64, r->stored);
    else
        buf_putc(out, '?');
    if (r->counted_known)
        buf_printf(out, "/%" PRIu64, r->counted);
    else if (r->target_off != NO_ADDRESS)
        buf_puts(out, "/?");
}

/* --- pieces of a row --- */

static void draw_strip(const struct area *a, const struct table_row *r)
{
    static const uint32_t glyph[] = { CH_MIDDOT, CH_LIGHT, CH_LIGHT, CH_LIGHT, CH_MEDIUM,
                                      CH_MEDIUM, CH_DARK, CH_DARK, CH_FULL };
    int cells = a->w - 1;
    int per = cells > 0 ? STRIP / cells : 0;

    for (int x = 0; per > 0 && x < cells; x++) {
        unsigned sum = 0;
        bool bad = false;

        for (int k = x * per; k < (x + 1) * per; k++) {
            sum += r->strip[k];
            bad = bad || r->strip_bad[k];
        }
        if (bad)
            draw_cell(a, 0, x, '!', ROLE_SEV + SEV_CORRUPTION, NO_BACK, 0);
        else
            draw_cell(a, 0, x,
                      glyph[sum == 0              ? 0
                            : sum / (unsigned)per ? sum / (unsigned)per
                                                  : 1],
                      sum ? ROLE_BAR : ROLE_BAR_REST, NO_BACK, 0);
    }
}

/* Subclusters of an extended entry: stored, reads as zeros, neither, or both (an
 * error). */
static void draw_subclusters(const struct area *a, const struct table_row *r)
{
    for (int i = 0; i < SUBCLUSTERS; i++) {
        bool stored = r->bitmap >> i & 1;
        bool zero = r->bitmap >> (32 + i) & 1;

        draw_cell(a, 0, i,
                  stored && zero ? '!'
                  : stored       ? CH_FULL
                  : zero         ? '0'
                                 : CH_MIDDOT,
                  stored && zero ? ROLE_SEV + SEV_CORRUPTION
                  : stored       ? ROLE_BAR
                                 : ROLE_DIM,
                  NO_BACK, 0);
    }
}

static void put_problem(const struct table_look *look, const struct table_row *r,
                        const struct area *line, const struct table_columns *c)
{
    const struct problem_info *info;
    char text[160];

    if (r->problems == 0 || !look->ui->scan)
        return;
    info = problem_info(look->ui->scan->problems.list[r->problem].kind);
    if (line->w - c->x[COL_PROBLEM] < 16)
        snprintf(text, sizeof text, "!%zu", r->problems);
    else if (r->problems > 1)
        snprintf(text, sizeof text, "! %s (+%zu)", info->title, r->problems - 1);
    else
        snprintf(text, sizeof text, "! %s", info->title);
    put(line, c, COL_PROBLEM, ROLE_SEV + info->severity, text);
}

static void draw_entry(const struct table_look *look, const struct area *line,
                       const struct table_row *r)
{
    struct table_columns c = columns_of(look, line->w);
    struct area strip = column(line, &c, COL_STRIP);
    unsigned role = r->used ? ROLE_TEXT : ROLE_DIM;
    struct buf text = BUF_INIT;

    buf_printf(&text, "[%" PRIu64 "]", r->index);
    put(line, &c, COL_INDEX, role, buf_str(&text));
    buf_reset(&text);
    put_guest(look, r, c.x[COL_RAW] - c.x[COL_GUEST] > 30, &text);
    put(line, &c, COL_GUEST, role, buf_str(&text));
    buf_reset(&text);
    buf_printf(&text, !r->unreadable ? "0x%016" PRIx64 : r->coming ? "..." : "unreadable", r->raw);
    put(line, &c, COL_RAW, ROLE_DIM, buf_str(&text));
    buf_reset(&text);
    put_target(look, r, &text);
    put(line, &c, COL_TARGET,
        offset_fault(look, r) ? ROLE_SEV + SEV_CORRUPTION
                              : r->target_off != NO_ADDRESS ? ROLE_LINK : role,
        buf_str(&text));
    buf_reset(&text);
    put_counts(r, &text);
    put(line, &c, COL_COUNTS,
        r->counted_known && r->stored_known && r->stored != r->counted
            ? ROLE_SEV + SEV_CORRUPTION : role, buf_str(&text));
    if (r->has_strip)
        draw_strip(&strip, r);
    else if (has_subclusters(look) && strip.w > SUBCLUSTERS)
        draw_subclusters(&strip, r);
    put_problem(look, r, line, &c);
    buf_free(&text);
}

static void draw_refcount(const struct table_look *look, const struct area *line,
                          const struct table_row *r)
{
    struct table_columns c = columns_of(look, line->w);
    unsigned role = r->used ? ROLE_TEXT : ROLE_DIM;
    struct buf text = BUF_INIT;
    struct map_cell cell;

    buf_printf(&text, "[%" PRIu64 "]", r->index);
    put(line, &c, COL_INDEX, role, buf_str(&text));
    buf_reset(&text);
    put_guest(look, r, false, &text);
    put(line, &c, COL_GUEST, role, buf_str(&text));
    buf_reset(&text);
    if (r->target_off != NO_ADDRESS)
        number_put(look->numbers, r->target_off, 0, &text);
    else
        buf_puts(&text, "past the end");
    put(line, &c, COL_RAW, ROLE_DIM, buf_str(&text));
    if (look->ui->scan && r->target_off != NO_ADDRESS) {
        map_get(look->ui->scan->map, geo_cluster_of(&look->ui->img->geo, r->target_off),
                &cell);
        put(line, &c, COL_TARGET, ROLE_CLASS + cell.cls, class_info(cell.cls)->name);
    }
    buf_reset(&text);
    put_counts(r, &text);
    put(line, &c, COL_COUNTS,
        r->counted_known && r->stored != r->counted ? ROLE_SEV + SEV_CORRUPTION : role,
        buf_str(&text));
    put_problem(look, r, line, &c);
    buf_free(&text);
}

void table_draw_row(const struct table_look *look, const struct area *line,
                    const struct table_row *r)
{
    switch (look->table->kind) {
    case TABLE_SNAPSHOTS:
        table_draw_snapshot(look, line, r);
        break;
    case TABLE_BITMAPS:
        table_draw_bitmap(look, line, r);
        break;
    case TABLE_REFBLOCK:
        draw_refcount(look, line, r);
        break;
    default:
        draw_entry(look, line, r);
    }
}

static enum column column_of(const struct table_look *look, enum table_order order)
{
    static const enum column columns[N_TABLE_ORDERS] = {
        [TABLE_BY_INDEX] = COL_INDEX, [TABLE_BY_VALUE] = COL_TARGET,
        [TABLE_BY_PROBLEMS] = COL_PROBLEM, [TABLE_BY_RAW] = COL_RAW,
        [TABLE_BY_REFCOUNT] = COL_COUNTS, [TABLE_BY_FULLNESS] = COL_STRIP,
    };

    if (!table_has_order(look->ui->img, look->table->kind, order))
        return N_COLUMNS;
    return order == TABLE_BY_VALUE && look->table->kind == TABLE_REFBLOCK ? COL_COUNTS
                                                                          : columns[order];
}

/* The column that rows are sorted by has a mark, and is not dim. */
static void put_head(const struct table_look *look, const struct area *line,
                     const struct table_columns *c, enum column at, const char *text)
{
    bool sorted = column_of(look, look->order) == at;
    char marked[40];

    snprintf(marked, sizeof marked, "%s%s", text, sorted ? "\u25b2" : "");
    put(line, c, at, sorted ? ROLE_STRONG : ROLE_DIM, marked);
}

void table_draw_heads(const struct table_look *look, const struct area *line)
{
    struct table_columns c = columns_of(look, line->w);
    enum table_kind kind = look->table->kind;

    if (kind == TABLE_SNAPSHOTS || kind == TABLE_BITMAPS) {
        table_draw_list_heads(look, line);
        return;
    }
    put_head(look, line, &c, COL_INDEX, "index");
    put_head(look, line, &c, COL_GUEST,
        kind == TABLE_REFTABLE ? "file from" : kind == TABLE_REFBLOCK ? "cluster"
        : c.x[COL_RAW] - c.x[COL_GUEST] > 30 ? "guest range"
        : c.x[COL_RAW] - c.x[COL_GUEST] < 12 ? "guest" : "guest from");
    put_head(look, line, &c, COL_RAW, kind == TABLE_REFBLOCK ? "file offset" : "raw");
    put_head(look, line, &c, COL_TARGET,
             kind == TABLE_REFBLOCK ? "what it is" : "points to");
    put_head(look, line, &c, COL_COUNTS, "refs");
    put_head(look, line, &c, COL_STRIP,
             kind == TABLE_L2 ? "subclusters" : line->w >= 110 ? "how full it is" : "full");
    put_head(look, line, &c, COL_PROBLEM, line->w - c.x[COL_PROBLEM] < 8 ? "!" : "problem");
}

bool table_order_at(const struct table_look *look, int w, int x, enum table_order *out)
{
    struct table_columns c = columns_of(look, w);

    for (int at = 0; at < N_COLUMNS; at++)
        if (x >= c.x[at] && x < c.x[at + 1])
            for (int o = 0; o < N_TABLE_ORDERS; o++)
                if (column_of(look, (enum table_order)o) == (enum column)at ||
                    (at == COL_GUEST && o == TABLE_BY_INDEX)) {
                    *out = (enum table_order)o;
                    return true;
                }
    return false;
}
