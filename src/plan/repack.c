/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/repack.h"

#include <stdlib.h>

#include "base/grow.h"
#include "plan/edit.h"
#include "plan/relocate.h"
#include "qcow2/decompress.h"

#define STREAMS_MAX (UINT64_C(1) << 24)

struct packed_stream {
    uint64_t off, len;              /* as its entries say */
    uint64_t size, to;              /* bytes of it; where it goes */
    uint64_t guest_off;             /* first place in the active layer; UINT64_MAX: none */
    uint64_t refs;
    bool exact;                     /* size is known, not only that of its sectors */
    bool fixed;
};

struct repack {
    const struct trial *t;
    const struct geometry *geo;
    struct packed_stream *list;     /* owned; by off and len, each once */
    size_t n, cap;
    size_t *order;                  /* owned: in which they are laid out */
    uint8_t *free;                  /* owned: of each cluster, can it take streams? */
    uint64_t *refs;                 /* owned: references to each cluster as it will be */
    uint64_t whole;                 /* clusters that the file has in full */
    uint8_t *bytes, *plain;         /* owned: a stream; a cluster */
    struct unpacker *unpacker;      /* owned */
};

/* --- finding them --- */

static bool add(struct repack *r, const struct l2_table *l2, uint64_t j, uint64_t raw)
{
    struct packed_stream s = {
        .off = compressed_off(r->geo, raw), .len = compressed_len(r->geo, raw),
        .refs = (uint64_t)l2->n_active + l2->n_snapshot,
        .guest_off = l2->n_active ? geo_guest_off(r->geo, l2->l1_index, j) : UINT64_MAX,
    };

    if (r->n == STREAMS_MAX || !list_room(&r->list, r->n, &r->cap, sizeof *r->list))
        return false;
    r->list[r->n++] = s;
    return true;
}

static int by_place(const void *x, const void *y)
{
    const struct packed_stream *a = x, *b = y;

    if (a->off != b->off)
        return a->off < b->off ? -1 : 1;
    return (a->len > b->len) - (a->len < b->len);
}

/* Calls `each` for the entries of compressed clusters in all tables. */
static bool each_entry(struct repack *r,
                       bool (*each)(struct repack *, const struct l2_table *, uint64_t j,
                                    uint64_t raw, struct patches *),
                       struct patches *step, struct error *err)
{
    uint8_t *table = malloc((size_t)r->geo->cluster_size);
    bool ok = table || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < r->t->scan->n_l2; i++) {
        const struct l2_table *l2 = &r->t->scan->l2[i];

        ok = source_read(r->t->img->src, l2->off, table, (size_t)r->geo->cluster_size, err);
        for (uint64_t j = 0; ok && j < r->geo->l2_entries; j++) {
            uint64_t raw = be64(table + j * r->geo->l2_entry_size);

            if (raw & OFLAG_COMPRESSED && !each(r, l2, j, raw, step))
                ok = err_set(err, ERR_NOMEM, "memory is too short for the list of compressed "
                             "clusters");
        }
    }
    free(table);
    return ok;
}

static bool note(struct repack *r, const struct l2_table *l2, uint64_t j, uint64_t raw,
                 struct patches *step)
{
    (void)step;
    return add(r, l2, j, raw);
}

static void each_once(struct repack *r)
{
    size_t n = 0;

    if (r->n)
        qsort(r->list, r->n, sizeof *r->list, by_place);
    for (size_t i = 0; i < r->n; i++) {
        struct packed_stream *last = n ? &r->list[n - 1] : NULL;

        if (last && by_place(last, &r->list[i]) == 0) {
            last->refs += r->list[i].refs;
            last->guest_off = u64_min(last->guest_off, r->list[i].guest_off);
        } else {
            r->list[n++] = r->list[i];
        }
    }
    r->n = n;
}

/* --- which may move, and where to --- */

static uint64_t first_cl(const struct repack *r, uint64_t off)
{
    return off >> r->geo->cluster_bits;
}

static uint64_t end_cl(const struct repack *r, uint64_t off, uint64_t len)
{
    return first_cl(r, off + len - 1) + 1;
}

/* Clusters of streams alone, with all of which nothing is wrong. */
static bool of_streams(const struct repack *r, uint64_t cl)
{
    struct map_cell cell;

    map_get(r->t->scan->map, cl, &cell);
    return (cell.owners & OWNER_KINDS) == OWNER_COMPRESSED && !cell.problem
        && cell.counted != COUNTED_UNKNOWN;
}

