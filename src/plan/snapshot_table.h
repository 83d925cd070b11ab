/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Entries of a snapshot table that is written anew. */
#ifndef QCHECK_PLAN_SNAPSHOT_TABLE_H
#define QCHECK_PLAN_SNAPSHOT_TABLE_H

#include "base/buf.h"
#include "base/patch.h"
#include "qcow2/image.h"

/* Does this entry say nothing that could be followed? */
bool snapshot_entry_lost(const struct image *img, const struct snapshot *s);

/* Appends an entry as it stands in the file, with whole extra data, padded. Of `s` only
 * entry_off, extra_data_size and the sizes of id and name need be right, and what extra data
 * says where that is missing. */
bool snapshot_table_carry(const struct image *img, const struct snapshot *s, struct buf *table,
                          struct error *err);
/* Appends a new entry of these fields. */
void snapshot_table_make(const struct snapshot *s, struct buf *table);

struct room;
/* Writes the table of n entries to a place of its own, and the header's fields. */
bool snapshot_table_write(struct room *room, const struct buf *table, size_t n,
                          struct patches *out, struct error *err);

#endif
