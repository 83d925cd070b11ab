/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/found.h"

#include <stdlib.h>

/* Places [start, end) that one record covers; `reach` is the largest end so far, so that
 * a look-up knows where to stop walking back. */
struct found_span {
    uint64_t start, end, reach;
    enum problem_kind kind;
};

struct spans {
    struct found_span *list;
    size_t n;
};

struct found {
    struct spans entry;         /* by file offset of the entry */
    struct spans cluster;       /* by host cluster */
};

static int by_start(const void *a, const void *b)
{
    const struct found_span *x = a, *y = b;

    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

static uint64_t end_of(uint64_t start, uint64_t count, uint64_t unit)
{
    uint64_t len, end;

    return u64_mul(count, unit, &len) && u64_add(start, len, &end) ? end : UINT64_MAX;
}

static void add(struct spans *s, uint64_t start, uint64_t count, uint64_t unit,
                enum problem_kind kind)
{
    s->list[s->n++] = (struct found_span){ start, end_of(start, count, unit), 0, kind };
}

static void seal(struct spans *s)
{
    uint64_t reach = 0;

    qsort(s->list, s->n, sizeof *s->list, by_start);
    for (size_t i = 0; i < s->n; i++) {
        reach = u64_max(reach, s->list[i].end);
        s->list[i].reach = reach;
    }
}

bool found_new(const struct scan_result *scan, struct found **out, struct error *err)
{
    const struct problems *p = &scan->problems;
    struct found *f = calloc(1, sizeof *f);

    if (f) {
        f->entry.list = calloc(p->n + 1, sizeof *f->entry.list);
        f->cluster.list = calloc(p->n + 1, sizeof *f->cluster.list);
    }
    if (!f || !f->entry.list || !f->cluster.list) {
        found_free(f);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *r = &p->list[i];

        if (r->place.kind == PLACE_CLUSTER)
            add(&f->cluster, r->place.i, r->count, 1, r->kind);
        else if (r->place.file_off != NO_ADDRESS)
            add(&f->entry, r->place.file_off, r->count,
                r->place.kind == PLACE_L2 ? scan->img->geo.l2_entry_size
                : r->place.kind == PLACE_HEADER ? 1 : 8, r->kind);
    }
    seal(&f->entry);
    seal(&f->cluster);
    *out = f;
    return true;
}

void found_free(struct found *f)
{
    if (!f)
        return;
    free(f->entry.list);
    free(f->cluster.list);
    free(f);
}

/* Number of spans that start at or before `at`. */
static size_t starting_by(const struct spans *s, uint64_t at)
{
    size_t lo = 0, hi = s->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->list[mid].start <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void look(const struct spans *s, uint64_t at, struct found_kinds *out)
{
    for (size_t i = starting_by(s, at); i-- > 0 && s->list[i].reach > at;) {
        bool known = false;

        if (s->list[i].end <= at)
            continue;
        for (size_t k = 0; k < out->n; k++)
            known = known || out->kind[k] == s->list[i].kind;
        if (!known && out->n < FOUND_MAX)
            out->kind[out->n++] = s->list[i].kind;
    }
}

void found_at_entry(const struct found *f, uint64_t file_off, struct found_kinds *out)
{
    look(&f->entry, file_off, out);
}

void found_at_cluster(const struct found *f, uint64_t cluster, struct found_kinds *out)
{
    look(&f->cluster, cluster, out);
}

uint64_t found_next_cluster(const struct found *f, uint64_t cluster)
{
    const struct spans *s = &f->cluster;
    size_t i = starting_by(s, cluster);
    uint64_t next = i < s->n ? s->list[i].start : UINT64_MAX;

    while (i-- > 0 && s->list[i].reach > cluster)
        if (s->list[i].end > cluster)
            next = u64_min(next, s->list[i].end);
    return next;
}

void found_text(const struct found_kinds *k, struct out *out)
{
    for (size_t i = 0; i < k->n; i++)
        out_printf(out, "%s%s", i ? " " : "  ! ", problem_info(k->kind[i])->id);
}

void found_json(const struct found_kinds *k, struct jw *j)
{
    if (!k->n)
        return;
    jw_array_flat(j, "problems");
    for (size_t i = 0; i < k->n; i++)
        jw_text(j, NULL, problem_info(k->kind[i])->id);
    jw_close(j);
}
