/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/problem_index.h"

#include <stdlib.h>

#include "base/num.h"
#include "inspect/site.h"

/* What [start, end) one record covers. Sorted by start, the array is a balanced tree
 * whose root is the middle element; `reach` is the largest end in the subtree, so that a
 * search leaves out what ends too early. */
struct span {
    uint64_t start, end, reach;
    size_t problem;
};

struct spans {
    struct span *list;
    size_t n;
};

struct problem_index {
    const struct problems *problems;
    struct spans bytes, clusters;
};

static int by_start(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    if (x->start != y->start)
        return u64_order(x->start, y->start);
    return u64_order(x->problem, y->problem);
}

static uint64_t end_of(uint64_t start, uint64_t len)
{
    uint64_t end;

    return u64_add(start, len, &end) ? end : UINT64_MAX;
}

static void add(struct spans *s, uint64_t start, uint64_t len, size_t problem)
{
    s->list[s->n++] = (struct span){ start, end_of(start, len), 0, problem };
}

/* Bytes of a run of entries. It ends where its table does: what follows there is something
 * else. */
static uint64_t bytes_of(const struct image *img, const struct problem *one)
{
    const struct geometry *geo = &img->geo;
    const struct place *p = &one->place;
    uint64_t n = one->count, bits = 64, len;

    switch (p->kind) {
    case PLACE_HEADER:
    case PLACE_FILE_OFFSET:
        bits = 8;
        break;
    case PLACE_L2:
        bits = geo->l2_entry_size * UINT64_C(8);
        n = u64_min(n, geo->l2_entries - u64_min(p->j, geo->l2_entries - 1));
        break;
    case PLACE_REFBLOCK:
        bits = geo->refcount_bits;
        n = u64_min(n, geo->refblock_entries - u64_min(p->j, geo->refblock_entries - 1));
        return div_up(p->j * bits % 8 + n * bits, 8);
    case PLACE_SNAPSHOT:
    case PLACE_BITMAP:
        return u64_max(site_place_len(img, p), 8);
    default:
        break;
    }
    return u64_mul(n, bits / 8, &len) ? len : UINT64_MAX;
}

static uint64_t set_reach(struct span *list, size_t lo, size_t hi)
{
    size_t mid = lo + (hi - lo) / 2;

    if (lo == hi)
        return 0;
    list[mid].reach = u64_max(list[mid].end, u64_max(set_reach(list, lo, mid),
                                                     set_reach(list, mid + 1, hi)));
    return list[mid].reach;
}

static void seal(struct spans *s)
{
    qsort(s->list, s->n, sizeof *s->list, by_start);
    (void)set_reach(s->list, 0, s->n);
}

bool problem_index_new(const struct scan_result *scan, struct problem_index **out,
                       struct error *err)
{
    const struct problems *p = &scan->problems;
    struct problem_index *x = calloc(1, sizeof *x);

    if (x) {
        x->bytes.list = calloc(p->n + 1, sizeof *x->bytes.list);
        x->clusters.list = calloc(p->n + 1, sizeof *x->clusters.list);
    }
    if (!x || !x->bytes.list || !x->clusters.list) {
        problem_index_free(x);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    x->problems = p;
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->list[i];

        if (one->place.kind == PLACE_CLUSTER)
            add(&x->clusters, one->place.i, u64_max(one->count, 1), i);
        else if (one->kind == PROBLEM_UNREADABLE && one->host_off != NO_ADDRESS)
            add(&x->bytes, one->host_off, one->found, i);
        else if (one->place.kind != PLACE_NONE && one->place.file_off != NO_ADDRESS)
            add(&x->bytes, one->place.file_off, bytes_of(scan->img, one), i);
    }
    seal(&x->bytes);
    seal(&x->clusters);
    *out = x;
    return true;
}

void problem_index_free(struct problem_index *x)
{
    if (!x)
        return;
    free(x->bytes.list);
    free(x->clusters.list);
    free(x);
}

static void note_kind(struct problem_hits *io, enum problem_kind kind)
{
    size_t at = 0;

    while (at < io->n_kinds && io->kind[at] < kind)
        at++;
    if (io->n_kinds == HIT_KINDS_MAX || (at < io->n_kinds && io->kind[at] == kind))
        return;
    for (size_t i = io->n_kinds++; i > at; i--)
        io->kind[i] = io->kind[i - 1];
    io->kind[at] = kind;
}

/* The smaller the severity, the graver. */
static bool graver(const struct problems *p, size_t a, size_t b)
{
    enum severity x = problem_info(p->list[a].kind)->severity;
    enum severity y = problem_info(p->list[b].kind)->severity;

    return x != y ? x < y : a < b;
}

static void note(const struct problems *p, size_t problem, struct problem_hits *io)
{
    if (io->n++ == 0 || graver(p, problem, io->gravest))
        io->gravest = problem;
    note_kind(io, p->list[problem].kind);
}

/* All of [lo, hi) that touch [start, end). The depth is the logarithm of the number of
 * records. */
static void look(const struct spans *s, size_t lo, size_t hi, uint64_t start, uint64_t end,
                 const struct problems *p, struct problem_hits *io)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct span *at = &s->list[mid];

        if (at->reach <= start)
            return;
        look(s, lo, mid, start, end, p, io);
        if (at->start >= end)
            return;
        if (at->end > start)
            note(p, at->problem, io);
        lo = mid + 1;
    }
}

void problem_index_bytes(const struct problem_index *x, uint64_t start, uint64_t len,
                         struct problem_hits *io)
{
    if (x)
        look(&x->bytes, 0, x->bytes.n, start, end_of(start, len), x->problems, io);
}

void problem_index_clusters(const struct problem_index *x, uint64_t first, uint64_t n,
                            struct problem_hits *io)
{
    if (x)
        look(&x->clusters, 0, x->clusters.n, first, end_of(first, n), x->problems, io);
}

/* The nearest border after `at` among [lo, hi). */
static uint64_t next_border(const struct spans *s, size_t lo, size_t hi, uint64_t at)
{
    uint64_t next = UINT64_MAX;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct span *m = &s->list[mid];

        if (m->reach <= at)
            break;
        if (m->start > at) {                    /* all after it begin later still */
            next = u64_min(next, m->start);
            hi = mid;
        } else {
            if (m->end > at)
                next = u64_min(next, m->end);
            next = u64_min(next, next_border(s, lo, mid, at));
            lo = mid + 1;
        }
    }
    return next;
}

uint64_t problem_index_next_cluster(const struct problem_index *x, uint64_t cluster)
{
    return x ? next_border(&x->clusters, 0, x->clusters.n, cluster) : UINT64_MAX;
}
