/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "inspect/usage.h"

#include <stdlib.h>

#include "base/limits.h"

#define L1_BATCH 1024

struct usage_walk {
    const struct scan_result *scan;
    const struct image *img;
    struct usage *use;
    uint64_t *l1, *active_l1;               /* L1_BATCH entries each */
    struct l2_entry *entry, *active;        /* one L2 table each */
    /* Host clusters of compressed data: one is alone when all that refer to it do so from
     * here. */
    struct uses { uint64_t cluster, n; } *compressed;
    size_t n_compressed, cap;
    struct data_memo memo, l1_memo;         /* of L2 tables, of L1 tables */
    uint64_t *bytes_left;                   /* of L2 tables that may still be read */
    struct error *err;
};

static uint64_t counted(const struct usage_walk *w, uint64_t cluster)
{
    struct map_cell cell;

    if (cluster >= map_clusters(w->scan->map))
        return 0;
    map_get(w->scan->map, cluster, &cell);
    return cell.counted;
}

/* Of the tables [cluster, cluster + n), those that one reference was counted to. */
static void count_alone(struct usage_walk *w, uint64_t cluster, uint64_t n)
{
    uint64_t end = cluster + n, next;
    struct map_run run;

    for (; cluster < end && map_run_at(w->scan->map, cluster, &run); cluster = next) {
        next = u64_min(run.first + run.n, end);
        if (run.cell.counted == COUNTED_UNKNOWN)
            for (uint64_t k = cluster; k < next; k++)
                w->use->alone_tables += counted(w, k) == 1;
        else if (run.cell.counted == 1)
            w->use->alone_tables += next - cluster;
    }
}

static int by_cluster(const void *a, const void *b)
{
    const struct uses *x = a, *y = b;

    return u64_order(x->cluster, y->cluster);
}

/* Sorts, and makes one of all for the same cluster. */
static void merge_compressed(struct usage_walk *w)
{
    size_t n = 0;

    if (w->n_compressed)
        qsort(w->compressed, w->n_compressed, sizeof *w->compressed, by_cluster);
    for (size_t i = 0; i < w->n_compressed; i++) {
        if (n && w->compressed[n - 1].cluster == w->compressed[i].cluster)
            w->compressed[n - 1].n += w->compressed[i].n;
        else
            w->compressed[n++] = w->compressed[i];
    }
    w->n_compressed = n;
}

static bool room_for_compressed(struct usage_walk *w)
{
    size_t cap = w->cap ? w->cap * 2 : 1024;
    struct uses *list;

    if (w->compressed && w->n_compressed < w->cap)
        return true;
    merge_compressed(w);
    if (w->compressed && w->n_compressed < w->cap / 4 * 3)
        return true;
    if (cap > USAGE_COMPRESSED_MAX) {
        w->use->partial = true;
        return false;
    }
    list = realloc(w->compressed, cap * sizeof *list);
    if (!list)
        return err_set(w->err, ERR_NOMEM, "out of memory");
    w->compressed = list;
    w->cap = cap;
    return true;
}

static bool note_compressed(struct usage_walk *w, const struct l2_entry *e)
{
    uint64_t first = geo_cluster_of(&w->img->geo, e->host_off);
    uint64_t last = geo_cluster_of(&w->img->geo, e->host_off + e->host_len - 1);

    for (uint64_t k = first; k <= last; k++) {
        struct uses *before = w->n_compressed ? &w->compressed[w->n_compressed - 1] : NULL;

        if (before && before->cluster == k)
            before->n++;
        else if (!room_for_compressed(w))
            return w->use->partial;
        else
            w->compressed[w->n_compressed++] = (struct uses){ k, 1 };
    }
    return true;
}

static void count_compressed(struct usage_walk *w)
{
    merge_compressed(w);
    for (size_t i = 0; i < w->n_compressed; i++) {
        uint64_t n = counted(w, w->compressed[i].cluster);

        w->use->alone_data += n == w->compressed[i].n;
        w->use->partial = w->use->partial || n == COUNTED_UNKNOWN;
    }
}

/* Of a table, for bytes_left: short ones cost more than their length. */
static uint64_t cost(const struct geometry *geo)
{
    return u64_max(geo->cluster_size, 16384);
}

/* One L2 table of the snapshot beside the active layer's of the same guest range.
 * active_off 0: it has none. */
