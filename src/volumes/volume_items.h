/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What owns bytes of a disk, kept and sorted, and in words. */
#ifndef QCHECK_VOLUMES_VOLUME_ITEMS_H
#define QCHECK_VOLUMES_VOLUME_ITEMS_H

#include "base/buf.h"
#include "volumes/volumes.h"

#define VOLUME_ITEMS_MAX ((size_t)1 << 20)    /* items that are sorted; more are only counted */

/* Items of all file systems together; paths are owned. */
struct volume_items {
    struct volume_item *item;
    size_t n, cap;
    uint64_t left_out;
};
#define VOLUME_ITEMS_INIT { NULL, 0, 0, 0 }

/* False when memory runs out. */
bool volume_items_add(struct volume_items *l, const struct volume_item *item);
void volume_items_sort(struct volume_items *l);     /* what lost most first */
void volume_items_free(struct volume_items *l);

/* "sda2: /var/lib/x", "sda2: 42,113 inodes of group 3". */
void volume_item_text(const struct volumes *v, const struct volume_item *item, struct buf *out);

/* The same without the name of the volume. */
void volume_item_what(const struct volumes *v, const struct volume_item *item, struct buf *out);

/* How deep a volume lies in the tree; the disk: 0. */
unsigned volume_depth(const struct volumes *v, size_t i);

/* Has it a path? Else it is a part of the file system, or of no one. */
bool volume_item_has_path(const struct volume_item *item);

#endif
