/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which rows of a table a problem concerns. */
#include "config.h"

#include "base/num.h"
#include "inspect/table.h"

struct entry_span { uint64_t first, last; };

/* count: not 0 */
static struct entry_span run_of(uint64_t first, uint64_t count)
{
    struct entry_span run = { first, UINT64_MAX };

    (void)u64_add(first, count - 1, &run.last);
    return run;
}

/* Entries of a table of entries, of a table of tables: `upper` is the place kind of the
 * former, `lower` of the latter, whose member i is the entry of the former. */
static bool by_index(const struct problem *p, enum place_kind upper,
                     enum place_kind lower, struct entry_span *out)
{
    if (p->place.kind == upper)
        *out = run_of(p->place.i, p->count);
    else if (p->place.kind == lower)
        *out = run_of(p->place.i, 1);
    else
        return false;
    return true;
}

static bool by_offset(const struct table *t, const struct problem *p, uint64_t size,
                      struct entry_span *out)
{
    if (p->place.kind != PLACE_L2 || p->place.file_off == NO_ADDRESS ||
        p->place.file_off < t->off || (p->place.file_off - t->off) / size >= t->n)
        return false;
    *out = run_of((p->place.file_off - t->off) / size, p->count);
    return true;
}

static bool in_refblock(const struct table *t, const struct problem *p, uint32_t bits,
                        struct entry_span *out)
{
    struct entry_span run;
    uint64_t start = t->i << bits;

    if (p->place.kind == PLACE_REFBLOCK && p->place.i == t->i) {
        *out = run_of(p->place.j, p->count);
        return true;
    }
    if (p->place.kind != PLACE_CLUSTER)
        return false;
    run = run_of(p->place.i, p->count);
    if (run.last < start || run.first >= start + t->n)
        return false;
    *out = (struct entry_span){ run.first > start ? run.first - start : 0, run.last - start };
    return true;
}

static bool rows_of(const struct image *img, const struct table *t,
                    const struct problem *p, struct entry_span *out)
{
    uint32_t bits = img->geo.refblock_bits;
    struct entry_span run;

    switch (t->kind) {
    case TABLE_L1:
        return p->place.layer == t->layer && by_index(p, PLACE_L1, PLACE_L2, out);
    case TABLE_L2:
        return by_offset(t, p, img->geo.l2_entry_size, out);
    case TABLE_REFTABLE:
        if (p->place.kind != PLACE_CLUSTER)
            return by_index(p, PLACE_REFTABLE, PLACE_REFBLOCK, out);
        run = run_of(p->place.i, p->count);
        *out = (struct entry_span){ run.first >> bits, run.last >> bits };
        return true;
    case TABLE_REFBLOCK:
        return in_refblock(t, p, bits, out);
    case TABLE_SNAPSHOTS:
        if (p->place.kind == PLACE_SNAPSHOT)
            *out = run_of(p->place.i, p->count);
        else if ((p->place.kind == PLACE_L1 || p->place.kind == PLACE_L2) &&
                 p->place.layer)
            *out = run_of(p->place.layer - 1, 1);
        else
            return false;
        return true;
    case TABLE_BITMAPS:
        return by_index(p, PLACE_BITMAP, PLACE_BITMAP_TABLE, out);
    case TABLE_BITMAP:
        if (p->place.kind != PLACE_BITMAP_TABLE || p->place.i != t->i)
            return false;
        *out = run_of(p->place.j, p->count);
        return true;
    case N_TABLE_KINDS:
        break;
    }
    return false;
}

bool table_problem_rows(const struct image *img, const struct table *t,
                        const struct problem *p, uint64_t *first, uint64_t *last)
{
    struct entry_span span;

    if (!rows_of(img, t, p, &span) || span.first >= t->n)
        return false;
    *first = span.first;
    *last = u64_min(span.last, t->n - 1);
    return true;
}
