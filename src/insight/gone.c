/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/gone.h"

#include <stdlib.h>

#include "base/grow.h"
#include "base/num.h"

static int by_off(const void *a, const void *b)
{
    const struct disk_gone *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

/* Cuts each range where the one before it ends. */
static void part(struct gone *g)
{
    uint64_t end = 0;
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++) {
        struct disk_gone r = g->list[i];

        r.off = u64_max(r.off, end);
        if (r.off >= r.end)
            continue;
        end = r.end;
        g->list[n++] = r;
    }
    g->n = n;
}

bool gone_find(const struct insight *x, struct gone *out, struct error *err)
{
    struct gone g = GONE_INIT;

    for (size_t i = 0; i < x->n; i++) {
        const struct cause *c = &x->list[i];

        if (!cause_loses(c) || !cause_loses_mapping(c->kind))
            continue;
        for (size_t k = 0; k < c->lost.n; k++) {
            if (!list_room(&g.list, g.n, &g.cap, sizeof *g.list)) {
                gone_free(&g);
                return err_set(err, ERR_NOMEM, "out of memory");
            }
            g.list[g.n++] = (struct disk_gone){ c->lost.list[k].start, c->lost.list[k].end,
                                                cause_info(c->kind)->id };
        }
    }
    if (g.n)
        qsort(g.list, g.n, sizeof *g.list, by_off);
    part(&g);
    *out = g;
    return true;
}

void gone_free(struct gone *g)
{
    free(g->list);
    *g = (struct gone)GONE_INIT;
}
