/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "volumes/range_files.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"

struct range_search {
    const struct disk_spans *lost;
    struct range_files *out;
    uint64_t item;                      /* number of the one that comes next, from 1 */
    uint64_t *met;                      /* of each range: the item that met it last */
    uint32_t *range;                    /* what the next item has met */
    size_t n_met;
    bool no_memory;
};

/* The first range that ends past `off`. */
static size_t first_past(const struct disk_spans *lost, uint64_t off)
{
    size_t low;

    BISECT(low, lost->n, mid, lost->list[mid].off + lost->list[mid].len > off);
    return low;
}

static bool add_pair(struct range_files *f, uint32_t range)
{
    if (!list_room(&f->pair, f->n, &f->cap, sizeof *f->pair))
        return false;
    f->pair[f->n++] = (struct range_file){ range, (uint32_t)f->items.n };
    return true;
}

/* A range of the item that comes next. */
static bool take_place(void *ctx, const struct guest_range *at)
{
    struct range_search *s = ctx;

    for (size_t i = first_past(s->lost, at->off);
         i < s->lost->n && s->lost->list[i].off < at->end; i++) {
        if (s->met[i] == s->item)
            continue;
        s->met[i] = s->item;
        s->range[s->n_met++] = (uint32_t)i;
    }
    return true;
}

static bool take_item(void *ctx, const struct volume_item *item)
{
    struct range_search *s = ctx;
    struct range_files *f = s->out;
    bool ok = true, any = false;

    for (size_t i = 0; volume_item_has_path(item) && i < s->n_met && ok; i++) {
        if (f->n_files[s->range[i]]++ < RANGE_FILES_MAX && f->n < RANGE_PAIRS_MAX)
            ok = any = add_pair(f, s->range[i]);
    }
    s->item++;
    s->n_met = 0;
    s->no_memory |= !ok || (any && !volume_items_add(&f->items, item));
    return !s->no_memory;
}

static int by_range(const void *a, const void *b)
{
    const struct range_file *x = a, *y = b;

    if (x->range != y->range)
        return x->range < y->range ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

bool range_files_find(struct volumes_helper *h, struct disk *d, const struct disk_spans *lost,
                      const _Atomic bool *cancel, _Atomic uint64_t *permille,
                      struct range_files *out, struct error *err)
{
    struct range_search s = { .lost = lost, .out = out, .item = 1 };
    struct guest_ranges ranges = GUEST_RANGES_INIT;
    struct volumes_query q = { .want = VOLUMES_LACKING, .item = take_item, .place = take_place,
                               .ctx = &s, .cancel = cancel, .permille = permille };
    bool ok = true;

    *out = (struct range_files)RANGE_FILES_INIT;
    out->n_files = calloc(lost->n + 1, sizeof *out->n_files);
    s.met = calloc(lost->n + 1, sizeof *s.met);
    s.range = calloc(lost->n + 1, sizeof *s.range);
    out->n_ranges = lost->n;
    for (size_t i = 0; i < lost->n && ok; i++)
        if (lost->list[i].state != DISK_ABSENT)
            ok = guest_ranges_add(&ranges, lost->list[i].off, lost->list[i].len, NULL);
    ok = (ok && out->n_files && s.met && s.range) || err_set(err, ERR_NOMEM, "out of memory");
    guest_ranges_sort(&ranges);
    q.lack[LACK_LOST] = &ranges;
    ok = ok && (!ranges.n || volumes_run(h, d, &q, &out->volumes, err)) &&
         (!s.no_memory || err_set(err, ERR_NOMEM, "out of memory"));
    if (out->n)
        qsort(out->pair, out->n, sizeof *out->pair, by_range);
    guest_ranges_free(&ranges);
    free(s.met);
    free(s.range);
    return ok;
}

void range_files_free(struct range_files *f)
{
    volumes_free(&f->volumes);
    volume_items_free(&f->items);
    free(f->pair);
    free(f->n_files);
    *f = (struct range_files)RANGE_FILES_INIT;
}
