/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/files_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* --- the list --- */

bool files_list_add(struct files_list *l, const struct volume_item *item)
{
    if (l->n == FILES_KEPT_MAX) {
        l->left_out++;
        return true;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct volume_item *list = realloc(l->item, cap * sizeof *list);

        if (!list)
            return false;
        l->item = list;
        l->cap = cap;
    }
    l->item[l->n] = *item;
    l->item[l->n].path = strdup(item->path);
    return l->item[l->n++].path;
}

static int worst_first(const void *a, const void *b)
{
    const struct volume_item *x = a, *y = b;

    for (int i = 0; i < N_LACKS; i++)
        if (x->lack[i] != y->lack[i])
            return x->lack[i] > y->lack[i] ? -1 : 1;
    if (x->volume != y->volume)
        return x->volume < y->volume ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void files_list_sort(struct files_list *l)
{
    if (l->n)
        qsort(l->item, l->n, sizeof *l->item, worst_first);
}

void files_list_free(struct files_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((void *)(uintptr_t)l->item[i].path);
    free(l->item);
    *l = (struct files_list)FILES_LIST_INIT;
}

/* --- words --- */

static void part_text(const struct volumes *v, const struct volume_item *item, struct buf *out)
{
    const struct volume *vol = &v->list[item->volume];
    bool ntfs = strcmp(vol->type, "ntfs") == 0;
    char n[TEXT_NUM];

    text_group(n, item->count);
    switch (item->kind) {
    case ITEM_SUPER:
        buf_puts(out, ntfs ? "boot sector or copy of the file table"
                           : "super block and group descriptors, or copies of them");
        break;
    case ITEM_BITMAP:
        buf_puts(out, ntfs ? "bitmap of clusters" : "bitmaps of blocks and inodes");
        break;
    case ITEM_INODES:
        if (ntfs)
            buf_printf(out, "%s file records", n);
        else
            buf_printf(out, "%s inodes of group %" PRIu64, n, item->id);
        break;
    case ITEM_JOURNAL:
        buf_puts(out, "the journal");
        break;
    case ITEM_FREE:
        buf_puts(out, "free space");
        break;
    case ITEM_UNKNOWN:
        buf_puts(out, "owner unknown: inodes or bitmaps are lost");
        break;
    case ITEM_OUTSIDE:
        buf_puts(out, v->n > 1 ? "outside all partitions" : "no file system");
        break;
    default:
        if (strcmp(vol->type, "LVM2_member") == 0)
            buf_puts(out, "outside all logical volumes");
        else if (vol->type[0])
            text_visible(out, vol->type, strlen(vol->type));
        else
            buf_puts(out, "not recognised");
        break;
    }
}

static bool has_path(const struct volume_item *item)
{
    return item->kind <= ITEM_OTHER;
}

void files_item_text(const struct volumes *v, const struct volume_item *item, struct buf *out)
{
    const struct volume *vol = &v->list[item->volume];

    text_visible(out, vol->name, strlen(vol->name));
    buf_puts(out, ": ");
    if (has_path(item))
        text_visible(out, item->path, strlen(item->path));
    else
        part_text(v, item, out);
    if (item->kind == ITEM_DIRECTORY)
        buf_puts(out, " (directory)");
    if (item->flags & ITEM_INODE_LOST)
        buf_puts(out, " (its inode is lost)");
    if (item->flags & ITEM_MAP_LOST)
        buf_puts(out, " (part of its block map is lost)");
}

static void put_size(struct out *out, uint64_t bytes, int width)
{
    char n[TEXT_NUM];

    if (bytes == NO_ADDRESS)
        out_printf(out, "%*s", width, "-");
    else
        out_printf(out, "%*s", width, text_size(n, bytes));
}

/* --- text --- */

static unsigned depth_of(const struct volumes *v, size_t i)
{
    unsigned depth = 0;

    for (; i != 0 && depth < 8; i = v->list[i].parent)
        depth++;
    return depth;
}

static void put_padded(struct out *out, const char *text, int width)
{
    struct buf shown = BUF_INIT;

    text_visible(&shown, text, strlen(text));
    out_printf(out, "%-*s", width, buf_str(&shown));
    buf_free(&shown);
}

void files_volumes(const struct volumes *v, bool unmapped, struct out *out)
{
    int name = 10;

    for (size_t i = 0; i < v->n; i++) {
        int len = (int)(2 * depth_of(v, i) + strlen(v->list[i].name));

        name = len > name ? len : name;
    }
    out_printf(out, "%-*s  %-12s %11s %11s %11s", name, "NAME", "TYPE", "SIZE", "USED", "LOST");
    if (unmapped)
        out_printf(out, " %11s", "UNMAPPED");
    out_puts(out, "  LABEL\n");
    for (size_t i = 0; i < v->n; i++) {
        const struct volume *vol = &v->list[i];
        int indent = (int)(2 * depth_of(v, i));

        out_printf(out, "%*s", indent, "");
        put_padded(out, vol->name, name - indent);
        out_puts(out, "  ");
        put_padded(out, vol->type[0] ? vol->type : "-", 12);
        out_puts(out, " ");
        put_size(out, vol->len, 11);
        out_puts(out, " ");
        put_size(out, vol->used, 11);
        out_puts(out, " ");
        put_size(out, vol->lack[LACK_LOST], 11);
        if (unmapped) {
            out_puts(out, " ");
            put_size(out, vol->lack[LACK_UNMAPPED], 11);
        }
        if (vol->label[0]) {
            out_puts(out, "  ");
            out_visible(out, vol->label, strlen(vol->label));
        }
        out_puts(out, "\n");
    }
    for (size_t i = 0; i < v->n; i++) {
        if (!v->list[i].note[0])
            continue;
        out_visible(out, v->list[i].name, strlen(v->list[i].name));
        out_puts(out, ": ");
        out_visible(out, v->list[i].note, strlen(v->list[i].note));
        out_puts(out, "\n");
    }
}

static void lacking_line(const struct volumes *v, const struct volume_item *item, bool unmapped,
                         struct out *out)
{
    struct buf text = BUF_INIT;

    put_size(out, item->lack[LACK_LOST], 11);
    if (unmapped) {
        out_puts(out, " ");
        put_size(out, item->lack[LACK_UNMAPPED], 11);
    }
    out_puts(out, " ");
    put_size(out, item->size, 11);
    files_item_text(v, item, &text);
    out_printf(out, "  %s\n", buf_str(&text));
    buf_free(&text);
}

void files_lacking(const struct volumes *v, const struct files_list *l, bool unmapped,
                   struct out *out)
{
    char n[TEXT_NUM];

    if (!l->n) {
        out_puts(out, unmapped ? "\nNothing is lost or unmapped.\n" : "\nNothing is lost.\n");
        return;
    }
    out_printf(out, "\n%11s", "LOST");
    if (unmapped)
        out_printf(out, " %11s", "UNMAPPED");
    out_printf(out, " %11s  %s\n", "OF", "WHAT");
    for (size_t i = 0; i < l->n && out_ok(out); i++)
        lacking_line(v, &l->item[i], unmapped, out);
    if (l->left_out)
        out_printf(out, "%s more are not listed\n", text_group(n, l->left_out));
}

void files_line(const struct volumes *v, const struct volume_item *item, struct out *out)
{
    struct buf text = BUF_INIT;

    if (!has_path(item))
        return;
    if (item->size == NO_ADDRESS)
        out_printf(out, "%15s", "-");
    else
        out_printf(out, "%15" PRIu64, item->size);
    files_item_text(v, item, &text);
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
        files_item_text(v, item, &text);
        if (item->file_off != NO_ADDRESS)
            buf_printf(&text, ", byte %" PRIu64, item->file_off);
        if (item->file_off != NO_ADDRESS && item->size != NO_ADDRESS)
            buf_printf(&text, " of %" PRIu64, item->size);
        buf_puts(&text, "\n");
    }
    out_puts(out, buf_str(&text));
    buf_free(&text);
}
