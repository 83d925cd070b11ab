/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is on a guest's disk, and whose bytes are lost, as text and JSON. */
#ifndef QCHECK_REPORT_FILES_REPORT_H
#define QCHECK_REPORT_FILES_REPORT_H

#include "report/jw.h"
#include "report/out.h"
#include "volumes/volumes.h"

#define FILES_KEPT_MAX ((size_t)1 << 20)    /* items that are sorted; more are only counted */

/* Items of all file systems together; paths are owned. */
struct files_list {
    struct volume_item *item;
    size_t n, cap;
    uint64_t left_out;
};
#define FILES_LIST_INIT { NULL, 0, 0, 0 }

/* False when memory runs out. */
bool files_list_add(struct files_list *l, const struct volume_item *item);
void files_list_sort(struct files_list *l);     /* what lost most first */
void files_list_free(struct files_list *l);

/* The volumes as a tree with sizes. */
void files_volumes(const struct volumes *v, bool unmapped, struct out *out);

/* The list, with what each lacks. */
void files_lacking(const struct volumes *v, const struct files_list *l, bool unmapped,
                   struct out *out);

/* One file of a listing of all: size and path. */
void files_line(const struct volumes *v, const struct volume_item *item, struct out *out);

/* Whom the byte at `guest_off` belongs to; item NULL: nobody is known. */
void files_at(const struct volumes *v, uint64_t guest_off, const struct volume_item *item,
              struct out *out);

/* "sda2: /var/lib/x", "sda2: 42,113 inodes of group 3". */
void files_item_text(const struct volumes *v, const struct volume_item *item, struct buf *out);

/* JSON: members of the object that is open. */
void files_json_volumes(struct jw *j, const struct volumes *v);
void files_json_item(struct jw *j, const struct volumes *v, const struct volume_item *item);

#endif