static bool fix_if_held(struct repack *r, struct packed_stream *s)
{
    uint64_t first = first_cl(r, s->off), end = end_cl(r, s->off, s->len);

    for (uint64_t cl = first; !s->fixed && cl < end; cl++)
        s->fixed = cl >= r->geo->n_clusters || !r->free[cl];
    for (uint64_t cl = first; s->fixed && cl < u64_min(end, r->geo->n_clusters); cl++)
        r->free[cl] = 0;
    return s->fixed;
}

/* A stream that reaches into a cluster of others stays, and so do its neighbours in the
 * clusters that it has. Up, down and up again reaches all of them. */
static void find_fixed(struct repack *r)
{
    for (uint64_t cl = 1; cl < r->geo->n_clusters; cl++)
        r->free[cl] = of_streams(r, cl);
    for (size_t i = 0; i < r->n; i++)
        fix_if_held(r, &r->list[i]);
    for (size_t i = r->n; i-- > 0;)
        fix_if_held(r, &r->list[i]);
    for (size_t i = 0; i < r->n; i++)
        fix_if_held(r, &r->list[i]);
    for (uint64_t cl = 1; cl < r->geo->n_clusters; cl++)
        if (cl >= r->whole)
            r->free[cl] = 0;
        else if (relocation_vacant(r->t, cl))
            r->free[cl] = 1;
}

/* The bytes of a stream: it is unpacked to see, as its last sector may hold the beginning of the
 * next one. One that cannot be, or is longer than an entry can tell wherever it begins, keeps
 * its sectors, and its place in the first of them. */
static bool measure(struct repack *r, struct packed_stream *s, struct error *err)
{
    size_t used = 0;

    s->size = u64_min(s->len, r->geo->file_size - u64_min(s->off, r->geo->file_size));
    if (s->fixed || !s->size)
        return true;
    if (!source_read(r->t->img->src, s->off, r->bytes, (size_t)s->size, err))
        return false;
    if (unpacker_take(r->unpacker, r->t->img->hdr.compression_type, r->bytes, (size_t)s->size,
                      r->plain, (size_t)r->geo->cluster_size, &used)
        && used && (used + 510) / 512 <= r->geo->csize_mask) {
        s->size = used;
        s->exact = true;
    }
    return true;
}

/* The first cluster from `first` to `end` that cannot take another `refs` references; end:
 * all can. */
static uint64_t held(const struct repack *r, uint64_t first, uint64_t end, uint64_t refs)
{
    for (; first < end; first++)
        if (first >= r->whole || !r->free[first]
            || refs > r->geo->refcount_max - r->refs[first])
            break;
    return first;
}

/* Gives every stream its place. False: there is no room. */
static bool lay_out(struct repack *r, struct repacking *out)
{
    uint64_t at = r->geo->cluster_size;

    for (size_t k = 0; k < r->n; k++) {
        struct packed_stream *s = &r->list[r->order[k]];
        uint64_t end, bad;

        s->to = s->off;
        if (s->fixed || !s->size)
            continue;
        for (;;) {
            if (!s->exact)
                at += (s->off - at) & 511;
            end = end_cl(r, at, s->size);
            if (end > r->whole)
                return false;
            bad = held(r, first_cl(r, at), end, s->refs);
            if (bad == end)
                break;
            at = (bad + 1) << r->geo->cluster_bits;
        }
        s->to = at;
        for (uint64_t cl = first_cl(r, at); cl < end; cl++) {
            out->after += !r->refs[cl];
            r->refs[cl] += s->refs;
        }
        at += s->size;
    }
    return true;
}

static bool worth_it(const struct repack *r, struct repacking *out)
{
    uint64_t last_was = 0, last_is = 0, was_end = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct packed_stream *s = &r->list[i];
        uint64_t first = u64_max(first_cl(r, s->off), was_end);

        if (s->fixed || !s->size)
            continue;
        was_end = end_cl(r, s->off, s->len);
        out->before += was_end - u64_min(first, was_end);
        last_was = u64_max(last_was, was_end);
        last_is = u64_max(last_is, end_cl(r, s->to, s->size));
        out->moved += s->to != s->off;
    }
    return out->moved && (out->after < out->before
                          || (out->after == out->before && last_is < last_was));
}

