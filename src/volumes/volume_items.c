/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "volumes/volume_items.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/text.h"

/* --- the list --- */

bool volume_items_add(struct volume_items *l, const struct volume_item *item)
{
    if (l->n == VOLUME_ITEMS_MAX) {
        l->left_out++;
        return true;
    }
    if (!list_room(&l->item, l->n, &l->cap, sizeof *l->item))
        return false;
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

void volume_items_sort(struct volume_items *l)
{
    if (l->n)
        qsort(l->item, l->n, sizeof *l->item, worst_first);
}

void volume_items_free(struct volume_items *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((void *)(uintptr_t)l->item[i].path);
    free(l->item);
    *l = (struct volume_items)VOLUME_ITEMS_INIT;
}

/* --- words --- */

/* What a file system calls its own; the last row is of those with inodes. */
struct own_words { const char *type, *super, *bitmap, *unknown; };

static const struct own_words *words_of(const struct volume *vol)
{
    static const struct own_words rows[] = {
        { "ntfs", "boot sector or copy of the file table", "bitmap of clusters",
          "owner unknown: file records are lost" },
        { "vfat", "boot sector", "file allocation table",
          "owner unknown: directories or the file allocation table are lost" },
        { "exfat", "boot sector", "file allocation table or bitmap of clusters",
          "owner unknown: directories or the file allocation table are lost" },
        { "", "super block and group descriptors, or copies of them",
          "bitmaps of blocks and inodes", "owner unknown: inodes or bitmaps are lost" },
    };
    const struct own_words *row = rows;

    while (row->type[0] && strcmp(row->type, vol->type) != 0)
        row++;
    return row;
}

static void part_text(const struct volumes *v, const struct volume_item *item, struct buf *out)
{
    const struct volume *vol = &v->list[item->volume];
    const struct own_words *words = words_of(vol);
    char n[TEXT_NUM];

    text_group(n, item->count);
    switch (item->kind) {
    case ITEM_SUPER:
        buf_puts(out, words->super);
        break;
    case ITEM_BITMAP:
        buf_puts(out, words->bitmap);
        break;
    case ITEM_INODES:                   /* of none only a byte was asked about */
        if (strcmp(words->type, "ntfs") == 0 && item->count)
            buf_printf(out, "%s file records", n);
        else if (strcmp(words->type, "ntfs") == 0)
            buf_puts(out, "the table of file records");
        else if (item->count)
            buf_printf(out, "%s inodes of group %" PRIu64, n, item->id);
        else
            buf_printf(out, "the inode table of group %" PRIu64, item->id);
        break;
    case ITEM_JOURNAL:
        buf_puts(out, "the journal");
        break;
    case ITEM_FREE:
        buf_puts(out, "free space");
        break;
    case ITEM_UNKNOWN:
        buf_puts(out, item->lack[LACK_LOST] || item->lack[LACK_DOUBTFUL] ? words->unknown
                                                                         : "no file");
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

bool volume_item_has_path(const struct volume_item *item)
{
    return item->kind <= ITEM_OTHER;
}

void volume_item_what(const struct volumes *v, const struct volume_item *item, struct buf *out)
{
    if (volume_item_has_path(item))
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

void volume_item_text(const struct volumes *v, const struct volume_item *item, struct buf *out)
{
    const struct volume *vol = &v->list[item->volume];

    text_visible(out, vol->name, strlen(vol->name));
    buf_puts(out, ": ");
    volume_item_what(v, item, out);
}

unsigned volume_depth(const struct volumes *v, size_t i)
{
    unsigned depth = 0;

    for (; i != 0 && depth < 8; i = v->list[i].parent)
        depth++;
    return depth;
}
