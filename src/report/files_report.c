/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/files_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* --- text --- */

static void put_size(struct out *out, uint64_t bytes, int width)
{
    char n[TEXT_NUM];

    if (bytes == NO_ADDRESS)
        out_printf(out, "%*s", width, "-");
    else
        out_printf(out, "%*s", width, text_size(n, bytes));
}

static void put_padded(struct out *out, const char *text, int width)
{
    struct buf shown = BUF_INIT;

    text_visible(&shown, text, strlen(text));
    out_printf(out, "%-*s", width, buf_str(&shown));
    buf_free(&shown);
}

void files_note(const struct volume *v, struct buf *out)
{
    text_visible(out, v->name, strlen(v->name));
    buf_puts(out, ": ");
    text_visible(out, v->note, strlen(v->note));
}

/* The columns of what is lacking; that of doubtful bytes where there are any. */
struct lack_column { enum volume_lack lack; const char *head; };

static size_t lack_columns(const struct volumes *v, bool unmapped, struct lack_column out[3])
{
    size_t n = 0;

    out[n++] = (struct lack_column){ LACK_LOST, "LOST" };
    if (v->n && v->list[0].lack[LACK_DOUBTFUL])
        out[n++] = (struct lack_column){ LACK_DOUBTFUL, "DOUBTFUL" };
    if (unmapped)
        out[n++] = (struct lack_column){ LACK_UNMAPPED, "UNMAPPED" };
    return n;
}

void files_volumes(const struct volumes *v, bool unmapped, struct out *out)
{
    struct lack_column column[3];
    const size_t n = lack_columns(v, unmapped, column);
    int name = 10;

    for (size_t i = 0; i < v->n; i++) {
        int len = (int)(2 * volume_depth(v, i) + strlen(v->list[i].name));

        name = len > name ? len : name;
    }
    out_printf(out, "%-*s  %-12s %11s %11s", name, "NAME", "TYPE", "SIZE", "USED");
    for (size_t k = 0; k < n; k++)
        out_printf(out, " %11s", column[k].head);
    out_puts(out, "  LABEL\n");
    for (size_t i = 0; i < v->n; i++) {
        const struct volume *vol = &v->list[i];
        int indent = (int)(2 * volume_depth(v, i));

        out_printf(out, "%*s", indent, "");
        put_padded(out, vol->name, name - indent);
        out_puts(out, "  ");
        put_padded(out, vol->type[0] ? vol->type : "-", 12);
        out_puts(out, " ");
        put_size(out, vol->len, 11);
        out_puts(out, " ");
        put_size(out, vol->used, 11);
        for (size_t k = 0; k < n; k++) {
            out_puts(out, " ");
            put_size(out, vol->lack[column[k].lack], 11);
        }
        if (vol->label[0]) {
            out_puts(out, "  ");
            out_visible(out, vol->label, strlen(vol->label));
        }
        out_puts(out, "\n");
    }
    for (size_t i = 0; i < v->n; i++) {
        struct buf text = BUF_INIT;

        if (v->list[i].note[0]) {
            files_note(&v->list[i], &text);
            out_printf(out, "%s\n", buf_str(&text));
        }
        buf_free(&text);
    }
}

static void lacking_line(const struct volumes *v, const struct volume_item *item,
                         const struct lack_column *column, size_t n, struct out *out)
{
    struct buf text = BUF_INIT;

    for (size_t k = 0; k < n; k++) {
        put_size(out, item->lack[column[k].lack], 11);
        out_puts(out, " ");
    }
    put_size(out, item->size, 11);
    volume_item_text(v, item, &text);
    out_printf(out, "  %s\n", buf_str(&text));
    buf_free(&text);
}

void files_lacking(const struct volumes *v, const struct volume_items *l, bool unmapped,
                   struct out *out)
{
    struct lack_column column[3];
    const size_t n = lack_columns(v, unmapped, column);
    char number[TEXT_NUM];

    if (!l->n) {
        out_puts(out, unmapped ? "\nNothing is known to be lost, or unmapped.\n"
                               : "\nNothing is known to be lost.\n");
        return;
    }
    out_puts(out, "\n");
    for (size_t k = 0; k < n; k++)
        out_printf(out, "%11s ", column[k].head);
    out_printf(out, "%11s  %s\n", "OF", "WHAT");
    for (size_t i = 0; i < l->n && out_ok(out); i++)
        lacking_line(v, &l->item[i], column, n, out);
    if (l->left_out)
        out_printf(out, "%s more are not listed\n", text_group(number, l->left_out));
}

void files_line(const struct volumes *v, const struct volume_item *item, struct out *out)
{
    struct buf text = BUF_INIT;

    if (!volume_item_has_path(item))
        return;
    if (item->size == NO_ADDRESS)
        out_printf(out, "%15s", "-");
    else
        out_printf(out, "%15" PRIu64, item->size);
    volume_item_text(v, item, &text);
    out_printf(out, "  %s\n", buf_str(&text));
    buf_free(&text);
}

void files_at(const struct volumes *v, uint64_t guest_off, const struct volume_item *item,
              struct out *out)
{
    struct buf text = BUF_INIT;
    uint64_t off;
    const struct volume *vol = &v->list[volumes_find(v, guest_off, &off)];

    buf_puts(&text, "guest ");
    text_offset(&text, guest_off);
    buf_puts(&text, ": ");
    text_visible(&text, vol->name, strlen(vol->name));
    if (vol->type[0]) {
        buf_puts(&text, ", ");
        text_visible(&text, vol->type, strlen(vol->type));
    }
    if (vol->label[0]) {
        buf_puts(&text, " ");
        text_visible(&text, vol->label, strlen(vol->label));
    }
    buf_printf(&text, ", byte %" PRIu64 " of %" PRIu64 "\n", off, vol->len);
    if (item) {
        volume_item_text(v, item, &text);
        if (item->file_off != NO_ADDRESS)
            buf_printf(&text, ", byte %" PRIu64, item->file_off);
        if (item->file_off != NO_ADDRESS && item->size != NO_ADDRESS)
            buf_printf(&text, " of %" PRIu64, item->size);
        buf_puts(&text, "\n");
    }
    out_puts(out, buf_str(&text));
    buf_free(&text);
}
