#include "scan/l2list.h"

#include <stdlib.h>

static bool l2_less(const struct l2_table *a, const struct l2_table *b)
{
    if (a->off != b->off)
        return a->off < b->off;
    if (a->table != b->table)
        return a->table < b->table;
    return a->l1_index < b->l1_index;
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

/* In place, by one byte of `off` after the other from the highest down (American flag
 * sort): no second copy of a long list, and no input makes it slow. */
static void sort_l2(struct l2_table *t, size_t n, int shift)
{
    size_t count[256] = { 0 }, at[256], end[256], sum = 0;

    if (n < 48 || shift < 0) {
        if (n < 48)
            sort_small(t, n);
        return;
    }
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
    for (int b = 0; b < 256; b++)
        sort_l2(t + end[b] - count[b], count[b], shift - 8);
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
void l2_list_merge(struct l2_list *l)
{
    size_t n = 0;

    if (!l2_sorted(l->list, l->n))
        sort_l2(l->list, l->n, 48);
    for (size_t i = 0; i < l->n; i++) {
        struct l2_table *last = n ? &l->list[n - 1] : NULL, x = l->list[i];

        if (!last || last->off != x.off) {
            l->list[n++] = x;
            continue;
        }
        if (l2_less(&x, last)) {
            last->table = x.table;
            last->l1_index = x.l1_index;
        }
        last->n_active += x.n_active;
        last->n_snapshot += x.n_snapshot;
    }
    l->n = n;
}

bool l2_list_push(struct l2_list *l, const struct l2_table *t)
{
    if (l->n == l->cap) {
        size_t cap;
        struct l2_table *list;

        /* Snapshots mostly name the same tables again: fold before growing. */
        if (l->cap)
            l2_list_merge(l);
        if (l->n * 4 >= l->cap * 3) {
            cap = l->cap ? l->cap * 2 : 1024;
            list = realloc(l->list, cap * sizeof *list);
            if (!list)
                return false;
            l->list = list;
            l->cap = cap;
        }
    }
    l->list[l->n++] = *t;
    return true;
}

void l2_list_fit(struct l2_list *l)
{
    struct l2_table *fit = l->n ? realloc(l->list, l->n * sizeof *fit) : NULL;

    if (fit) {
        l->list = fit;
        l->cap = l->n;
    }
}
