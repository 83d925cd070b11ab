/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The refcount table and the refcounts. */
#include "config.h"

#include <inttypes.h>

#include "report/dump.h"

/* Clusters [first, end) of the entry that --from and --to leave. */
static bool entry_in_range(const struct dump *d, uint64_t i)
{
    const struct geometry *geo = &d->img->geo;
    uint64_t first = i << geo->refblock_bits;

    return first < div_up(d->to, geo->cluster_size) &&
           first + geo->refblock_entries > geo_cluster_of(geo, d->from);
}

static void reftable_row(struct dump *d, uint64_t i)
{
    const struct geometry *geo = &d->img->geo;
    uint64_t raw = d->img->reftable[i], off = raw & REFTABLE_OFFSET_MASK;
    uint64_t at = d->img->hdr.refcount_table_offset + i * 8;
    uint64_t first = i << geo->refblock_bits;
    struct problem_hits found = { .n = 0 };

    problem_index_bytes(d->index, at, 1, &found);
    if (off)
        problem_index_clusters(d->index, geo_cluster_of(geo, off), 1, &found);
    if (d->json) {
        dump_line(d, "refcount-table-entry");
        jw_u64(&d->jw, "index", i);
        jw_u64(&d->jw, "file-offset", at);
        jw_hex(&d->jw, "raw", raw);
        if (off)
            jw_u64(&d->jw, "block-offset", off);
        jw_u64(&d->jw, "first-cluster", first);
        jw_u64(&d->jw, "clusters", geo->refblock_entries);
        if (off)
            dump_refcount_json(d, off);
        hits_json(&found, &d->jw);
        dump_line_end(d);
        return;
    }
    out_printf(d->out, "  [%" PRIu64 "] 0x%016" PRIx64, i, raw);
    if (off)
        out_printf(d->out, "  refcount block at 0x%" PRIx64 " (cluster %" PRIu64 ")", off,
                   geo_cluster_of(geo, off));
    out_printf(d->out, "  for clusters %" PRIu64 " - %" PRIu64, first,
               first + geo->refblock_entries - 1);
    if (off)
        dump_refcount_text(d, off);
    hits_text(&found, d->out);
    out_puts(d->out, "\n");
}

bool dump_reftable(struct dump *d, struct error *err)
{
    uint64_t empty = 0;

    (void)err;
    for (uint64_t i = 0; i <= d->img->reftable_n && out_ok(d->out); i++) {
        bool last = i == d->img->reftable_n;

        if (!last && !d->img->reftable[i] && !d->json) {
            empty++;
            continue;
        }
        if (empty && !d->used)
            out_printf(d->out, "  [%" PRIu64 " - %" PRIu64 "] empty\n", i - empty, i - 1);
        empty = 0;
        if (!last && entry_in_range(d, i) && (d->img->reftable[i] || !d->used))
            reftable_row(d, i);
    }
    return true;
}

/* Clusters in a row with the same stored and counted refcount, class and problems. */
struct ref_run {
    uint64_t first, end;
    bool known;                 /* the stored refcount could be read */
    uint64_t stored;
    bool in_file;
    struct map_cell cell;
    struct problem_hits found;
};

static bool same(const struct ref_run *a, const struct ref_run *b)
{
    if (a->known != b->known || a->stored != b->stored || a->in_file != b->in_file ||
        a->found.n_kinds != b->found.n_kinds)
        return false;
    for (size_t i = 0; i < a->found.n_kinds; i++)
        if (a->found.kind[i] != b->found.kind[i])
            return false;
    return !a->in_file ||
           (a->cell.cls == b->cell.cls && a->cell.counted == b->cell.counted);
}

static void put_run(struct dump *d, const struct ref_run *r)
{
    const struct class_info *cls = class_info(r->cell.cls);
    unsigned kind = r->stored < 2 ? 1u << r->stored : 4;
    char counted[COUNTED_TEXT];

    if (d->hide_refcounts & kind)
        return;
    if (r->first == r->end || (d->used && r->known && !r->stored && !r->cell.counted))
        return;
    if (d->json) {
        dump_line(d, "refcount");
        jw_u64(&d->jw, "cluster", r->first);
        jw_u64(&d->jw, "clusters", r->end - r->first);
        if (r->known)
            jw_u64(&d->jw, "stored", r->stored);
        if (r->in_file) {
            if (r->cell.counted != COUNTED_UNKNOWN)
                jw_u64(&d->jw, "counted", r->cell.counted);
            jw_text(&d->jw, "class", cls->id);
        }
        hits_json(&r->found, &d->jw);
        dump_line_end(d);
        return;
    }
    if (r->end - r->first == 1)
        out_printf(d->out, "  cluster %" PRIu64, r->first);
    else
        out_printf(d->out, "  clusters %" PRIu64 " - %" PRIu64, r->first, r->end - 1);
    if (r->known)
        out_printf(d->out, "  refcount %" PRIu64, r->stored);
    else
        out_puts(d->out, "  refcount ?");
    if (r->in_file)
        out_printf(d->out, "/%s  %s", counted_text(counted, r->cell.counted), cls->name);
    else
        out_puts(d->out, "/-  after the end of the file");
    hits_text(&r->found, d->out);
    out_puts(d->out, "\n");
}

