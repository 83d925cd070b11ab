/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/history.h"

#include <stdlib.h>
#include <string.h>

void history_push(struct history *h, const struct stop *s)
{
    if (!h->list)
        h->list = calloc(HISTORY_MAX, sizeof *h->list);
    if (!h->list)
        return;
    if (h->n == HISTORY_MAX)
        memmove(h->list, h->list + 1, --h->n * sizeof *h->list);
    h->list[h->n++] = *s;
}

bool history_pop(struct history *h, struct stop *out)
{
    if (h->n == 0)
        return false;
    *out = h->list[--h->n];
    return true;
}

void history_clear(struct history *h)
{
    h->n = 0;
}

void history_free(struct history *h)
{
    free(h->list);
    *h = (struct history){ NULL, 0 };
}
