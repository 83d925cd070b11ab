/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The list of distinct L2 tables that L1 entries lead to: all of them, or as many as there
 * is room for, in windows of ascending offsets. */
#ifndef QCHECK_SCAN_L2LIST_H
#define QCHECK_SCAN_L2LIST_H

#include "scan/scan.h"

struct l2_list {
    struct l2_table *list;      /* owned (l2_list_free) */
    size_t n, cap;
    size_t max;                 /* tables there is room for; 0: no limit */
    /* The window: tables at host bytes [from, upto) are kept. upto falls when the list is
     * full, so that all references to those that stay are seen. */
    uint64_t from, upto;
    bool more;                  /* there are tables at upto or after it */
    uint64_t odd_left;          /* bytes of misaligned tables that may still be listed */
    bool odd_dropped;           /* that was not enough */
};

/* An empty list, its window at the beginning. stored: bytes that the file really takes. max: 4
 * at least, or 0. */
void l2_list_init(struct l2_list *l, uint64_t stored, size_t max);
void l2_list_free(struct l2_list *l);

/* Adds a reference to a table. False when memory runs out. */
bool l2_list_push(struct l2_list *l, const struct l2_table *t);

/* When all references were pushed: sorts by offset and folds the references to one offset
 * into one entry, which keeps the first of them (active layer first, then by snapshot and
 * L1 index). Aligned tables together cannot be longer than the file. Misaligned ones
 * may overlap, one every 512 bytes, so that a small file could keep us busy for hours: past a
 * generous limit the rest is left out. Gives back memory that is not needed. */
void l2_list_close(struct l2_list *l, const struct geometry *geo);

/* Is the whole list, of all tables, in this window? */
static inline bool l2_list_whole(const struct l2_list *l)
{
    return !l->from && !l->more;
}

/* Goes on to the next window, empty: all references are to be pushed once more. */
void l2_list_advance(struct l2_list *l);

/* The same, and walks all L1 tables for the tables in it. False when memory
 * runs out, or cancelled; also see `more`, without which there is no next one. */
bool l2_list_next(struct l2_list *l, const struct image *img, _Atomic bool *cancel);

/* The first window, for callers without a list from a scan. */
bool l2_list_first(struct l2_list *l, const struct image *img, size_t max,
                   _Atomic bool *cancel);

#endif
