/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Places in words and in numbers: the place line, and which view shows a place best. */
#ifndef QCHECK_UI_WHERE_H
#define QCHECK_UI_WHERE_H

#include "scan/referrers.h"
#include "ui/view.h"

/* The host cluster in which a place stands (of an entry: where the entry lies, not where
 * it points). False where there is none. */
bool where_cluster(const struct ui *ui, const struct place *p, uint64_t *cluster);

/* Completes a place as place_complete does, but keeps the guest offset that a file offset
 * or cluster came with, and gives a guest offset its place in the file where it has one.
 * Reads two table entries at most. */
void where_complete(const struct image *img, struct place *p);

/* Is it worth while to look who has the guest data of a host cluster? Where the scan has
 * ended, it is guest data, and all tables together have at most WHERE_OWNER_MAX bytes. */
#define WHERE_OWNER_MAX (UINT64_C(64) << 20)
bool where_owned(const struct ui *ui, uint64_t cluster);
/* Whose guest data it is: the first L2 entry of those who point there. */
bool where_owner(const struct referrers *found, struct place *out);

/* What the place line is about: ui->here, or the entry that is there or has its data. */
const struct place *where_subject(const struct ui *ui);

/* The guest byte where one stands, in ui->layer; NO_ADDRESS: none is known, or it is of another
 * layer. */
uint64_t where_guest_byte(const struct ui *ui);

/* "the disk as it is now", "snapshot 2 (before upgrade)". */
void where_layer(const struct image *img, uint32_t layer, struct buf *out);

/* The guest range a place concerns, cut to the disk. False: none is known. */
bool where_guest(const struct ui *ui, const struct place *p, uint64_t *start,
                 uint64_t *len);

/* ui->here: "file 0x1c0000 › cluster 28 › L2 table › L1[3] › guest 1.5 GiB – 2 GiB ›
 * sda2 ext4 root: /var/lib/x". The larger the level, the more is left out: the label of the
 * volume, what the cluster is, its number, the entry. */
#define WHERE_LEVELS 6
struct where_parts;
void where_line(const struct ui *ui, int level, struct buf *out, struct where_parts *parts);
/* Its parts, from the left; `parts` above may be NULL. */
enum where_part {
    WHERE_FILE, WHERE_CLUSTER, WHERE_ENTRY, WHERE_GUEST, WHERE_TENANT, N_WHERE_PARTS
};
struct where_parts { size_t end[N_WHERE_PARTS]; };  /* byte of the text; 0: not there */
/* Where a part leads: the bytes, the map, the entry, the translation, the files. False:
 * nowhere. */
bool where_part_leads(const struct ui *ui, enum where_part part, struct place *to,
                      enum view_id *view);

/* What begins in a cluster, of the file or of the guest's disk, and the view that shows it: a
 * table, the header, else its bytes. */
void where_inside(const struct ui *ui, struct place *p, enum view_id *view);

/* The view to show a place in: `now` when it can, else the one that fits best. */
enum view_id where_best_view(const struct place *p, enum view_id now);

#endif
