/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How the families of causes look at an image: within what may be read. */
#include "config.h"

#include "insight/cause_work.h"

bool work_reads(struct work *w, uint64_t n)
{
    if (w->opt->deep)
        return true;
    if (n > w->bytes_left) {
        w->out->short_of_reads = true;
        return false;
    }
    w->bytes_left -= n;
    return true;
}

bool work_searches(struct work *w, uint64_t n)
{
    if (!w->opt->deep && n + CAUSE_BYTES_MAX / 2 > w->bytes_left) {
        w->out->short_of_reads = true;
        return false;
    }
    return work_reads(w, n);
}

uint64_t work_count(const struct work *w, enum problem_kind k)
{
    return w->ps->count[k];
}

uint64_t work_orphans(const struct work *w)
{
    uint64_t high = work_count(w, PROBLEM_REFCOUNT_HIGH);

    if (w->deleted)
        return 0;
    high -= u64_min(high, work_count(w, PROBLEM_DATA_COPIED));
    return w->leaked.clusters + (w->img->snaps.n ? high : 0);
}

uint64_t work_unclaimed_orphans(const struct work *w)
{
    uint64_t n = 0;

    for (size_t i = 0; i < w->ps->n; i++)
        if (!w->out->claim[i] && (w->ps->list[i].kind == PROBLEM_LEAKED ||
                                  w->ps->list[i].kind == PROBLEM_REFCOUNT_HIGH))
            n += w->ps->list[i].count;
    return n;
}

struct place work_l2_place(const struct work *w, const struct l2_table *t, uint64_t j)
{
    return (struct place){
        .kind = PLACE_L2, .layer = t->layer, .i = t->l1_index, .j = j,
        .file_off = t->off + j * w->geo->l2_entry_size,
        .guest_off = geo_guest_off(w->geo, t->l1_index, j),
    };
}

struct place work_l1_place(const struct work *w, const struct l2_table *t)
{
    struct place p = { .kind = PLACE_L1, .layer = t->layer, .i = t->l1_index,
                       .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS };

    place_complete(w->img, &p);
    return p;
}

struct place work_cluster_place(const struct work *w, uint64_t cluster)
{
    return (struct place){ .kind = PLACE_CLUSTER, .i = cluster,
                           .file_off = cluster << w->geo->cluster_bits,
                           .guest_off = NO_ADDRESS };
}

struct place work_header_place(uint64_t off)
{
    return (struct place){ .kind = PLACE_HEADER, .i = off, .file_off = off,
                           .guest_off = NO_ADDRESS };
}

const struct l2_table *work_table_at(const struct work *w, uint64_t off)
{
    const struct l2_table *t = w->scan->l2;
    size_t from = 0, to = w->scan->n_l2;

    while (from < to) {             /* the last that starts at or before `off` */
        size_t mid = from + (to - from) / 2;

        if (t[mid].off <= off)
            from = mid + 1;
        else
            to = mid;
    }
    return from && off - t[from - 1].off < w->geo->cluster_size ? &t[from - 1] : NULL;
}

void work_cell(const struct work *w, uint64_t cluster, struct map_cell *out)
{
    *out = (struct map_cell){ .cls = CLASS_VACANT };
    if (cluster < map_clusters(w->scan->map))
        map_get(w->scan->map, cluster, out);
}

void work_sample(struct work *w, enum cluster_class cls, struct samples *out)
{
    uint64_t n = map_clusters(w->scan->map), cl = 0, before = UINT64_MAX;
    size_t want = LEAK_SAMPLES;

    *out = (struct samples){ .clusters = w->scan->stats.class_clusters[cls] };
    /* What a pack has left out says nothing. */
    if (!out->clusters || source_get_info(w->img->src).kind == SOURCE_PACK)
        return;
    for (size_t k = 0; k < want; k++) {
        uint64_t from = n / want * k + (n % want) * k / want;
        struct sample *s = &out->list[out->n];

        if (before != UINT64_MAX && from <= before)
            from = before;
        if (before == UINT64_MAX && k == 0) {
            struct map_cell cell;

            work_cell(w, 0, &cell);
            if (cell.cls == cls)
                cl = 0;
            else if (!map_find(w->scan->map, 0, 1, cls, &cl))
                break;
        } else if (!map_find(w->scan->map, from, 1, cls, &cl)) {
            break;
        }
        before = cl;
        if (!work_reads(w, u64_min(w->geo->cluster_size, CONTENT_BYTES_MAX)))
            break;
        s->cluster = cl;
        if (!content_at(w->img, cl << w->geo->cluster_bits, w->scratch, &s->content))
            continue;
        out->n++;
        switch (content_info(s->content.kind)->group) {
        case CONTENT_IS_EMPTY: out->empty++; break;
        case CONTENT_IS_DATA: out->data++; break;
        default:
            if (s->content.kind == CONTENT_L2)
                out->l2++;
            else if (s->content.kind == CONTENT_L1)
                out->l1++;
            else
                out->other_tables++;
        }
    }
}

bool work_extents(struct work *w, void (*one)(struct work *w, const struct guest_extent *x,
                                              void *ctx), void *ctx)
{
    struct guest_walk *walk;
    struct guest_extent x;
    unsigned n = 0;

    if (!guest_walk_open(w->img, LAYER_ACTIVE, 0, w->geo->size, &walk, NULL))
        return false;
    while (n++ < EXTENTS_MAX && guest_walk_next(walk, &x, NULL))
        one(w, &x, ctx);
    guest_walk_free(walk);
    return n <= EXTENTS_MAX;
}