static bool one_table(struct usage_walk *w, uint64_t l2_off, uint64_t active_off)
{
    const struct geometry *geo = &w->img->geo;
    size_t n = (size_t)geo->l2_entries;

    if (source_all_hole(w->img->src, &w->memo, l2_off, geo->cluster_size)) {
        w->use->unallocated += n;
        return true;
    }
    *w->bytes_left -= u64_min(cost(geo), *w->bytes_left);
    /* What cannot be read counts as empty: the scan has told it. */
    (void)image_read_l2(w->img, l2_off, 0, n, w->entry, NULL);
    if (active_off && active_off != l2_off)
        (void)image_read_l2(w->img, active_off, 0, n, w->active, NULL);
    for (size_t j = 0; j < n; j++) {
        const struct l2_entry *e = &w->entry[j], *a = &w->active[j];
        bool same = active_off == l2_off ||
                    (active_off && l2_entry_has_host(a) && a->host_off == e->host_off);

        w->use->unallocated += e->type == L2_UNALLOCATED;
        w->use->zero_plain += e->type == L2_ZERO_PLAIN;
        w->use->zero_alloc += e->type == L2_ZERO_ALLOC;
        w->use->normal += e->type == L2_NORMAL;
        w->use->compressed += e->type == L2_COMPRESSED;
        w->use->invalid += l2_entry_invalid(geo, e);
        if (!l2_entry_has_host(e))
            continue;
        w->use->same += same;
        w->use->diverged += !same;
        if (e->type == L2_COMPRESSED) {
            if (!note_compressed(w, e))
                return false;
            continue;
        }
        w->use->unaligned += e->host_off % geo->cluster_size != 0;
        if (!geo->data_file)
            w->use->alone_data += counted(w, geo_cluster_of(geo, e->host_off)) == 1;
    }
    return true;
}

static void read_batch(struct usage_walk *w, uint64_t off, uint64_t n, uint64_t i,
                       uint64_t *out)
{
    if (i >= n) {
        for (size_t k = 0; k < L1_BATCH; k++)
            out[k] = 0;
        return;
    }
    if (n - i < L1_BATCH)
        for (size_t k = (size_t)(n - i); k < L1_BATCH; k++)
            out[k] = 0;
    (void)image_read_l1(w->img, off, i, (size_t)u64_min(L1_BATCH, n - i), out, NULL);
}

static bool all_tables(struct usage_walk *w, uint32_t layer)
{
    const struct geometry *geo = &w->img->geo;
    struct layer_l1 l1, active;
    uint64_t l1_clusters;

    image_layer_l1(w->img, layer, &l1);
    image_layer_l1(w->img, LAYER_ACTIVE, &active);
    l1_clusters = div_up(l1.present * 8, geo->cluster_size);
    for (uint64_t i = 0; i < l1.present; i++) {
        uint64_t e, l2_off;

        if (*w->bytes_left < cost(geo)) {
            w->use->partial = true;
            break;
        }
        if (i % L1_BATCH == 0) {
            i = source_next_unit(w->img->src, &w->l1_memo, l1.off, L1_BATCH * 8, i / L1_BATCH,
                                 div_up(l1.present, L1_BATCH)) * L1_BATCH;
            if (i >= l1.present)
                break;
            *w->bytes_left -= u64_min(L1_BATCH * 8, *w->bytes_left);
            read_batch(w, l1.off, l1.present, i, w->l1);
            read_batch(w, active.off, active.n, i, w->active_l1);
        }
        e = w->l1[i % L1_BATCH];
        l2_off = e & ENTRY_OFFSET_MASK;
        w->use->l1_invalid += (e & L1_RESERVED_MASK) != 0;
        if (!l2_off)
            continue;
        w->use->l2_tables++;
        w->use->l2_unaligned += l2_off % geo->cluster_size != 0;
        w->use->alone_tables += counted(w, geo_cluster_of(geo, l2_off)) == 1;
        if (!one_table(w, l2_off, w->active_l1[i % L1_BATCH] & ENTRY_OFFSET_MASK))
            return false;
    }
    count_alone(w, geo_cluster_of(geo, l1.off), l1_clusters);
    return true;
}

uint64_t usage_bytes_max(const struct image *img)
{
    uint64_t max;

    return u64_add(source_get_info(img->src).allocated, USAGE_BYTES_MIN, &max)
               ? u64_min(max, USAGE_BYTES_MAX) : USAGE_BYTES_MAX;
}

bool usage_of_snapshot(const struct scan_result *scan, size_t i, uint64_t *bytes_left,
                       struct usage *out, struct error *err)
{
    size_t n = (size_t)scan->img->geo.l2_entries;
    struct usage_walk w = { .scan = scan, .img = scan->img, .use = out,
                      .bytes_left = bytes_left, .err = err };
    bool ok = false;

    *out = (struct usage){ 0 };
    if (!scan->img->snaps.list[i].l1_size)
        return true;
    w.l1 = calloc(L1_BATCH, sizeof *w.l1);
    w.active_l1 = calloc(L1_BATCH, sizeof *w.active_l1);
    w.entry = calloc(n, sizeof *w.entry);
    w.active = calloc(n, sizeof *w.active);
    if (!w.l1 || !w.active_l1 || !w.entry || !w.active) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    ok = all_tables(&w, (uint32_t)i + 1);
    if (ok)
        count_compressed(&w);
out:
    free(w.l1);
    free(w.active_l1);
    free(w.entry);
    free(w.active);
    free(w.compressed);
    return ok;
}
