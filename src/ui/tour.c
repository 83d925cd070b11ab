/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/tour.h"

#include <stdlib.h>

struct tour_key { uint64_t key; size_t index; };

static uint64_t key_of(const struct problem *p)
{
    return p->place.file_off != NO_ADDRESS ? p->place.file_off : p->host_off;
}

static int by_key(const void *a, const void *b)
{
    const struct tour_key *x = a;
    const struct tour_key *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void tour_init(struct tour *t, const struct problems *problems)
{
    struct tour_key *keyed = calloc(problems->n + 1, sizeof *keyed);

    *t = (struct tour){ problems, calloc(problems->n + 1, sizeof *t->order) };
    if (!keyed || !t->order) {
        tour_free(t);
        free(keyed);
        return;
    }
    for (size_t i = 0; i < problems->n; i++)
        keyed[i] = (struct tour_key){ key_of(&problems->list[i]), i };
    qsort(keyed, problems->n, sizeof *keyed, by_key);
    for (size_t i = 0; i < problems->n; i++)
        t->order[i] = keyed[i].index;
    free(keyed);
}

void tour_free(struct tour *t)
{
    free(t->order);
    t->order = NULL;
}

size_t tour_step(const struct tour *t, const struct place *here, size_t from, int dir)
{
    const struct problem *list = t->problems->list;
    size_t n = t->problems->n;
    size_t at = 0;

    if (n == 0)
        return 0;
    if (from < n && place_equal(&list[from].place, here)) {
        while (at < n && t->order[at] != from)
            at++;
        return dir > 0 ? (at + 1) % n : (at + n - 1) % n;
    }
    if (here->kind == PLACE_NONE || here->file_off == NO_ADDRESS)
        return dir > 0 ? 0 : n - 1;
    while (at < n && key_of(&list[t->order[at]]) < here->file_off)
        at++;
    if (dir < 0)
        return (at + n - 1) % n;
    while (from < n && at < n && key_of(&list[t->order[at]]) == here->file_off)
        at++;
    return at % n;
}
