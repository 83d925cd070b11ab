/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/sweep.h"

#include <stdlib.h>

#include "base/num.h"
#include "qcow2/place.h"

static int by_start(const void *a, const void *b)
{
    const struct sweep_span *x = a, *y = b;

    if (x->start != y->start)
        return u64_order(x->start, y->start);
    return u64_order(x->layer, y->layer);
}

static int by_end(const void *a, const void *b)
{
    const struct sweep_span *x = *(const struct sweep_span *const *)a;
    const struct sweep_span *y = *(const struct sweep_span *const *)b;

    return u64_order(x->end, y->end);
}

/* A binary heap of the spans that have begun, lowest table number on top. */
struct heap { const struct sweep_span **at; size_t n; };

static void heap_push(struct heap *h, const struct sweep_span *s)
{
    size_t i = h->n++;

    while (i && h->at[(i - 1) / 2]->layer > s->layer) {
        h->at[i] = h->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->at[i] = s;
}

static void heap_pop(struct heap *h)
{
    const struct sweep_span *last = h->at[--h->n];
    size_t i = 0;

    for (;;) {
        size_t child = i * 2 + 1;

        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->at[child + 1]->layer < h->at[child]->layer)
            child++;
        if (last->layer <= h->at[child]->layer)
            break;
        h->at[i] = h->at[child];
        i = child;
    }
    if (h->n)
        h->at[i] = last;
}

bool sweep_spans(struct sweep_span *span, size_t n, sweep_fn fn, void *ctx)
{
    struct heap heap = { NULL, 0 };
    const struct sweep_span **ends;
    size_t next = 0, ended = 0;
    uint32_t count[2] = { 0, 0 };       /* active, snapshot */
    bool ok = false;

    if (!n)
        return true;
    ends = calloc(n, sizeof *ends);
    heap.at = calloc(n, sizeof *heap.at);
    if (!ends || !heap.at)
        goto out;
    qsort(span, n, sizeof *span, by_start);
    for (size_t i = 0; i < n; i++)
        ends[i] = &span[i];
    qsort(ends, n, sizeof *ends, by_end);

    while (ended < n) {
        uint64_t at, stop;

        /* The next border; all that begin or end there take effect. */
        at = ends[ended]->end;
        if (next < n && span[next].start < at)
            at = span[next].start;
        for (; next < n && span[next].start <= at; next++) {
            count[span[next].layer != LAYER_ACTIVE]++;
            heap_push(&heap, &span[next]);
        }
        for (; ended < n && ends[ended]->end <= at; ended++)
            count[ends[ended]->layer != LAYER_ACTIVE]--;
        if (ended == n)
            break;
        while (heap.n && heap.at[0]->end <= at)
            heap_pop(&heap);
        stop = ends[ended]->end;
        if (next < n && span[next].start < stop)
            stop = span[next].start;
        if (count[0] + count[1]
            && !fn(ctx, at, stop, count[0], count[1], heap.at[0]))
            goto out;
    }
    ok = true;
out:
    free(ends);
    free(heap.at);
    return ok;
}
