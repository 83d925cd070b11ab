/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What differs between two files, cluster by cluster. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/grow.h"
#include "insight/difference.h"

#define PIECE (UINT64_C(1) << 20)       /* bytes of tables read at a time, or a cluster */

const struct change_info *host_change_info(enum host_change_kind k)
{
    static const struct change_info rows[N_HOST_CHANGES] = {
#define X(e, id, name) { id, name },
        HOST_CHANGES(X)
#undef X
    };

    return &rows[k];
}

static bool in_use(enum cluster_class c)
{
    return c != CLASS_VACANT && c != CLASS_BEYOND;
}

static bool note(struct difference *d, struct host_change c, struct error *err)
{
    struct host_change *last = d->n_hosts ? &d->host[d->n_hosts - 1] : NULL;

    d->host_clusters[c.kind] += c.n;
    if (last && last->first + last->n == c.first && last->a == c.a && last->b == c.b
        && last->kind == c.kind) {
        last->n += c.n;
        return true;
    }
    if (d->n_hosts == DIFF_RANGES_MAX) {
        d->cut = true;
        return true;
    }
    if (!list_double(&d->host, d->n_hosts, sizeof *d->host))
        return err_set(err, ERR_NOMEM, "out of memory");
    d->host[d->n_hosts++] = c;
    return true;
}

/* The run at a cluster, or all after the end. */
static struct map_run run_at(const struct map *map, uint64_t at)
{
    struct map_run run;

    if (!map_run_at(map, at, &run))
        run = (struct map_run){ at, UINT64_MAX - at, { .cls = CLASS_BEYOND } };
    return run;
}

/* Room for a piece of each file. */
struct table_pieces { size_t len; uint8_t *a, *b; };

/* Tables of one class in n clusters of both files. */
static bool compare_tables(const struct image *a, const struct image *b, uint64_t first,
                           uint64_t n, enum cluster_class cls, struct table_pieces *p,
                           struct difference *d, struct error *err)
{
    const unsigned bits = a->geo.cluster_bits;
    const uint64_t per = p->len >> bits;

    for (uint64_t at = first; at < first + n; at += per) {
        uint64_t some = u64_min(per, first + n - at);

        if (!source_read(a->src, at << bits, p->a, (size_t)(some << bits), err)
            || !source_read(b->src, at << bits, p->b, (size_t)(some << bits), err))
            return false;
        for (uint64_t k = 0; k < some; k++)
            if (memcmp(p->a + (k << bits), p->b + (k << bits), (size_t)1 << bits) != 0
                && !note(d, (struct host_change){ at + k, 1, cls, cls, HOST_REWRITTEN_NOW },
                         err))
                return false;
    }
    return true;
}

/* One run of clusters, of one class in each file. p->a NULL: tables are not read. */
static bool compare_run(const struct image *a, const struct image *b, uint64_t first, uint64_t n,
                        const struct map_cell *x, const struct map_cell *y, struct table_pieces *p,
                        struct difference *d, struct error *err)
{
    enum host_change_kind kind = !in_use(x->cls) ? HOST_USED_NOW
                               : !in_use(y->cls) ? HOST_FREED_NOW : HOST_OTHER_NOW;

    if (x->cls != y->cls)
        return (!in_use(x->cls) && !in_use(y->cls))
            || note(d, (struct host_change){ first, n, x->cls, y->cls, kind }, err);
    return !p->a || !class_info(x->cls)->metadata || a == b
        || compare_tables(a, b, first, n, x->cls, p, d, err);
}

bool difference_hosts(const struct difference_side *a, const struct difference_side *b,
                      struct difference *out, struct error *err)
{
    const struct image *x = a->scan->img, *y = b->scan->img;
    const struct map *map_a = a->scan->map, *map_b = b->scan->map;
    uint64_t end = u64_max(map_clusters(map_a), map_clusters(map_b)), at = 0;
    struct table_pieces p = { (size_t)u64_max(PIECE, x->geo.cluster_size), NULL, NULL };
    bool ok = true;

    out->hosts = x->geo.cluster_bits == y->geo.cluster_bits;
    if (!out->hosts)
        return true;
    if (!a->gone) {
        p.a = malloc(p.len);
        p.b = malloc(p.len);
        if (!p.a || !p.b)
            ok = err_set(err, ERR_NOMEM, "out of memory");
    }
    while (ok && at < end) {
        struct map_run r = run_at(map_a, at), s = run_at(map_b, at);
        uint64_t n = u64_min(r.first + r.n, s.first + s.n) - at;

        ok = compare_run(x, y, at, n, &r.cell, &s.cell, &p, out, err);
        at += n;
    }
    free(p.a);
    free(p.b);
    return ok;
}
