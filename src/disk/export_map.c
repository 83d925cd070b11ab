/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What an export has had, and what was lost, in order. */
#include "config.h"

#include <stdlib.h>

#include "disk/exporter.h"

static bool by_off(const struct disk_span *a, const struct disk_span *b)
{
    return a->off < b->off;
}

static int compare_spans(const void *a, const void *b)
{
    return by_off(b, a) - by_off(a, b);
}

bool export_lost(struct exporter *x, struct disk_spans *out, struct error *err)
{
    uint64_t at = 0;

    if (x->lost.n)
        qsort(x->lost.list, x->lost.n, sizeof *x->lost.list, compare_spans);
    for (size_t i = 0; i < x->lost.n; i++) {
        struct disk_span s = x->lost.list[i];
        uint64_t cut = at > s.off ? u64_min(at - s.off, s.len) : 0;

        s.off += cut;
        s.len -= cut;
        if (s.host_off != NO_ADDRESS && !s.compressed)
            s.host_off += cut;
        at = u64_max(at, s.off + s.len);
        if (s.len && !disk_spans_add(out, &s, err))
            return false;
    }
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct map_range *x = a, *y = b;

    return (x->off > y->off) - (x->off < y->off);
}

/* Everything up to the window, and of it the tasks that are done, in rising order. */
static bool had(const struct exporter *x, struct map_range **out, size_t *n, struct error *err)
{
    const struct rangemap *have = x->opt->have;
    struct map_range *r = malloc((x->n_tasks + 1 + (have ? have->n : 0)) * sizeof *r);
    size_t k = 0;

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r[k++] = (struct map_range){ 0, x->window_start, RANGE_DONE };
    for (size_t i = 0; i < x->n_tasks; i++)
        if (x->task[i].done)
            r[k++] = (struct map_range){ x->task[i].off, x->task[i].len, RANGE_DONE };
    for (size_t i = 0; have && i < have->n; i++)
        if (have->list[i].status == RANGE_DONE)
            r[k++] = have->list[i];
    qsort(r, k, sizeof *r, compare_ranges);
    *out = r;
    *n = k;
    return true;
}

/* Adds [off, end), of which lost ranges from number *i on are no success. */
static bool add_had(struct rangemap *m, uint64_t off, uint64_t end,
                    const struct disk_spans *lost, size_t *i, struct error *err)
{
    while (off < end) {
        const struct disk_span *s = *i < lost->n ? &lost->list[*i] : NULL;
        uint64_t from = s ? u64_max(off, u64_min(s->off, end)) : end, to;

        if (s && s->off + s->len <= off) {
            ++*i;
            continue;
        }
        to = s && from < end ? u64_min(end, s->off + s->len) : from;
        if (!rangemap_add(m, off, from - off, RANGE_DONE, err) ||
            !rangemap_add(m, from, to - from, RANGE_LOST, err))
            return false;
        off = to;
    }
    return true;
}

static bool make_map(struct exporter *x, struct rangemap *m, struct error *err)
{
    struct disk_spans lost = DISK_SPANS_INIT;
    struct map_range *r = NULL;
    size_t n = 0, next = 0;
    uint64_t at = 0;
    bool ok = export_lost(x, &lost, err) && had(x, &r, &n, err);

    for (size_t i = 0; ok && i < n; i++) {
        uint64_t off = u64_max(r[i].off, at), end = u64_min(r[i].off + r[i].len, x->told_end);

        if (end <= off)
            continue;
        ok = rangemap_add(m, at, off - at, RANGE_UNTRIED, err) &&
             add_had(m, off, end, &lost, &next, err);
        at = end;
    }
    ok = ok && rangemap_add(m, at, x->size - at, RANGE_UNTRIED, err);
    free(r);
    disk_spans_free(&lost);
    return ok;
}

bool export_save_map(struct exporter *x, bool complete, struct error *err)
{
    struct rangemap m = RANGEMAP_INIT;
    struct buf text = BUF_INIT, name = BUF_INIT;
    bool ok;

    if (!x->opt->map)
        return true;
    ok = make_map(x, &m, err);
    if (ok) {
        rangemap_text(&m, x->opt->label, complete, &text);
        ok = !text.failed ? scribe_write(x->opt->map, buf_str(&text), text.len, &name, err)
                          : err_set(err, ERR_NOMEM, "out of memory");
    }
    rangemap_free(&m);
    buf_free(&name);
    buf_free(&text);
    return ok;
}
