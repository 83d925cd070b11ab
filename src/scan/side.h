/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Side tables of the book: states of single clusters, for those whose state has no number
 * (cells.h). A hash with a limit. */
#ifndef QCHECK_SCAN_SIDE_H
#define QCHECK_SCAN_SIDE_H

#include <stddef.h>
#include <stdint.h>

struct state {
    uint32_t owners;                /* enum owner */
    uint64_t count;                 /* references */
};

struct side_slot { uint64_t key; struct state state; };     /* key: cluster + 1; 0: empty */
struct side { struct side_slot *slot; size_t n, cap; };     /* all zeros: empty */

enum side_outcome { SIDE_PUT, SIDE_FULL, SIDE_NOMEM };

/* Most slots that go into so many bytes, growing included; some at least. */
size_t side_slots(uint64_t bytes);

/* The state of a cluster, to be read or changed in place; NULL: it has none here. */
struct state *side_get(const struct side *s, uint64_t cl);

/* Gives a cluster that has none a state. max: slots; 0: no limit. */
enum side_outcome side_put(struct side *s, uint64_t cl, struct state state, size_t max);
void side_free(struct side *s);

/* Spreads numbers over a hash. */
static inline uint64_t hash_of(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

#endif
