/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/order.h"

#include <stdlib.h>

#include "base/num.h"

#define BINS_MAX        (UINT64_C(1) << 18)
#define TABLES_A_TIME   64              /* L2 tables between two looks at *cancel */

struct order_bin {
    uint32_t clusters, steps;
    float jumps;                        /* sum of levels */
    float where;                        /* sum of places on the other side, 0 to 1 */
};

struct order_side {
    struct order_bin *bin;                    /* owned */
    size_t n;
    unsigned shift;                     /* log2 of the clusters of a bin */
    uint64_t clusters;
    uint64_t *before;                   /* owned; mapped clusters in the bins before */
};

struct order { struct order_side file, guest; };

/* Counts what is mapped before each bin. */
static bool side_rank(struct order_side *s)
{
    uint64_t sum = 0;

    s->before = calloc(s->n + 1, sizeof *s->before);
    if (!s->before)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        s->before[i] = sum;
        sum += s->bin[i].clusters;
    }
    s->before[s->n] = sum;
    return true;
}

/* The share of what is mapped on a side that lies before a place on it, 0 to 1 both. */
static double share_before(const struct order_side *s, double place)
{
    double bins = place * (double)s->clusters / (double)(UINT64_C(1) << s->shift);
    size_t i = (size_t)bins < s->n ? (size_t)bins : s->n - 1;
    double inside = bins - (double)i < 1 ? bins - (double)i : 1;
    uint64_t all = s->before[s->n];

    return all ? ((double)s->before[i] + inside * s->bin[i].clusters) / (double)all : place;
}

static bool side_init(struct order_side *s, uint64_t clusters)
{
    s->clusters = clusters;
    while (clusters >> s->shift > BINS_MAX)
        s->shift++;
    s->n = (size_t)(clusters >> s->shift) + 1;
    s->bin = calloc(s->n, sizeof *s->bin);
    return s->bin;
}

static unsigned level_of(uint64_t distance)
{
    unsigned level = 0;

    while (distance && level < ORDER_LEVELS - 1) {
        distance >>= 3;
        level++;
    }
    return level;
}

/* Clusters [first, first+n) of one side lie from cluster `other` on at the other side. */
static void add_run(struct order_side *s, uint64_t first, uint64_t n, uint64_t other,
                    uint64_t other_clusters)
{
    double scale = 1.0 / (double)u64_max(other_clusters, 1);

    if (first >= s->clusters)
        return;
    n = u64_min(n, s->clusters - first);
    while (n) {
        uint64_t end = ((first >> s->shift) + 1) << s->shift;
        uint64_t k = u64_min(n, end - first);
        struct order_bin *b = &s->bin[first >> s->shift];

        b->clusters += (uint32_t)k;
        b->steps += (uint32_t)k;
        b->where += (float)(((double)other + (double)(k - 1) / 2) * scale * (double)k);
        first += k;
        other += k;
        n -= k;
    }
}

static void add_jump(struct order_side *s, uint64_t at, unsigned level)
{
    if (at < s->clusters)
        s->bin[at >> s->shift].jumps += (float)level;
}

struct order_walker {
    const struct image *img;
    uint32_t layer;
    uint64_t guest_clusters;            /* of its disk */
    struct order *order;
    uint64_t guest_end, host_end;       /* clusters: where the last run ended */
    bool mapped;                        /* there was one */
};

static void take(struct order_walker *w, const struct guest_extent *x)
{
    const struct geometry *geo = &w->img->geo;
    uint64_t guest = geo_cluster_of(geo, x->start);
    uint64_t host = geo_cluster_of(geo, x->host_off);
    uint64_t n = div_up(x->start + x->length, geo->cluster_size) - guest;
    bool follows = w->mapped && guest == w->guest_end;

    if (w->mapped && guest < w->guest_end) { /* the rest of a cluster begun before */
        uint64_t begun = w->guest_end - guest;

        if (n <= begun)
            return;
        guest += begun;
        host += begun;
        n -= begun;
        follows = true;
    }
    if (follows) {
        unsigned level = level_of(host > w->host_end ? host - w->host_end
                                                     : w->host_end - host);

        add_jump(&w->order->guest, guest, level);
        if (!geo->data_file)
            add_jump(&w->order->file, host, level);
    }
    add_run(&w->order->guest, guest, n, host, geo->n_clusters);
    if (!geo->data_file)
        add_run(&w->order->file, host, n, guest, w->guest_clusters);
    w->guest_end = guest + n;
    w->host_end = host + n;
    w->mapped = true;
}

