/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Of which places of the disk L2 tables may be that nobody refers to. Most disks have places that
 * were never written: that they have no table says nothing. */
#include "config.h"

#include <stdlib.h>

#include "insight/cause_work.h"

#define ENTRIES_MAX 65536u      /* of an L1 table that are looked at */

struct places {
    struct work *w;
    uint64_t *off;              /* owned: of the table of each place; 0: none */
    size_t n;
    uint64_t empty;
};

/* Where in order a table at this host byte goes, between the places *first and *end: as few
 * others as possible are out of order then. */
static void gap_of(const struct places *p, uint64_t off, size_t *first, size_t *end)
{
    size_t wrong = 0, least, last = SIZE_MAX;

    for (size_t i = 0; i < p->n; i++)
        wrong += p->off[i] && p->off[i] < off;
    least = wrong + 1;
    for (size_t i = 0; i <= p->n; i++) {
        if (i < p->n && !p->off[i])
            continue;
        if (wrong < least) {
            least = wrong;
            *first = last + 1;
            *end = i;
        }
        last = i;
        wrong += i < p->n ? (p->off[i] > off) - (p->off[i] < off) : 0;
    }
}

/* Do tables lie in the file as their places do on the disk, but for one in twenty? */
static bool in_order(const struct places *p)
{
    size_t used = 0, falls = 0;
    uint64_t last = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (!p->off[i])
            continue;
        used++;
        falls += p->off[i] < last;
        last = p->off[i];
    }
    return falls <= 1 || falls * 20 <= used;
}

static void add_empty(const struct places *p, size_t first, size_t end, struct guest_spans *out)
{
    const struct geometry *geo = p->w->geo;

    for (size_t i = first; i < end; i++)
        if (!p->off[i])
            spans_add(out, i * geo->l2_span, geo->l2_span, geo->size);
}

/* Returns how many of the tables fit. */
static uint64_t fit_in_order(const struct places *p, const struct orphan_tables *t,
                             struct guest_spans *lost, struct guest_spans *risk)
{
    uint64_t fit = 0;
    size_t first = 0, end = 0, next_first = 0, next_end = 0;

    for (size_t i = 0; i < t->n_kept; ) {
        size_t k = i;

        gap_of(p, t->kept[i], &first, &end);
        next_first = first;
        next_end = end;
        while (k < t->n_kept && next_first == first && next_end == end)
            if (++k < t->n_kept)
                gap_of(p, t->kept[k], &next_first, &next_end);
        if (first < end) {
            fit += k - i;
            add_empty(p, first, end, k - i >= end - first ? lost : risk);
        }
        i = k;
    }
    return fit;
}

uint64_t work_places(struct work *w, const struct orphan_tables *t, struct guest_spans *lost,
                     struct guest_spans *risk, uint64_t *empty)
{
    struct places p = { .w = w, .n = (size_t)u64_min(w->geo->l1_needed, ENTRIES_MAX) };
    uint64_t own = t->n - t->copies, fit = own;

    *empty = 0;
    p.off = calloc(p.n + 1, sizeof *p.off);
    if (!p.off) {
        w->failed = true;
        return 0;
    }
    image_read_l1(w->img, w->img->hdr.l1_table_offset, 0, p.n, p.off, NULL);
    for (size_t i = 0; i < p.n; i++) {
        p.off[i] &= ENTRY_OFFSET_MASK;
        p.empty += !p.off[i];
    }
    if (own >= p.empty || t->cut)
        add_empty(&p, 0, p.n, own >= p.empty ? lost : risk);
    else if (in_order(&p))
        fit = fit_in_order(&p, t, lost, risk);
    *empty = p.empty;
    free(p.off);
    return fit;
}
