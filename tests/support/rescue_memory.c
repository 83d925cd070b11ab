/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "support/rescue_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static bool read_candidate(void *ctx, size_t cand, uint8_t *dst, struct error *err)
{
    struct rescue_memory *m = ctx;

    (void)err;
    memcpy(dst, m->disk + m->order[cand] * m->cluster, m->cluster);
    return true;
}

static bool read_known(void *ctx, uint64_t guest_off, void *dst, size_t len)
{
    struct rescue_memory *m = ctx;

    memcpy(dst, m->disk + guest_off, len);
    return true;
}

static void *sure(void *p)
{
    if (!p)
        abort();
    return p;
}

static void open_lost(struct rescue_memory *m, uint64_t first_cl, uint64_t n_lost)
{
    const struct rescue_store store = { m, read_candidate, read_known, NULL, false };

    if (!rescue_new(&store, m->size, m->cluster, m->n, &m->g, NULL)
        || !rescue_lose(m->g, first_cl, n_lost))
        abort();
}

static void order_of(struct rescue_memory *m, uint64_t first_cl, uint64_t n_lost)
{
    for (size_t i = (size_t)first_cl; i < (size_t)(first_cl + n_lost); i++)
        if (!bytes_all_zero(m->disk + i * m->cluster, m->cluster))
            m->order[m->n++] = i;
}

void rescue_memory_open(struct rescue_memory *m, const uint8_t *disk, size_t size,
                        uint32_t cluster, const size_t *order, size_t n)
{
    *m = (struct rescue_memory){ .disk = disk, .size = size, .cluster = cluster };
    m->order = sure(calloc(size / cluster + n + 1, sizeof *m->order));
    if (order)
        memcpy(m->order, order, (m->n = n) * sizeof *order);
    else
        order_of(m, 0, size / cluster);
    open_lost(m, 0, size / cluster);
}

void rescue_memory_open_part(struct rescue_memory *m, const uint8_t *disk, size_t size,
                             uint32_t cluster, uint64_t first_cl, uint64_t n_lost)
{
    *m = (struct rescue_memory){ .disk = disk, .size = size, .cluster = cluster };
    m->order = sure(calloc(size / cluster + 1, sizeof *m->order));
    order_of(m, first_cl, n_lost);
    open_lost(m, first_cl, n_lost);
}

void rescue_memory_close(struct rescue_memory *m)
{
    rescue_free(m->g);
    free(m->order);
}

size_t rescue_memory_ask_all(struct rescue_memory *m, const struct rescue_witness *const *list,
                             enum rescue_sure least, size_t *right)
{
    struct rescue_asking *a;
    struct rescue_pin pin;
    size_t wrong = 0;
    bool news;

    if (!rescue_ask_begin(m->g, list, &a, NULL))
        abort();
    for (size_t i = 0; i < m->n; i++)
        if (!rescue_ask_look(a, i, m->disk + m->order[i] * m->cluster, NULL))
            abort();
    if (!rescue_ask_reason(a, NULL, &news, NULL))
        abort();
    rescue_ask_end(a);
    *right = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!rescue_pinned(m->g, i, &pin) || pin.sure < least)
            continue;
        if (memcmp(m->disk + pin.guest_cl * m->cluster, m->disk + m->order[i] * m->cluster,
                   m->cluster) == 0)
            ++*right;
        else
            wrong++;
    }
    return wrong;
}

size_t rescue_memory_ask(struct rescue_memory *m, const struct rescue_witness *w,
                         enum rescue_sure least, size_t *right)
{
    const struct rescue_witness *const list[] = { w, NULL };

    return rescue_memory_ask_all(m, list, least, right);
}
