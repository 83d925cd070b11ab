/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Many small strings that are freed together. Each takes its bytes and no more, where malloc
 * would take 32 for an empty one. */
#ifndef QCHECK_BASE_ARENA_H
#define QCHECK_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk;      /* owned; the last one, linked to those before it */
    size_t used, size;              /* bytes of the last one */
};

/* `len` zero bytes, not aligned; they stay in place until arena_free(). NULL: no memory. */
char *arena_take(struct arena *a, size_t len);
void arena_free(struct arena *a);

#endif