/* --- writing --- */

static bool repoint(struct repack *r, const struct l2_table *l2, uint64_t j, uint64_t raw,
                    struct patches *step)
{
    const struct packed_stream key = { .off = compressed_off(r->geo, raw),
                                       .len = compressed_len(r->geo, raw) };
    const struct packed_stream *s = bsearch(&key, r->list, r->n, sizeof *r->list, by_place);
    uint64_t sectors;

    if (!s || s->to == s->off)
        return true;
    sectors = (s->to + s->size - 1) / 512 - s->to / 512;
    edit_entry(step, l2->off + j * r->geo->l2_entry_size,
               OFLAG_COMPRESSED | sectors << r->geo->csize_shift | s->to);
    return true;
}

/* Neighbours that stay neighbours are copied as one. */
static bool copy_streams(const struct repack *r, struct patches *step, struct error *err)
{
    struct packed_stream run = { .size = 0 };

    for (size_t k = 0; k <= r->n; k++) {
        const struct packed_stream *s = k < r->n ? &r->list[r->order[k]] : NULL;

        if (s && (s->to == s->off || !s->size))
            continue;
        if (s && run.size && run.off + run.size == s->off && run.to + run.size == s->to) {
            run.size += s->size;
            continue;
        }
        if (run.size && !trial_copy(r->t, step, run.to, run.off, run.size, err))
            return false;
        if (s)
            run = *s;
    }
    return true;
}

static int by_guest(const void *x, const void *y)
{
    const struct packed_stream *a = *(const struct packed_stream *const *)x;
    const struct packed_stream *b = *(const struct packed_stream *const *)y;

    if (a->guest_off != b->guest_off)
        return a->guest_off < b->guest_off ? -1 : 1;
    return by_place(a, b);
}

static bool set_order(struct repack *r, bool in_order)
{
    const struct packed_stream **sorted = calloc(r->n + 1, sizeof *sorted);

    if (!sorted)
        return false;
    for (size_t i = 0; i < r->n; i++)
        sorted[i] = &r->list[i];
    if (in_order)
        qsort(sorted, r->n, sizeof *sorted, by_guest);
    for (size_t i = 0; i < r->n; i++)
        r->order[i] = (size_t)(sorted[i] - r->list);
    free(sorted);
    return true;
}

static bool prepare(struct repack *r, bool in_order, struct error *err)
{
    size_t clusters = (size_t)r->geo->n_clusters + 1;
    bool ok;

    r->order = calloc(r->n, sizeof *r->order);
    r->free = calloc(clusters, 1);
    r->refs = calloc(clusters, sizeof *r->refs);
    r->bytes = malloc((size_t)(r->geo->csize_mask + 1) * 512);
    r->plain = malloc((size_t)r->geo->cluster_size);
    r->unpacker = unpacker_new();
    ok = r->order && r->free && r->refs && r->bytes && r->plain && r->unpacker
        && set_order(r, in_order);
    if (!ok)
        return err_set(err, ERR_NOMEM, "out of memory");
    find_fixed(r);
    for (size_t i = 0; ok && i < r->n; i++)
        ok = trial_going_on(r->t, i, r->n, err) && measure(r, &r->list[i], err);
    return ok;
}

bool repack_patches(const struct trial *t, bool in_order, struct patches *step,
                    struct repacking *out, struct error *err)
{
    struct repack r = { .t = t, .geo = &t->img->geo,
                        .whole = t->img->geo.file_size >> t->img->geo.cluster_bits };
    bool ok, better;

    *out = (struct repacking){ 0 };
    ok = each_entry(&r, note, NULL, err);
    each_once(&r);
    if (ok && r.n && (ok = prepare(&r, in_order, err))) {
        if (!lay_out(&r, out)) {
            out->after = 0;
            out->kept = in_order ? "Compressed clusters keep their order, as there is no room "
                                   "to lay them out anew." : NULL;
        } else {
            better = worth_it(&r, out);
            if (better || (in_order && out->moved))
                ok = copy_streams(&r, step, err) && each_entry(&r, repoint, step, err);
            else
                out->moved = 0;
        }
    }
    free(r.list);
    free(r.order);
    free(r.free);
    free(r.refs);
    free(r.bytes);
    free(r.plain);
    unpacker_free(r.unpacker);
    return ok;
}
