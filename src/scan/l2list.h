/* The list of distinct L2 tables that L1 entries lead to. */
#ifndef QCHECK_SCAN_L2LIST_H
#define QCHECK_SCAN_L2LIST_H

#include "scan/scan.h"

struct l2_list {
    struct l2_table *list;      /* owned (free) */
    size_t n, cap;
};

/* Adds a reference to a table. False when memory runs out. */
bool l2_list_push(struct l2_list *l, const struct l2_table *t);

/* Sorts by offset and folds the references to one offset into one entry, which keeps the
 * first of them (active layer first, then by snapshot and L1 index). */
void l2_list_merge(struct l2_list *l);

/* Gives back memory that is not needed. */
void l2_list_fit(struct l2_list *l);

#endif
