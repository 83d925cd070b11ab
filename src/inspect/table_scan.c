/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Looking at every entry of a table: for the used ones, or for one that points
 * somewhere. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/num.h"
#include "qcow2/spec.h"
#include "inspect/table.h"

#define CHUNK (UINT64_C(1) << 20)       /* bytes read at a time */

bool table_each_entry(const struct image *img, const struct table *t, table_entry_fn *fn,
                      void *arg, const struct task_run *run, struct error *err)
{
    uint64_t size = t->kind == TABLE_REFBLOCK ? 0 : table_entry_size(img, t);
    uint64_t per_chunk = size ? CHUNK / size : CHUNK * 8 / img->geo.refcount_bits;
    uint64_t n = u64_min(t->n, TABLE_FILTER_MAX);
    uint8_t *bytes = malloc(CHUNK);
    bool ok = bytes != NULL;

    if (!bytes)
        err_set(err, ERR_NOMEM, "out of memory");
    for (uint64_t first = 0; ok && first < n && !(run && run->cancel); first += per_chunk) {
        uint64_t off = table_entry_off(img, t, first), left = n - first;
        uint64_t len = size ? left * size : (left * img->geo.refcount_bits + 7) / 8;

        if (off == NO_ADDRESS || off >= img->geo.file_len)
            break;                              /* the rest is not in the file: zeros */
        ok = source_read(img->src, off, bytes, (size_t)u64_min(CHUNK, len), err);
        for (uint64_t k = 0; ok && k < per_chunk && first + k < n; k++)
            fn(arg, img, t, first + k, bytes + k * size, k);
    }
    free(bytes);
    return ok;
}

struct used { uint32_t *list; size_t n; };

bool table_entry_used(const struct image *img, const struct table *t, const uint8_t *bytes,
                      uint64_t in_chunk)
{
    if (t->kind == TABLE_REFBLOCK)
        return refblock_get(bytes, img->geo.refcount_order, in_chunk) != 0;
    return be64(bytes) != 0 ||
           (t->kind == TABLE_L2 && img->geo.extended_l2 && be64(bytes + 8) != 0);
}

static void collect_used(void *arg, const struct image *img, const struct table *t,
                         uint64_t index, const uint8_t *bytes, uint64_t in_chunk)
{
    struct used *used = arg;

    if (table_entry_used(img, t, bytes, in_chunk))
        used->list[used->n++] = (uint32_t)index;
}

bool table_used(const struct image *img, const struct table *t, struct task_run *run,
                uint32_t **out, size_t *n, struct error *err)
{
    struct used used = { NULL, 0 };

    if (t->n > TABLE_FILTER_MAX)
        return err_set(err, ERR_LIMIT,
                       "a table of %" PRIu64 " entries is too large for that", t->n);
    used.list = calloc((size_t)t->n + 1, sizeof *used.list);
    if (!used.list)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!table_each_entry(img, t, collect_used, &used, run, err)) {
        free(used.list);
        return false;
    }
    if (run && run->cancel) {
        free(used.list);
        return err_set(err, ERR_CANCELLED, "stopped");
    }
    *out = used.list;
    *n = used.n;
    return true;
}

/* First and last entry that fits, at all and beyond where the search started. */
struct wanted {
    uint64_t off;
    uint64_t from;
    bool any, any_after, any_before;
    uint64_t first, last, after, before;
};

static bool points_to(const struct image *img, const struct table *t, uint64_t index,
                      const uint8_t *bytes, uint64_t off)
{
    uint64_t mask = t->kind == TABLE_REFTABLE ? REFTABLE_OFFSET_MASK : ENTRY_OFFSET_MASK;
    uint64_t target = be64(bytes) & mask;
    uint64_t len = img->geo.cluster_size;
    struct l2_entry e;

    if (t->kind == TABLE_REFBLOCK)
        return (t->i << img->geo.refblock_bits) + index == geo_cluster_of(&img->geo, off);
    if (t->kind == TABLE_L2) {
        l2_decode(&img->geo, bytes, &e);
        target = e.host_off;
        len = e.host_len;
    }
    return target != 0 && off >= target && off - target < len;
}

static void collect_wanted(void *arg, const struct image *img, const struct table *t,
                           uint64_t index, const uint8_t *bytes, uint64_t in_chunk)
{
    struct wanted *w = arg;

    (void)in_chunk;
    if (!points_to(img, t, index, bytes, w->off))
        return;
    if (!w->any)
        w->first = index;
    w->any = true;
    w->last = index;
    if (index > w->from && !w->any_after) {
        w->any_after = true;
        w->after = index;
    }
    if (index < w->from) {
        w->any_before = true;
        w->before = index;
    }
}

/* In one table: after (before) entry `from`, or from its start (end) where that is NULL. */
static bool find_in_table(const struct image *img, const struct table *t, uint64_t wanted,
                          int dir, const uint64_t *from, struct task_run *run, uint64_t *index)
{
    struct wanted w = { .off = wanted, .from = from ? *from : 0 };

    if (!table_each_entry(img, t, collect_wanted, &w, run, NULL) || !w.any ||
        (from && !(dir > 0 ? w.any_after : w.any_before)))
        return false;
    *index = from ? (dir > 0 ? w.after : w.before) : dir > 0 ? w.first : w.last;
    return true;
}

/* The tables of the same sort, in their order: L2 tables of a layer, refcount blocks,
 * bitmap tables. *n is 1 for a table that has no like. */
static struct table like(const struct image *img, const struct table *t, uint64_t i,
                         uint64_t *n)
{
    struct table parent = { .kind = TABLE_L1, .layer = t->layer };
    struct table one = *t;

    *n = 1;
    if (t->kind == TABLE_BITMAP) {
        *n = img->bitmaps.n;
    } else if (t->kind == TABLE_L2) {
        table_resolve(img, &parent);
        *n = parent.off == NO_ADDRESS ? 1 : image_entries_present(img, parent.off, parent.n);
    }
    if (*n > 1) {
        one.i = i % *n;
        table_resolve(img, &one);
    }
    return one;
}

bool table_find(const struct image *img, struct table_quest *s, struct task_run *run,
                struct error *err)
{
    uint64_t n, start;

    like(img, &s->table, s->table.i, &n);
    start = n > 1 ? s->table.i : 0;
    run->total = n;
    for (uint64_t k = 0; k <= n && !run->cancel; k++) {
        uint64_t i = s->dir > 0 ? start + k : start + n - k % n;
        struct table t = like(img, &s->table, i, &n);

        run->done = k;
        s->wrapped = k == n || (n > 1 && (s->dir > 0 ? i >= n : k > start));
        if (t.off != NO_ADDRESS &&
            find_in_table(img, &t, s->wanted, s->dir, k == 0 ? &s->index : NULL, run,
                          &s->index)) {
            s->table = t;
            return true;
        }
    }
    return run->cancel ? err_set(err, ERR_CANCELLED, "Search stopped")
                       : err_set(err, ERR_USAGE, "No entry of these tables points to");
}
