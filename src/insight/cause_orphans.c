/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables that nobody refers to, found by their content. */
#include "config.h"

#include <stdlib.h>

#include "insight/cause_work.h"

#define SEARCH_MAX 4096             /* clusters looked at for a lost table */

/* Where the entries of an L2 table lead: to clusters that lack an owner; to what the active
 * disk maps. run: the last cluster of those that follow the table, which are its data. */
struct leads { uint64_t orphans, active, run; };

/* Of the table in w->scratch, which is that of a cluster. */
static struct leads leads_of(const struct work *w, uint64_t cl)
{
    uint64_t bytes = u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX);
    struct leads n = { .run = cl };

    for (size_t j = 0; j < bytes / w->geo->l2_entry_size; j++) {
        struct map_cell cell;
        struct l2_entry e;

        l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
        if (!l2_entry_has_host(&e))
            continue;
        work_cell(w, e.host_off >> w->geo->cluster_bits, &cell);
        n.run += e.host_off >> w->geo->cluster_bits == n.run + 1;
        n.orphans += cell.cls == CLASS_LEAKED || cell.problem;
        n.active += cell.cls == CLASS_DATA || cell.cls == CLASS_DATA_SHARED;
    }
    return n;
}

/* Adds a table of that kind, at this cluster. */
static void add(const struct work *w, struct orphan_tables *out, uint64_t cl,
                const struct leads *to)
{
    bool copy = to->active > to->orphans / 4;

    if (!out->n || (out->n == out->copies && !copy))
        out->first = cl;
    out->n++;
    out->copies += copy;
    out->orphans += to->orphans;
    if (!copy && out->n_kept < ORPHAN_TABLES_KEPT)
        out->kept[out->n_kept++] = cl << w->geo->cluster_bits;
}

static void search(struct work *w, enum cluster_class cls, struct unowned_tables *out)
{
    uint64_t cl = 0;
    struct map_cell cell;
    bool any;

    if (!w->scan->stats.class_clusters[cls])
        return;
    work_cell(w, 0, &cell);
    any = cell.cls == cls || map_find(w->scan->map, 0, 1, cls, &cl);
    for (unsigned n = 0; any && (n < SEARCH_MAX || w->opt->deep); n++) {
        struct leads to = { .run = cl };
        struct content c;

        if (!work_searches(w, u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX)))
            break;
        if (content_at(w->img, cl << w->geo->cluster_bits, w->scratch, &c)) {
            if (c.kind == CONTENT_L2 && !w->geo->data_file)
                to = leads_of(w, cl);
            if (c.kind == CONTENT_L2 || c.kind == CONTENT_L1)
                add(w, c.kind == CONTENT_L2 ? &out->l2 : &out->l1, cl, &to);
        }
        any = map_find(w->scan->map, to.run, 1, cls, &cl);
    }
    out->l1.cut = any || out->l1.n_kept < out->l1.n;
    out->l2.cut = any || out->l2.n_kept < out->l2.n - out->l2.copies;
}

const struct unowned_tables *work_orphan_tables(struct work *w, enum cluster_class cls)
{
    static const struct unowned_tables none;
    struct unowned_tables **at = cls == CLASS_LEAKED ? &w->orphans : &w->freed;

    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (*at)
            search(w, cls, *at);
        w->failed |= !*at;
    }
    return *at ? *at : &none;
}
