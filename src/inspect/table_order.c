/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order of a table's rows. */
#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "inspect/table.h"
#include "qcow2/spec.h"

const char *table_order_name(enum table_order o)
{
    static const char *const names[N_TABLE_ORDERS] = {
        [TABLE_BY_INDEX] = "entry",
        [TABLE_BY_VALUE] = "what entries point to, or refcount",
        [TABLE_BY_PROBLEMS] = "problems",
        [TABLE_BY_RAW] = "raw value",
        [TABLE_BY_REFCOUNT] = "refcount of what entries point to",
        [TABLE_BY_FULLNESS] = "how full it is",
    };

    return names[o];
}

bool table_has_order(const struct image *img, enum table_kind kind, enum table_order o)
{
    switch (o) {
    case TABLE_BY_RAW: case TABLE_BY_REFCOUNT:
        return kind != TABLE_REFBLOCK;
    case TABLE_BY_FULLNESS:
        return kind == TABLE_L1 || kind == TABLE_REFTABLE ||
               (kind == TABLE_L2 && img->geo.extended_l2);
    default:
        return true;
    }
}

struct keyed { uint64_t key; uint32_t index; bool used; };
struct keying { struct keyed *k; enum table_order order; };

/* 0: nowhere. */
static uint64_t target_of(const struct image *img, const struct table *t, const uint8_t *bytes)
{
    struct l2_entry e;

    if (t->kind != TABLE_L2)
        return be64(bytes) & (t->kind == TABLE_REFTABLE ? REFTABLE_OFFSET_MASK
                                                        : ENTRY_OFFSET_MASK);
    l2_decode(&img->geo, bytes, &e);
    return e.host_off;
}

static uint64_t refcount_of(const struct image *img, uint64_t off)
{
    uint64_t n = 0;

    if (!off || off >= img->geo.file_len ||
        image_stored_refcount(img, geo_cluster_of(&img->geo, off), &n) != STORED_OK)
        return 0;
    return n;
}

static uint64_t fullness_of(const struct image *img, const struct table *t, const uint8_t *bytes)
{
    uint64_t n = 0, to;

    if (t->kind == TABLE_L2) {
        for (uint64_t bits = be64(bytes + 8) & UINT32_MAX; bits; bits &= bits - 1)
            n++;
        return n;
    }
    to = target_of(img, t, bytes);
    return to && to < img->geo.file_len ? table_fullness(img, t, to) : 0;
}

static void key_entry(void *arg, const struct image *img, const struct table *t, uint64_t index,
                      const uint8_t *bytes, uint64_t in_chunk)
{
    const struct keying *w = arg;
    struct keyed *k = &w->k[index];
    uint64_t to;

    k->used = table_entry_used(img, t, bytes, in_chunk);
    switch (w->order) {
    case TABLE_BY_RAW:
        k->key = be64(bytes);
        break;
    case TABLE_BY_REFCOUNT:
        k->key = UINT64_MAX - refcount_of(img, target_of(img, t, bytes));
        break;
    case TABLE_BY_FULLNESS:
        k->key = UINT64_MAX - fullness_of(img, t, bytes);
        break;
    default:
        if (t->kind == TABLE_REFBLOCK) {
            k->key = UINT64_MAX - refblock_get(bytes, img->geo.refcount_order, in_chunk);
        } else {
            to = target_of(img, t, bytes);
            k->key = to ? to : UINT64_MAX;
        }
    }
}

/* How many problems concern each: steps up where one begins, down after its end. */
static bool key_by_problems(struct keyed *k, uint64_t n, const struct table_wish *w)
{
    int64_t *step = calloc((size_t)n + 1, sizeof *step), now = 0;

    if (!step)
        return false;
    for (size_t i = 0; i < w->n_spans; i++) {
        if (w->spans[i].first >= n)
            continue;
        step[w->spans[i].first]++;
        step[u64_min(w->spans[i].last, n - 1) + 1]--;
    }
    for (uint64_t i = 0; i < n; i++) {
        now += step[i];
        k[i].key = UINT64_MAX - (uint64_t)now;
    }
    free(step);
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->key != y->key)
        return u64_order(x->key, y->key);
    return u64_order(x->index, y->index);
}

/* Sorts, and fills in both directions. */
static bool put_in_order(struct keyed *k, size_t n, const struct table_wish *w,
                         struct table_listing *out)
{
    out->row = calloc(n + 1, sizeof *out->row);
    out->row_of = calloc(n + 1, sizeof *out->row_of);
    if (!out->row || !out->row_of)
        return false;
    qsort(k, n, sizeof *k, by_key);
    for (size_t i = 0; i < n; i++) {
        bool hidden = w->used_only && !k[i].used;

        out->row_of[k[i].index] = hidden ? UINT32_MAX : (uint32_t)out->n;
        if (!hidden)
            out->row[out->n++] = k[i].index;
    }
    return true;
}

static bool sorted(const struct image *img, const struct table *t, const struct table_wish *w,
                   struct task_run *run, struct table_listing *out, struct error *err)
{
    struct keying work = { NULL, w->order };
    struct keyed *k;
    bool ok;

    assert(table_has_order(img, t->kind, w->order));
    if (t->n > TABLE_SORT_MAX)
        return err_set(err, ERR_LIMIT,
                       "a table of %" PRIu64 " entries is too large for that", t->n);
    k = calloc((size_t)t->n + 1, sizeof *k);
    if (!k)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint64_t i = 0; i < t->n; i++)
        k[i] = (struct keyed){ UINT64_MAX, (uint32_t)i, false };
    work.k = k;
    ok = table_each_entry(img, t, key_entry, &work, run, err);
    if (ok && run && run->cancel)
        ok = err_set(err, ERR_CANCELLED, "stopped");
    if (ok && ((w->order == TABLE_BY_PROBLEMS && !key_by_problems(k, t->n, w)) ||
               !put_in_order(k, (size_t)t->n, w, out)))
        ok = err_set(err, ERR_NOMEM, "out of memory");
    if (!ok)
        table_listing_free(out);
    free(k);
    return ok;
}

bool table_list_rows(const struct image *img, const struct table *t, const struct table_wish *w,
                     struct task_run *run, struct table_listing *out, struct error *err)
{
    *out = (struct table_listing){ NULL, 0, NULL };
    if (w->order == TABLE_BY_INDEX)
        return table_used(img, t, run, &out->row, &out->n, err);
    return sorted(img, t, w, run, out, err);
}

void table_listing_free(struct table_listing *l)
{
    free(l->row);
    free(l->row_of);
    *l = (struct table_listing){ NULL, 0, NULL };
}
