/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "ui/hex_values.h"
#include "ui/hex_view.h"

#define VALUES_COLS 34       /* taken by the values at least */

int hex_detail_rows(int rows)
{
    return rows >= 18 ? 6 : rows >= 8 ? 3 : 0;
}

int hex_head_rows(const struct hex_view *v, int rows)
{
    return (v->plain || v->guest.on) && rows > 2;
}

/* Is there room for what the bytes are as numbers? */
static bool hex_has_values(const struct hex_view *v, int cols)
{
    return cols - (hex_text_column(v, v->per_line) + 2) >= VALUES_COLS;
}

int hex_column(const struct hex_view *v, int i)
{
    return 13 + i * 3 + (i >= v->per_line / 2 && v->per_line >= 8);
}

int hex_text_column(const struct hex_view *v, int i)
{
    return hex_column(v, v->per_line) + i;
}

static void draw_byte(const struct hex_view *v, const struct area *a, int y, int i,
                      size_t at)
{
    uint8_t byte = v->data.bytes[at];
    char hex[3] = { "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15], '\0' };
    char text[2] = { byte >= 0x20 && byte < 0x7f ? (char)byte : '.', '\0' };
    unsigned role = byte ? ROLE_TEXT : ROLE_DIM;

    if (v->data.state[at] == BYTE_PAST_END)
        return;
    if (v->data.state[at] == BYTE_COMING) {
        draw_text(a, y, hex_column(v, i), ROLE_DIM, "\u00b7\u00b7");
        draw_text(a, y, hex_text_column(v, i), ROLE_DIM, "\u00b7");
        return;
    }
    if (v->data.state[at] == BYTE_UNREADABLE) {
        draw_text(a, y, hex_column(v, i), ROLE_SEV + SEV_ERROR, "??");
        draw_text(a, y, hex_text_column(v, i), ROLE_SEV + SEV_ERROR, "?");
        return;
    }
    draw_text(a, y, hex_column(v, i), role, hex);
    draw_text(a, y, hex_text_column(v, i), text[0] == '.' ? ROLE_DIM : ROLE_TEXT, text);
}

/* Underlines what the last search looked for. */
static void draw_hits(const struct hex_view *v, const struct area *a)
{
    const struct needle *n = &v->needle;

    for (size_t at = 0; n->len > 0 && at + n->len <= v->data.len; at++) {
        if (memcmp(v->data.bytes + at, n->bytes, n->len) != 0)
            continue;
        for (size_t k = at; k < at + n->len && v->data.state[k] == BYTE_OK; k++) {
            int y = (int)(k / (size_t)v->per_line);
            int i = (int)(k % (size_t)v->per_line);

            draw_restyle(a, y, hex_column(v, i), 2, ROLE_STRONG, ATTR_UNDERLINE);
            draw_restyle(a, y, hex_text_column(v, i), 1, ROLE_STRONG, ATTR_UNDERLINE);
        }
    }
}

/* Bytes that the plan writes, or that the guest reads differently: a star before their line. */
static void draw_changes(const struct hex_view *v, const struct ui *ui, const struct area *a)
{
    bool file = !v->plain && !v->guest.on;

    if (!ui->changes || !ui->changes->n)
        return;
    for (size_t at = 0; at < v->data.len; at++) {
        int y = (int)(at / (size_t)v->per_line), i = (int)(at % (size_t)v->per_line);

        if (file ? !patches_touch(ui->changes, v->data.start + at, 1)
                 : !v->data.changed[at] || v->data.state[at] == BYTE_PAST_END)
            continue;
        draw_restyle(a, y, hex_column(v, i), 2, ROLE_MESSAGE, ATTR_BOLD | ATTR_UNDERLINE);
        draw_text(a, y, hex_column(v, 0) - 2, ROLE_MESSAGE, "*");
    }
}

/* Marks the field under the cursor and the cursor itself. */
static void draw_marks(const struct hex_view *v, const struct ui *ui,
                       const struct area *a)
{
    const struct site *site = &ui->site;

    for (size_t at = 0; at < v->data.len; at++) {
        uint64_t off = v->data.start + at;
        int y = (int)(at / (size_t)v->per_line);
        int i = (int)(at % (size_t)v->per_line);
        bool field = !v->plain && !v->guest.on && site->place.kind != PLACE_NONE &&
                     off >= site->start && off - site->start < site->len;

        if (v->data.state[at] == BYTE_PAST_END)
            continue;
        if (field) {
            bool joined = i + 1 < v->per_line && off + 1 < site->start + site->len;

            draw_restyle(a, y, hex_column(v, i), joined ? 3 : 2, ROLE_MARK, 0);
            draw_restyle(a, y, hex_text_column(v, i), 1, ROLE_MARK, 0);
        }
        if (off == v->at) {
            draw_restyle(a, y, hex_column(v, i), 2, N_ROLES, ATTR_REVERSE);
            draw_restyle(a, y, hex_text_column(v, i), 1, N_ROLES, ATTR_REVERSE);
            draw_cursor(a, y, hex_column(v, i));
        }
    }
}

/* What lies here when it has no fields: the class of the cluster, the guest offset. */
static void say_data(const struct hex_view *v, const struct ui *ui, struct buf *out)
{
    uint64_t cluster = geo_cluster_of(&ui->img->geo, v->at);
    struct map_cell cell;

    if (v->at >= v->data_off && v->at - v->data_off < v->data_len)
        buf_printf(out, "guest data, guest offset 0x%" PRIx64,
                   v->data_guest + (v->at - v->data_off));
    else if (ui->owner.kind == PLACE_L2 && ui->owner.guest_off != NO_ADDRESS)
        buf_printf(out, "guest data, guest cluster 0x%" PRIx64, ui->owner.guest_off);
    else if (!ui->scan)
        buf_puts(out, "what this is, the scan will tell");
    if (ui->scan && cluster < map_clusters(ui->scan->map)) {
        map_get(ui->scan->map, cluster, &cell);
        buf_printf(out, "%s%s: %s", out->len ? " \u00b7 " : "",
                   class_info(cell.cls)->name, class_info(cell.cls)->meaning);
    }
}

/* The line above the explanation says what the cluster looks like. */
static void draw_content(const struct hex_view *v, const struct area *a)
{
    struct buf text = BUF_INIT;
    struct buf line = BUF_INIT;

    peek_text(&v->peek, &text);
    if (text.len) {
        buf_printf(&line, " cluster %s ", buf_str(&text));
        draw_cut(a, 0, 2, a->w - 3, ROLE_NAME, buf_str(&line));
    }
    buf_free(&line);
    buf_free(&text);
}

static void draw_detail(const struct hex_view *v, const struct ui *ui,
                        const struct area *a)
{
    const struct site *site = &ui->site;
    struct buf text = BUF_INIT;
    struct place to;
    const char *why;
    struct problem_hits hits = { .n = 0 };
    int way_h = a->h > 4 ? 1 + (text_columns(a, v->way.text) > a->w - 2) : 0;
    struct area words = area_part(a, 0, 0, a->h - way_h, -1);
    int y = 1;

    draw_hline(a, 0, 0, a->w);
    draw_content(v, a);
    if (a->h > 4)
        way_draw(&v->way, a, true);
    if (v->guest.on) {
        hex_guest_text(&v->guest, ui, v->at, &text);
        draw_wrapped(a, y, 1, a->w - 2, ROLE_TEXT, buf_str(&text), 0);
        buf_free(&text);
        return;
    }
    if (v->plain) {
        draw_printf(a, y, 1, ROLE_TEXT,
                    "guest 0x%" PRIx64 ", byte %" PRIu64 " of the cluster",
                    v->stream.guest_off + v->at, v->at);
        return;
    }
    if (site->place.kind == PLACE_NONE) {
        say_data(v, ui, &text);
        draw_wrapped(a, y, 1, a->w - 2, ROLE_TEXT, buf_str(&text), 0);
        buf_free(&text);
        return;
    }
    site_text(ui->img, site, &text);
    y += draw_wrapped(a, 1, 1, a->w - 2, ROLE_STRONG, buf_str(&text), 0);
    problem_index_bytes(ui->index, site->start, site->len, &hits);
    if (hits.n) {
        const struct problem *p = &ui->scan->problems.list[hits.gravest];

        buf_reset(&text);
        problem_line(p, ui->img, &text);
        draw_cut(a, y++, 1, a->w - 2, ROLE_SEV + problem_info(p->kind)->severity,
                 buf_str(&text));
    }
    if (site_target(ui->img, site, &to, &why)) {
        buf_reset(&text);
        buf_puts(&text, "Enter: ");
        if (to.kind == PLACE_FILE_OFFSET)
            buf_puts(&text, "what it points to,");
        else
            place_text(&to, &text);
        buf_printf(&text, " at 0x%" PRIx64, to.file_off);
        draw_cut(a, y++, 1, a->w - 2, ROLE_LINK, buf_str(&text));
    }
    if (site->field)
        draw_wrapped(&words, y, 1, a->w - 2, ROLE_TEXT, site->field->meaning, 0);
    buf_free(&text);
}

static void draw_guest_title(const struct hex_view *v, const struct ui *ui,
                             const struct area *a)
{
    char size[TEXT_NUM];
    int x = draw_printf(a, 0, 1, ROLE_HEADING, "guest disk of %s", text_size(size, v->guest.size));

    if (v->guest.layer && v->guest.layer <= ui->img->snaps.n)
        draw_printf(a, 0, x, ROLE_HEADING, ", snapshot %" PRIu32, v->guest.layer);
}

/* What the bytes from the cursor on are as numbers, times and so on. */
static void draw_values(const struct hex_view *v, const struct area *lines)
{
    struct hex_value value[HEX_VALUES_MAX];
    int left = hex_text_column(v, v->per_line) + 2;
    struct area a = area_part(lines, 0, left, -1, -1);
    size_t at = (size_t)(v->at - v->data.start);
    size_t len = 0, n;
    int y = 0;

    draw_vline(&a, 0, 0, a.h);
    while (len < HEX_VALUES_BYTES && at + len < v->data.len &&
           v->data.state[at + len] == BYTE_OK)
        len++;
    n = at < v->data.len ? hex_values(v->data.bytes + at, len, value) : 0;
    for (size_t i = 0; i < n; i++) {
        bool fits = (int)strlen(value[i].text) <= a.w - 12;

        draw_text(&a, y, 2, ROLE_DIM, value[i].name);
        y += !fits;
        draw_cut(&a, y++, fits ? 12 : 2, a.w - (fits ? 12 : 2), ROLE_TEXT, value[i].text);
    }
}

void hex_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct hex_view *v = state;
    int head = hex_head_rows(v, a->h);
    struct area lines = area_part(a, head, 0, v->lines, -1);
    char size[TEXT_NUM];

    if (*v->page.title) {
        hex_page_draw(&v->page, a);
        return;
    }
    if (head && v->guest.on)
        draw_guest_title(v, ui, a);
    else if (head)
        draw_printf(a, 0, 1, ROLE_HEADING,
                    "decompressed: %s of guest disk from at most %" PRIu64
                    " bytes at 0x%" PRIx64, text_size(size, ui->img->geo.cluster_size),
                    v->stream.host_len, v->stream.host_off);
    for (int y = 0; y < v->lines; y++) {
        size_t first = (size_t)y * (size_t)v->per_line;

        if (first >= v->data.len || v->data.state[first] == BYTE_PAST_END)
            break;
        draw_printf(&lines, y, 1, ROLE_NUMBER, "%010" PRIx64, v->data.start + first);
        for (int i = 0; i < v->per_line && first + (size_t)i < v->data.len; i++)
            draw_byte(v, &lines, y, i, first + (size_t)i);
    }
    draw_hits(v, &lines);
    draw_changes(v, ui, &lines);
    draw_marks(v, ui, &lines);
    if (hex_has_values(v, a->w))
        draw_values(v, &lines);
    if (hex_detail_rows(a->h)) {
        struct area below =
            area_part(a, a->h - hex_detail_rows(a->h), 0, hex_detail_rows(a->h), -1);

        draw_detail(v, ui, &below);
    }
}
