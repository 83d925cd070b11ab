/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Lists that grow by doubling. `list` is the address of the pointer to the first entry, which
 * moves; `n` entries are in use, `size` bytes each. False when memory runs out or the size
 * would overflow: the list is as it was, and still the owner's to free. */
#ifndef QCHECK_BASE_GROW_H
#define QCHECK_BASE_GROW_H

#include <stdbool.h>
#include <stddef.h>

/* Room for one more entry where there is room for *cap. */
bool list_room(void *list, size_t n, size_t *cap, size_t size);

/* The same for a list that keeps no capacity: it has room for n rounded up to a power of two,
 * as it has when all its entries were appended this way. */
bool list_double(void *list, size_t n, size_t size);

#endif
