/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/grow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 16                /* entries that a list with a capacity begins with */

static bool resize(void *list, size_t cap, size_t size)
{
    void *at, *more;

    memcpy(&at, list, sizeof at);
    more = cap > SIZE_MAX / size ? NULL : realloc(at, cap * size);
    if (!more)
        return false;
    memcpy(list, &more, sizeof more);
    return true;
}

bool list_room(void *list, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? *cap * 2 : FIRST;

    if (n < *cap)
        return true;
    if (more < *cap || !resize(list, more, size))
        return false;
    *cap = more;
    return true;
}

bool list_double(void *list, size_t n, size_t size)
{
    if (n & (n - 1))
        return true;
    return n <= SIZE_MAX / 2 && resize(list, n ? n * 2 : 1, size);
}
