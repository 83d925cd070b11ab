/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/span.h"

#include <stdlib.h>

#include "base/num.h"

static bool grow(struct guest_spans *s)
{
    size_t cap = s->cap ? s->cap * 2 : 16;
    struct guest_span *list;

    if (s->cap >= SPANS_MAX * 2)
        spans_settle(s);
    if (s->n < s->cap)
        return true;
    list = realloc(s->list, cap * sizeof *list);
    if (!list) {
        s->inexact = true;
        return false;
    }
    s->list = list;
    s->cap = cap;
    return true;
}

void spans_add(struct guest_spans *s, uint64_t start, uint64_t len, uint64_t disk)
{
    uint64_t end;

    if (start >= disk || !len)
        return;
    end = start + u64_min(len, disk - start);
    if (s->n && start >= s->list[s->n - 1].start && start <= s->list[s->n - 1].end) {
        s->list[s->n - 1].end = u64_max(s->list[s->n - 1].end, end);
        return;
    }
    if (s->n == s->cap && !grow(s))
        return;
    s->list[s->n++] = (struct guest_span){ start, end };
}

void spans_add_all(struct guest_spans *s, const struct guest_spans *from)
{
    for (size_t i = 0; i < from->n; i++)
        spans_add(s, from->list[i].start, from->list[i].end - from->list[i].start,
                  UINT64_MAX);
    s->inexact |= from->inexact;
}

static int by_start(const void *a, const void *b)
{
    const struct guest_span *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

void spans_settle(struct guest_spans *s)
{
    size_t n = 0;

    if (s->n)
        qsort(s->list, s->n, sizeof *s->list, by_start);
    for (size_t i = 0; i < s->n; i++) {
        if (n && s->list[i].start <= s->list[n - 1].end)
            s->list[n - 1].end = u64_max(s->list[n - 1].end, s->list[i].end);
        else
            s->list[n++] = s->list[i];
    }
    s->n = n;
    /* Too many: every other gap is closed. */
    while (s->n > SPANS_MAX) {
        for (size_t i = 0; i * 2 < s->n; i++)
            s->list[i] = (struct guest_span){ s->list[i * 2].start,
                                        s->list[u64_min(i * 2 + 1, s->n - 1)].end };
        s->n = (s->n + 1) / 2;
        s->inexact = true;
    }
}

void spans_subtract(struct guest_spans *s, const struct guest_spans *less)
{
    struct guest_spans out = { 0 };
    size_t k = 0;

    for (size_t i = 0; i < s->n; i++) {
        uint64_t at = s->list[i].start, end = s->list[i].end;

        while (k < less->n && less->list[k].end <= at)
            k++;
        for (size_t j = k; j < less->n && less->list[j].start < end; j++) {
            if (less->list[j].start > at)
                spans_add(&out, at, less->list[j].start - at, UINT64_MAX);
            at = u64_max(at, less->list[j].end);
        }
        if (at < end)
            spans_add(&out, at, end - at, UINT64_MAX);
    }
    out.inexact |= s->inexact;
    free(s->list);
    *s = out;
}

void spans_rest(struct guest_spans *s, const struct guest_spans *a, const struct guest_spans *b,
                uint64_t disk)
{
    spans_add(s, 0, disk, disk);
    spans_subtract(s, a);
    spans_subtract(s, b);
    s->inexact |= a->inexact || b->inexact;
}

uint64_t spans_bytes(const struct guest_spans *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n; i++)
        sum += s->list[i].end - s->list[i].start;
    return sum;
}

bool spans_has(const struct guest_spans *s, uint64_t at)
{
    size_t from = 0, to = s->n;

    while (from < to) {             /* the first that ends behind it */
        size_t mid = from + (to - from) / 2;

        if (s->list[mid].end <= at)
            from = mid + 1;
        else
            to = mid;
    }
    return from < s->n && s->list[from].start <= at;
}

void spans_free(struct guest_spans *s)
{
    free(s->list);
    *s = (struct guest_spans){ 0 };
}
