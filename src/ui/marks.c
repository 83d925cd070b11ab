/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/marks.h"

#include <stdlib.h>

static int by_start(const void *a, const void *b)
{
    const struct mark_span *x = a;
    const struct mark_span *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->problem < y->problem ? -1 : x->problem > y->problem;
}

static void add(struct mark_index *m, uint64_t start, uint64_t len, size_t problem)
{
    uint64_t end = start > UINT64_MAX - len ? UINT64_MAX : start + len;

    m->list[m->n++] = (struct mark_span){ start, end, problem };
    m->longest = u64_max(m->longest, end - start);
}

/* Bytes of one entry of the table a place is in. */
static uint64_t entry_bytes(const struct geometry *geo, enum place_kind kind)
{
    return kind == PLACE_L2 ? geo->l2_entry_size
         : kind == PLACE_REFBLOCK ? u64_max(geo->refcount_bits / 8, 1)
         : kind == PLACE_HEADER ? 1 : 8;
}

void marks_build(struct marks *m, const struct scan_result *scan)
{
    const struct geometry *geo = &scan->img->geo;
    const struct problems *p = &scan->problems;

    *m = (struct marks){ { calloc(p->n + 1, sizeof *m->bytes.list), 0, 0 },
                         { calloc(p->n + 1, sizeof *m->clusters.list), 0, 0 } };
    if (!m->bytes.list || !m->clusters.list) {
        marks_free(m);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->list[i];
        uint64_t size = entry_bytes(geo, one->place.kind);

        if (one->place.kind == PLACE_CLUSTER)
            add(&m->clusters, one->place.i, u64_max(one->count, 1), i);
        else if (one->place.kind != PLACE_NONE && one->place.file_off != NO_ADDRESS)
            add(&m->bytes, one->place.file_off,
                one->count > UINT64_MAX / size ? size : u64_max(one->count, 1) * size, i);
    }
    qsort(m->bytes.list, m->bytes.n, sizeof *m->bytes.list, by_start);
    qsort(m->clusters.list, m->clusters.n, sizeof *m->clusters.list, by_start);
}

void marks_free(struct marks *m)
{
    free(m->bytes.list);
    free(m->clusters.list);
    *m = (struct marks){ { NULL, 0, 0 }, { NULL, 0, 0 } };
}

static size_t touching(const struct mark_index *m, const struct problems *p,
                       uint64_t start, uint64_t len, size_t *first)
{
    uint64_t from = start > m->longest ? start - m->longest : 0;
    uint64_t end = start > UINT64_MAX - len ? UINT64_MAX : start + len;
    size_t low = 0;
    size_t high = m->n;
    size_t found = 0;

    while (low < high) {                /* the first span that may reach up to start */
        size_t mid = low + (high - low) / 2;

        if (m->list[mid].start < from)
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = low; i < m->n && m->list[i].start < end; i++) {
        size_t one = m->list[i].problem;

        if (m->list[i].end <= start)
            continue;
        if (found++ == 0 || problem_info(p->list[one].kind)->severity <
                                problem_info(p->list[*first].kind)->severity)
            *first = one;
    }
    return found;
}

size_t marks_of_bytes(const struct marks *m, const struct problems *p, uint64_t start,
                      uint64_t len, size_t *first)
{
    return touching(&m->bytes, p, start, len, first);
}

size_t marks_of_clusters(const struct marks *m, const struct problems *p, uint64_t start,
                         uint64_t n, size_t *first)
{
    return touching(&m->clusters, p, start, n, first);
}

void marks_words(const struct problem *p, const struct image *img, struct buf *out)
{
    buf_printf(out, "%s: ", problem_info(p->kind)->title);
    problem_text(p, img, out);
}
