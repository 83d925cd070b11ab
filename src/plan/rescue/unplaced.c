/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/grow.h"
#include "plan/rescue/unplaced.h"

#include <stdlib.h>

#define EXTENT_MAX  (UINT64_C(1) << 30)     /* a tar header holds lengths below 8 GiB */

void unplaced_free(struct unplaced *u)
{
    free(u->list);
    *u = (struct unplaced){ NULL, 0 };
}

bool unplaced_add(struct unplaced *u, const struct unplaced_extent *one, struct error *err)
{
    struct unplaced_extent *last = u->n ? &u->list[u->n - 1] : NULL;

    if (last && last->off + last->len == one->off && last->content == one->content
        && !last->stream && !one->stream && last->len + one->len <= EXTENT_MAX) {
        last->len += one->len;
        return true;
    }
    if (!list_double(&u->list, u->n, sizeof *u->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    u->list[u->n++] = *one;
    return true;
}
