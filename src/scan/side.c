/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/side.h"

#include <stdbool.h>
#include <stdlib.h>

#define SLOTS_MIN 16

size_t side_slots(uint64_t bytes)
{
    size_t slots = SLOTS_MIN;

    /* While a table grows, the old one is still there. */
    while (slots * 2 <= bytes / 3 * 2 / sizeof(struct side_slot))
        slots *= 2;
    return slots;
}

/* The slot of a cluster, or the empty one where it would go. cap > 0. */
static struct side_slot *find(const struct side *s, uint64_t cl)
{
    size_t i = (size_t)hash_of(cl) & (s->cap - 1);

    while (s->slot[i].key && s->slot[i].key != cl + 1)
        i = (i + 1) & (s->cap - 1);
    return &s->slot[i];
}

struct state *side_get(const struct side *s, uint64_t cl)
{
    struct side_slot *slot = s->cap ? find(s, cl) : NULL;

    return slot && slot->key ? &slot->state : NULL;
}

static bool grow(struct side *s, size_t cap)
{
    struct side bigger = { NULL, s->n, cap };

    bigger.slot = calloc(cap, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slot[i].key)
            *find(&bigger, s->slot[i].key - 1) = s->slot[i];
    }
    free(s->slot);
    *s = bigger;
    return true;
}

enum side_outcome side_put(struct side *s, uint64_t cl, struct state state, size_t max)
{
    if (s->n * 4 >= s->cap * 3) {
        size_t cap = s->cap ? s->cap * 2 : SLOTS_MIN;

        if (max && cap > max)
            return SIDE_FULL;
        if (!grow(s, cap))
            return SIDE_NOMEM;
    }
    *find(s, cl) = (struct side_slot){ cl + 1, state };
    s->n++;
    return SIDE_PUT;
}

void side_free(struct side *s)
{
    free(s->slot);
    *s = (struct side){ NULL, 0, 0 };
}
