/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What each snapshot alone holds: every cluster that the tables of one layer use, and no
 * other layer, belongs to it. One walk over the distinct L2 tables tells for WINDOW host
 * clusters and GROUP snapshots; most images need no second one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "insight/figures.h"

#define WINDOW      (UINT64_C(16) << 20)    /* host clusters, a byte each */
#define GROUP       250                     /* snapshots */
#define WALKS_MAX   16                      /* more is not told */

enum { NOBODY, OTHERS, SEVERAL, FIRST };    /* owners; FIRST + k: snapshot k of the group */

struct owners {
    const struct scan_result *scan;
    const struct geometry *geo;
    uint64_t first, n;          /* host clusters of this window */
    size_t group;               /* first snapshot of this group */
    uint8_t *of;                /* owner of each cluster of the window */
    uint8_t *table;
};

static uint8_t owner_of_layer(const struct owners *o, uint32_t layer)
{
    size_t k = layer - 1;

    return layer == LAYER_ACTIVE || k < o->group || k - o->group >= GROUP
           ? OTHERS : (uint8_t)(FIRST + (k - o->group));
}

/* Several entries of one snapshot that lead to one table are a fault; nothing is claimed
 * then. */
static uint8_t owner_of_table(const struct owners *o, const struct l2_table *t)
{
    return t->n_active ? OTHERS : t->n_snapshot == 1 ? owner_of_layer(o, t->layer) : SEVERAL;
}

static void add(struct owners *o, uint64_t off, uint64_t len, uint8_t owner)
{
    uint64_t c = u64_max(geo_cluster_of(o->geo, off), o->first), last;

    if (!len || !u64_add(off, len - 1, &last))
        return;
    last = geo_cluster_of(o->geo, last);
    for (; c <= last && c - o->first < o->n; c++) {
        uint8_t *of = &o->of[c - o->first];

        *of = *of == NOBODY || *of == owner ? owner : SEVERAL;
    }
}

static void add_table(struct owners *o, const struct l2_table *t)
{
    const struct geometry *geo = o->geo;
    uint8_t owner = owner_of_table(o, t);

    add(o, t->off, geo->cluster_size, owner);
    if (!source_read(o->scan->img->src, t->off, o->table, (size_t)geo->cluster_size, NULL))
        return;
    for (size_t j = 0; j < geo->l2_entries; j++) {
        struct l2_entry e;

        l2_decode(geo, o->table + j * geo->l2_entry_size, &e);
        if (e.host_off && e.host_off < geo->file_size)
            add(o, e.host_off, e.host_len, owner);
    }
}

/* False: cancelled. */
static bool walk(struct owners *o, const struct figures_options *opt)
{
    const struct image *img = o->scan->img;

    memset(o->of, NOBODY, (size_t)o->n);
    for (size_t k = 0; k < img->snaps.n; k++) {
        struct layer_l1 l1;

        if (image_layer_l1(img, (uint32_t)k + 1, &l1) && l1.sound)
            add(o, l1.off, l1.n * 8, owner_of_layer(o, (uint32_t)k + 1));
    }
    for (size_t i = 0; i < o->scan->n_l2; i++) {
        if (opt->cancel && atomic_load(opt->cancel))
            return false;
        add_table(o, &o->scan->l2[i]);
    }
    return true;
}

/* All that is owned is freed; L2 tables hold nothing of the guest's. */
static void sum_up(const struct owners *o, struct figures *f)
{
    uint64_t cs = o->geo->cluster_size;

    for (uint64_t c = 0; c < o->n; c++) {
        if (o->of[c] >= FIRST) {
            f->snap[o->group + o->of[c] - FIRST].frees += cs;
            f->snap[o->group + o->of[c] - FIRST].alone += cs;
        }
    }
    for (size_t i = 0; i < o->scan->n_l2; i++) {
        uint64_t c = geo_cluster_of(o->geo, o->scan->l2[i].off) - o->first;
        struct snapshot_figures *s;

        if (c >= o->n || o->of[c] < FIRST)
            continue;
        s = &f->snap[o->group + o->of[c] - FIRST];
        s->alone -= u64_min(cs, s->alone);
    }
}

/* Clusters that the snapshot table is shorter without this entry. */
static uint64_t table_shrinks(const struct image *img, const struct snapshot *s)
{
    uint64_t cs = img->geo.cluster_size, len = img->snaps.table_len;
    uint64_t entry = u64_min(round_up(s->entry_len, 8), len);

    return img->snaps.n == 1 ? div_up(len, cs) : div_up(len, cs) - div_up(len - entry, cs);
}

static void other_tables(const struct image *img, struct figures *f)
{
    uint64_t cs = img->geo.cluster_size;

    for (size_t k = 0; k < f->n_snap; k++) {
        const struct snapshot *s = &img->snaps.list[k];

        f->snap[k].alone -= u64_min(round_up(s->l1_size * 8, cs), f->snap[k].alone);
        f->snap[k].frees += table_shrinks(img, s) * cs;
    }
}

bool figures_snapshots(const struct scan_result *scan, const struct figures_options *opt,
                       struct figures *f, struct error *err)
{
    const struct image *img = scan->img;
    struct owners o = { .scan = scan, .geo = &img->geo };
    uint64_t clusters = img->geo.n_clusters, window = u64_min(clusters, WINDOW);
    bool done = true;

    if (!img->snaps.n || img->snaps.n != img->snaps.announced || img->geo.data_file ||
        !f->whole || !scan->l2 || !window ||
        div_up(clusters, window) * div_up(img->snaps.n, GROUP) > WALKS_MAX)
        return true;
    o.of = malloc((size_t)window);
    o.table = malloc((size_t)img->geo.cluster_size);
    f->snap = calloc(img->snaps.n, sizeof *f->snap);
    if (!o.of || !o.table || !f->snap) {
        free(o.of);
        free(o.table);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    f->n_snap = img->snaps.n;
    for (o.first = 0; done && o.first < clusters; o.first += window) {
        o.n = u64_min(window, clusters - o.first);
        for (o.group = 0; done && o.group < f->n_snap; o.group += GROUP) {
            done = walk(&o, opt);
            sum_up(&o, f);
        }
    }
    if (done)
        other_tables(img, f);
    else
        figures_free(f);
    free(o.of);
    free(o.table);
    return true;
}
