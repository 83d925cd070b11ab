/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A disk in memory of which all places are lost, and whose clusters are the candidates. */
#ifndef QCHECK_TESTS_SUPPORT_RESCUE_MEMORY_H
#define QCHECK_TESTS_SUPPORT_RESCUE_MEMORY_H

#include "plan/rescue/rescue_guest.h"

struct rescue_memory {
    const uint8_t *disk;            /* borrowed */
    size_t size;                    /* bytes, a multiple of cluster */
    uint32_t cluster;
    size_t *order;                  /* owned: guest cluster of each candidate */
    size_t n;
    struct rescue_guest *g;         /* owned */
};

/* order: guest clusters in the order in which they lie in the file, n of them; NULL: all that
 * hold something, rising. Everything is lost. Ends the test when memory runs out. */
void rescue_memory_open(struct rescue_memory *m, const uint8_t *disk, size_t size,
                        uint32_t cluster, const size_t *order, size_t n);
/* The same where only [first_cl, first_cl + n_lost) is lost. */
void rescue_memory_open_part(struct rescue_memory *m, const uint8_t *disk, size_t size,
                             uint32_t cluster, uint64_t first_cl, uint64_t n_lost);
void rescue_memory_close(struct rescue_memory *m);

/* Shows all candidates to one witness and lets it reason until it has no news. Returns how many
 * candidates are at a wrong place with at least that confidence (a zero cluster or one with
 * the same bytes is no wrong place); *right: how many are at their own. */
size_t rescue_memory_ask(struct rescue_memory *m, const struct rescue_witness *w,
                         enum rescue_sure sure, size_t *right);
/* The same with several; NULL ends the list. */
size_t rescue_memory_ask_all(struct rescue_memory *m, const struct rescue_witness *const *list,
                             enum rescue_sure sure, size_t *right);

#endif