static void look_at(struct dump *d, uint64_t k, struct ref_run *out)
{
    *out = (struct ref_run){ .first = k, .end = k + 1 };
    out->in_file = k < map_clusters(d->scan->map);
    out->known = stored_get(&d->stored, k, &out->stored) <= STORED_NO_BLOCK;
    if (out->in_file)
        map_get(d->scan->map, k, &out->cell);
    problem_index_clusters(d->index, k, 1, &out->found);
}

/* The first cluster of the next refcount block that exists, from block of `k` on. */
static uint64_t skip_missing(const struct dump *d, uint64_t k)
{
    uint64_t i = k >> d->img->geo.refblock_bits;

    if (i < d->img->reftable_n && d->img->reftable[i])
        return k;
    while (i < d->img->reftable_n && !d->img->reftable[i])
        i++;
    return i < d->img->reftable_n ? i << d->img->geo.refblock_bits : UINT64_MAX;
}

/* First cluster after k whose stored refcount may be another one, for all that is known without
 * reading: clusters of missing blocks and of blocks past the end of the file are alike, and so
 * are those whose refcounts lie in a hole. */
static uint64_t stored_until(const struct dump *d, uint64_t k, struct data_memo *memo)
{
    const struct geometry *geo = &d->img->geo;
    uint64_t i = k >> geo->refblock_bits, first = i << geo->refblock_bits;
    uint64_t off, unit, per_unit;

    if (skip_missing(d, k) != k)
        return skip_missing(d, k);
    off = d->img->reftable[i] & REFTABLE_OFFSET_MASK;
    if (!off || off >= geo->file_size || off & (geo->cluster_size - 1))
        return first + geo->refblock_entries;
    unit = u64_max(1, (UINT64_C(1) << geo->refcount_order) / 8);
    per_unit = u64_max(1, 8 >> geo->refcount_order);
    off = source_next_unit(d->img->src, memo, off, unit, (k - first) / per_unit,
                           geo->refblock_entries / per_unit) * per_unit;
    return u64_max(first + off, k + 1);
}

/* First cluster after k that may differ from it. *run: what the map told last. */
static uint64_t alike_until(const struct dump *d, uint64_t k, struct map_run *run,
                            struct data_memo *memo)
{
    const struct geometry *geo = &d->img->geo;
    uint64_t end = problem_index_next_cluster(d->index, k);

    if (k < map_clusters(d->scan->map)) {
        if (k - run->first >= run->n && !map_run_at(d->scan->map, k, run))
            return k + 1;
        if (run->cell.counted == COUNTED_UNKNOWN)
            return k + 1;
        end = u64_min(end, run->first + run->n);
        if (stored_known(&d->stored, k))
            return u64_min(end, (k | (geo->refblock_entries - 1)) + 1);
    }
    return u64_min(end, stored_until(d, k, memo));
}

bool dump_refcounts(struct dump *d, struct error *err)
{
    const struct geometry *geo = &d->img->geo;
    uint64_t end = u64_min(div_up(d->to, geo->cluster_size),
                           u64_max(map_clusters(d->scan->map),
                                   d->img->reftable_n << geo->refblock_bits));
    struct data_memo memo = { 0, 0, 0 };
    struct map_run cells = { .n = 0 };
    struct ref_run run = { 0 }, next;

    (void)err;
    run.first = run.end = geo_cluster_of(geo, d->from);
    for (uint64_t k = run.first; k < end && out_ok(d->out); k = next.end) {
        if (k >= map_clusters(d->scan->map) && skip_missing(d, k) != k) {
            k = skip_missing(d, k);
            if (k >= end)
                break;
        }
        look_at(d, k, &next);
        next.end = u64_min(alike_until(d, k, &cells, &memo), end);
        if (run.first != run.end && run.end == k && same(&run, &next)) {
            run.end = next.end;
        } else {
            put_run(d, &run);
            run = next;
        }
    }
    put_run(d, &run);
    return true;
}
