/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/referrers.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/grow.h"
#include "scan/refsearch.h"

struct collect {
    struct referrers *out;
    size_t max, cap;
    bool nomem;
};

static int by_order(const void *a, const void *b)
{
    return referrer_compare(a, b);
}

/* Keeps the `max` first ones in order, whatever order they come in. */
static void trim(struct collect *c)
{
    struct referrers *out = c->out;

    if (out->n)
        qsort(out->list, out->n, sizeof *out->list, by_order);
    if (out->n > c->max)
        out->n = c->max;
}

static void collect_hit(void *ctx, size_t target, const struct referrer *r)
{
    struct collect *c = ctx;
    struct referrers *out = c->out;

    (void)target;
    out->total++;
    if (out->n == c->cap && out->n >= 2 * c->max)
        trim(c);
    if (!list_room(&out->list, out->n, &c->cap, sizeof *out->list)) {
        c->nomem = true;
        return;
    }
    out->list[out->n++] = *r;
}

bool referrers_find(const struct referrers_query *q, _Atomic bool *cancel,
                    _Atomic uint64_t *tables_done, struct referrers *out,
                    struct error *err)
{
    const struct scan_result *scan = q->scan;
    struct ref_target target = { q->first, q->n };
    struct referrers found = { NULL, 0, 0 };
    struct collect c = { .out = &found, .max = q->max };
    struct ref_search search = {
        .img = q->img, .target = &target, .n_targets = 1, .threads = q->threads,
        .window = L2_WINDOW_SEARCH, .cancel = cancel, .tables_done = tables_done,
        .hit = collect_hit, .ctx = &c,
    };
    bool ok = false;

    if (q->n == 0 || q->first > UINT64_MAX - q->n) {
        *out = found;
        return true;
    }
    if (scan && !scan->partial) {
        search.l2 = scan->l2;
        search.n_l2 = scan->n_l2;
    }
    ok = ref_search_run(&search, err);
    if (ok && c.nomem)
        ok = err_set(err, ERR_NOMEM, "out of memory");
    if (!ok) {
        referrers_free(&found);
        return false;
    }
    trim(&c);
    *out = found;
    return true;
}

void referrers_free(struct referrers *r)
{
    free(r->list);
    *r = (struct referrers){ NULL, 0, 0 };
}
