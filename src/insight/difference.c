/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"

#define L1_PIECE 4096

/* --- header --- */

static bool find_fields(const struct image *a, const struct image *b, struct difference *d,
                        struct error *err)
{
    const struct field_table *t = field_table("header");

    d->field = calloc(t->n, sizeof *d->field);
    if (!d->field)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];
        struct field_change c = { f, field_value(t, f, a->head, a->head_got),
                                  field_value(t, f, b->head, b->head_got) };

        if (f->kind != FIELD_TEXT && f->kind != FIELD_RESERVED && c.a != c.b)
            d->field[d->n_fields++] = c;
    }
    return true;
}

/* --- L2 tables of the layer --- */

struct tables {
    const struct image *a, *b;
    uint8_t *bytes_a, *bytes_b;     /* a cluster each */
    struct table_changes *out;
    struct error *err;
};

static bool compare_tables(struct tables *t, uint64_t off_a, uint64_t off_b)
{
    size_t cs = (size_t)t->a->geo.cluster_size;

    if (!source_read(t->a->src, off_a, t->bytes_a, cs, t->err)
        || !source_read(t->b->src, off_b, t->bytes_b, cs, t->err))
        return false;
    t->out->moved += off_a != off_b;
    if (memcmp(t->bytes_a, t->bytes_b, cs) != 0)
        t->out->rewritten++;
    else if (off_a == off_b)
        t->out->same++;
    return true;
}

static bool compare_l1(struct tables *t, const struct layer_l1 *a, const struct layer_l1 *b)
{
    uint64_t x[L1_PIECE], y[L1_PIECE], n = u64_max(a->present, b->present);

    for (uint64_t i = 0; i < n; i += L1_PIECE) {
        size_t n_a = (size_t)u64_min(L1_PIECE, i < a->present ? a->present - i : 0);
        size_t n_b = (size_t)u64_min(L1_PIECE, i < b->present ? b->present - i : 0);

        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        if ((n_a && !image_read_l1(t->a, a->off, i, n_a, x, t->err))
            || (n_b && !image_read_l1(t->b, b->off, i, n_b, y, t->err)))
            return false;
        for (size_t k = 0; k < L1_PIECE; k++) {
            uint64_t off_a = x[k] & ENTRY_OFFSET_MASK, off_b = y[k] & ENTRY_OFFSET_MASK;

            if (off_a && off_b) {
                if (!compare_tables(t, off_a, off_b))
                    return false;
            } else {
                t->out->added += off_b != 0;
                t->out->gone += off_a != 0;
            }
        }
    }
    return true;
}

static bool find_tables(const struct difference_side *a, const struct difference_side *b,
                        struct difference *d, struct error *err)
{
    const struct image *x = a->scan->img, *y = b->scan->img;
    struct tables t = { x, y, NULL, NULL, &d->l2, err };
    struct layer_l1 l1_a, l1_b;
    bool ok = false;

    if (!d->hosts || !image_layer_l1(x, a->layer, &l1_a) || !image_layer_l1(y, b->layer, &l1_b))
        return true;
    t.bytes_a = malloc((size_t)x->geo.cluster_size);
    t.bytes_b = malloc((size_t)x->geo.cluster_size);
    if (!t.bytes_a || !t.bytes_b)
        err_set(err, ERR_NOMEM, "out of memory");
    else
        ok = compare_l1(&t, &l1_a, &l1_b);
    free(t.bytes_a);
    free(t.bytes_b);
    return ok;
}

/* --- snapshots: the same one has the same id and name --- */

static bool same_text(const char *a, uint64_t len_a, const char *b, uint64_t len_b)
{
    return len_a == len_b && strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_snapshot(const struct snapshot *a, const struct snapshot *b)
{
    return same_text(a->id, a->id_size, b->id, b->id_size)
        && same_text(a->name, a->name_size, b->name, b->name_size);
}

/* Mostly in the same order: looked for from where the last one was. */
static size_t find_snapshot(const struct snapshots *in, const struct snapshot *s, size_t from)
{
    for (size_t k = 0; k < in->n; k++)
        if (same_snapshot(&in->list[(from + k) % in->n], s))
            return (from + k) % in->n;
    return SIZE_MAX;
}

static bool find_snapshots(const struct image *a, const struct image *b, struct difference *d,
                           struct error *err)
{
    size_t n = u64_min(a->snaps.n + b->snaps.n, DIFF_SNAPSHOTS_MAX), next = 0;
    bool *seen = calloc(b->snaps.n + 1, sizeof *seen);

    d->snapshot = calloc(n + 1, sizeof *d->snapshot);
    if (!d->snapshot || !seen) {
        free(seen);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < a->snaps.n && d->n_snapshots < n; i++) {
        struct layer_change *c = &d->snapshot[d->n_snapshots++];

        *c = (struct layer_change){ .a = i, .b = find_snapshot(&b->snaps, &a->snaps.list[i],
                                                               next) };
        if (c->b == SIZE_MAX)
            continue;
        seen[c->b] = true;
        next = c->b + 1;
        c->known = difference_guest(a, (uint32_t)i + 1, b, (uint32_t)c->b + 1, c->bytes, NULL,
                                    NULL);
    }
    for (size_t i = 0; i < b->snaps.n && d->n_snapshots < n; i++)
        if (!seen[i])
            d->snapshot[d->n_snapshots++] = (struct layer_change){ .a = SIZE_MAX, .b = i };
    free(seen);
    return true;
}

bool difference_find(const struct difference_side *a, const struct difference_side *b,
                     struct difference *out, struct error *err)
{
    const struct image *x = a->scan->img, *y = b->scan->img;

    *out = (struct difference){ 0 };
    if (find_fields(x, y, out, err) && difference_hosts(a, b, out, err)
        && (a->gone || (find_tables(a, b, out, err)
                        && difference_guest(x, a->layer, y, b->layer, out->guest_bytes, out,
                                            err)
                        && find_snapshots(x, y, out, err)
                        && difference_bitmaps(x, y, out, err)))
        && difference_problems(a, b, out, err))
        return true;
    difference_free(out);
    return false;
}

void difference_free(struct difference *d)
{
    free(d->field);
    free(d->host);
    free(d->guest);
    free(d->snapshot);
    free(d->bitmap);
    free(d->problem_new);
    free(d->cause_new);
    free(d->cause_gone);
    *d = (struct difference){ 0 };
}

static bool any_guest(const uint64_t bytes[N_GUEST_CHANGES])
{
    for (int k = 0; k < N_GUEST_CHANGES; k++)
        if (bytes[k])
            return true;
    return false;
}

bool difference_any(const struct difference *d)
{
    const struct table_changes *t = &d->l2;

    if (d->n_fields || d->n_hosts || !d->hosts || any_guest(d->guest_bytes)
        || t->added || t->gone || t->moved || t->rewritten || d->causes_added
        || d->causes_gone)
        return true;
    for (size_t i = 0; i < d->n_snapshots; i++)
        if (d->snapshot[i].a == SIZE_MAX || d->snapshot[i].b == SIZE_MAX
            || any_guest(d->snapshot[i].bytes))
            return true;
    for (size_t i = 0; i < d->n_bitmaps; i++)
        if (bitmap_change_any(&d->bitmap[i]))
            return true;
    for (int k = 0; k < N_PROBLEMS; k++)
        if (d->problem[k].added || d->problem[k].gone)
            return true;
    return false;
}
