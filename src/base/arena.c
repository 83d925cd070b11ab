/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/arena.h"

#include <stdlib.h>

#define CHUNK 32768                     /* bytes; longer strings have one to themselves */

struct arena_chunk {
    struct arena_chunk *before;
    char bytes[];
};

char *arena_take(struct arena *a, size_t len)
{
    if (!a->chunk || len > a->size - a->used) {
        size_t size = len > CHUNK ? len : CHUNK;
        struct arena_chunk *c = calloc(1, sizeof *c + size);

        if (!c)
            return NULL;
        c->before = a->chunk;
        *a = (struct arena){ c, 0, size };
    }
    a->used += len;
    return a->chunk->bytes + a->used - len;
}

void arena_free(struct arena *a)
{
    while (a->chunk) {
        struct arena_chunk *before = a->chunk->before;

        free(a->chunk);
        a->chunk = before;
    }
    *a = (struct arena){ NULL, 0, 0 };
}
