/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/l2list.h"

#include <stdlib.h>

#include "base/limits.h"
#include "scan/l1walk.h"

#define LIST_FIRST 1024             /* tables there is room for at first */

static bool l2_less(const struct l2_table *a, const struct l2_table *b)
{
    if (a->off != b->off)
        return a->off < b->off;
    if (a->layer != b->layer)
        return a->layer < b->layer;
    return a->l1_index < b->l1_index;
}

static uint32_t sum32(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void sort_small(struct l2_table *t, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct l2_table x = t[i];
        size_t j = i;

        for (; j && l2_less(&x, &t[j - 1]); j--)
            t[j] = t[j - 1];
        t[j] = x;
    }
}

#define SMALL 32                    /* tables that are sorted by insertion */

/* In place, by one byte of `off` after the other from the highest down (American flag
 * sort): no second copy of a long list, and no input makes it slow. More than SMALL tables,
 * and shift >= 0. */
static void sort_by_byte(struct l2_table *t, size_t n, int shift)
{
    size_t count[256] = { 0 }, at[256], end[256], sum = 0;

    for (size_t i = 0; i < n; i++)
        count[t[i].off >> shift & 255]++;
    for (int b = 0; b < 256; b++) {
        at[b] = sum;
        sum += count[b];
        end[b] = sum;
    }
    for (int b = 0; b < 256; b++) {
        while (at[b] < end[b]) {
            struct l2_table x = t[at[b]];
            unsigned home = x.off >> shift & 255;

            while (home != (unsigned)b) {
                struct l2_table y = t[at[home]];

                t[at[home]++] = x;
                x = y;
                home = x.off >> shift & 255;
            }
            t[at[b]++] = x;
        }
    }
    for (int b = 0; b < 256; b++) {
        if (count[b] > SMALL && shift >= 8)
            sort_by_byte(t + end[b] - count[b], count[b], shift - 8);
        else if (count[b] > 1 && count[b] <= SMALL)
            sort_small(t + end[b] - count[b], count[b]);
    }
}

/* From the highest byte on in which offsets differ. */
static void sort_l2(struct l2_table *t, size_t n)
{
    uint64_t differ = 0;
    int shift = 0;

    for (size_t i = 1; i < n; i++)
        differ |= t[i].off ^ t[0].off;
    while (shift < 56 && differ >> shift >> 8)
        shift += 8;
    if (n > SMALL)
        sort_by_byte(t, n, shift);
    else
        sort_small(t, n);
}

static bool l2_sorted(const struct l2_table *t, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (l2_less(&t[i], &t[i - 1]))
            return false;
    }
    return true;
}

/* Sorts and folds entries of one offset into one, which keeps its first reference. */
static void merge(struct l2_list *l)
{
    size_t n = 0;

    if (!l2_sorted(l->list, l->n))
        sort_l2(l->list, l->n);
    for (size_t i = 0; i < l->n; i++) {
        struct l2_table *last = n ? &l->list[n - 1] : NULL, x = l->list[i];

        if (!last || last->off != x.off) {
            l->list[n++] = x;
            continue;
        }
        if (l2_less(&x, last)) {
            last->layer = x.layer;
            last->l1_index = x.l1_index;
        }
        last->n_active = sum32(last->n_active, x.n_active);
        last->n_snapshot = sum32(last->n_snapshot, x.n_snapshot);
    }
    l->n = n;
}

void l2_list_init(struct l2_list *l, uint64_t stored, size_t max)
{
    *l = (struct l2_list){
        .max = max, .upto = UINT64_MAX,
    };
    if (!u64_add(stored, ODD_TABLE_BYTES_MAX, &l->odd_left))
        l->odd_left = UINT64_MAX;
}

void l2_list_free(struct l2_list *l)
{
    free(l->list);
    l->list = NULL;
    l->n = l->cap = 0;
}

/* Room for more: a longer list, or a narrower window. */
static bool make_room(struct l2_list *l)
{
    size_t cap = l->cap ? l->cap * 2 : LIST_FIRST;
    struct l2_table *list;

    /* Snapshots mostly name the same tables again: fold before growing. */
    merge(l);
    if (l->n < l->cap / 4 * 3)
        return true;
    if (l->max && cap > l->max)
        cap = l->max;
    if (cap <= l->cap) {
        l->more = true;
        l->n /= 2;
        l->upto = l->list[l->n].off;
        return true;
    }
    list = realloc(l->list, cap * sizeof *list);
    if (!list)
        return false;
    l->list = list;
    l->cap = cap;
    return true;
}

bool l2_list_push(struct l2_list *l, const struct l2_table *t)
{
    if (t->off < l->from)
        return true;
    if (t->off >= l->upto) {
        l->more = true;
        return true;
    }
    if (l->n == l->cap) {
        if (!make_room(l))
            return false;
        if (t->off >= l->upto)
            return true;
    }
    l->list[l->n++] = *t;
    return true;
}

void l2_list_close(struct l2_list *l, const struct geometry *geo)
{
    uint64_t cs = geo->cluster_size;
    struct l2_table *fit;
    size_t n = 0;

    merge(l);
    for (size_t i = 0; i < l->n; i++) {
        if (l->list[i].off & (cs - 1)) {
            if (l->odd_left < cs) {
                l->odd_dropped = true;
                continue;
            }
            l->odd_left -= cs;
        }
        l->list[n++] = l->list[i];
    }
    l->n = n;
    fit = n && !l->more && !l->from ? realloc(l->list, n * sizeof *fit) : NULL;
    if (fit) {
        l->list = fit;
        l->cap = n;
    }
}

struct filling { struct l2_list *list; const struct geometry *geo; };

static bool push_word(void *ctx, const struct l1_word *w)
{
    struct filling *f = ctx;
    struct l2_table t = { w->value & ENTRY_OFFSET_MASK, (uint32_t)w->place.i,
                          w->place.layer, w->n_active, w->n_snapshot };

    return t.off >= f->geo->file_len || l2_list_push(f->list, &t);
}

static bool fill(struct l2_list *l, const struct image *img, _Atomic bool *cancel)
{
    struct filling f = { l, &img->geo };
    struct l1_walk walk = { .img = img, .cancel = cancel, .ctx = &f, .word = push_word };

    if (!l1_walk_run(&walk))
        return false;
    l2_list_close(l, &img->geo);
    return true;
}

void l2_list_advance(struct l2_list *l)
{
    l->n = 0;
    l->from = l->upto;
    l->upto = UINT64_MAX;
    l->more = false;
}

bool l2_list_next(struct l2_list *l, const struct image *img, _Atomic bool *cancel)
{
    l2_list_advance(l);
    return fill(l, img, cancel);
}

bool l2_list_first(struct l2_list *l, const struct image *img, size_t max,
                   _Atomic bool *cancel)
{
    l2_list_init(l, source_get_info(img->src).allocated, max);
    return fill(l, img, cancel);
}