/* The part [from, to) of the guest disk. */
static bool walk_part(struct order_walker *w, uint64_t from, uint64_t to, struct error *err)
{
    struct guest_walk *walk;
    struct guest_extent x;

    if (!guest_walk_open(w->img, w->layer, from, to, &walk, err))
        return false;
    while (guest_walk_next(walk, &x, err))
        if (x.host_off != NO_ADDRESS && !x.compressed)
            take(w, &x);
    guest_walk_free(walk);
    return true;
}

/* Guest bytes the L1 table can map, cut to the disk. */
static uint64_t mappable(const struct image *img, uint32_t layer)
{
    struct layer_l1 l1;
    uint64_t bytes;

    (void)image_layer_l1(img, layer, &l1);
    if (!u64_mul(l1.n, img->geo.l2_span, &bytes))
        bytes = UINT64_MAX;
    return u64_min(bytes, image_layer_size(img, layer));
}

bool order_build(const struct image *img, uint32_t layer, _Atomic bool *cancel, struct order **out,
                 struct error *err)
{
    struct order *o = calloc(1, sizeof *o);
    struct order_walker w = { .img = img, .layer = layer, .order = o };
    uint64_t end = mappable(img, layer);
    uint64_t part;

    w.guest_clusters = div_up(image_layer_size(img, layer), img->geo.cluster_size);
    if (!o || !side_init(&o->file, img->geo.n_clusters) ||
        !side_init(&o->guest, w.guest_clusters)) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto failed;
    }
    if (!u64_mul(img->geo.l2_span, TABLES_A_TIME, &part))
        part = end;
    for (uint64_t at = 0; at < end;) {
        uint64_t to = at + u64_min(part, end - at);

        if (cancel && *cancel) {
            err_set(err, ERR_CANCELLED, "stopped");
            goto failed;
        }
        if (!walk_part(&w, at, to, err))
            goto failed;
        at = to;
    }
    if (!side_rank(&o->file) || !side_rank(&o->guest)) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto failed;
    }
    *out = o;
    return true;
failed:
    order_free(o);
    return false;
}

void order_free(struct order *o)
{
    if (!o)
        return;
    free(o->file.bin);
    free(o->guest.bin);
    free(o->file.before);
    free(o->guest.before);
    free(o);
}

static void facts_of(const struct order_side *s, const struct order_side *other, uint64_t first,
                     uint64_t n, struct order_facts *out)
{
    uint64_t steps = 0;
    double jumps = 0;
    double where = 0;

    *out = (struct order_facts){ 0, 0, 0 };
    if (n == 0 || first >= s->clusters)
        return;
    n = u64_min(n, s->clusters - first);
    for (uint64_t i = first >> s->shift; i <= (first + n - 1) >> s->shift; i++) {
        const struct order_bin *b = &s->bin[i];

        out->clusters += b->clusters;
        steps += b->steps;
        jumps += b->jumps;
        where += b->where;
    }
    if (out->clusters == 0)
        return;
    out->jump = (unsigned)(jumps / (double)steps + 0.5);
    if (out->jump == 0 && jumps > 0)
        out->jump = 1;
    out->where = (unsigned)(share_before(other, where / (double)out->clusters) *
                            ORDER_LEVELS);
    if (out->where >= ORDER_LEVELS)
        out->where = ORDER_LEVELS - 1;
    if (out->jump >= ORDER_LEVELS)
        out->jump = ORDER_LEVELS - 1;
}

void order_of_file(const struct order *o, uint64_t first, uint64_t n,
                   struct order_facts *out)
{
    facts_of(&o->file, &o->guest, first, n, out);
}

void order_of_guest(const struct order *o, uint64_t first, uint64_t n,
                    struct order_facts *out)
{
    facts_of(&o->guest, &o->file, first, n, out);
}
