/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/bisect.h"
#include "plan/entries.h"

#define FOREIGN_MIN 4           /* broken entries of one table from which on it may be none */

/* Entries in use in the cluster of a table. */
static size_t count_used(const struct image *img, const struct place *place)
{
    size_t step = place->kind == PLACE_L2 ? img->geo.l2_entry_size : 8, used = 0;
    uint64_t at = place->file_off & ~(img->geo.cluster_size - 1), end = at;
    uint8_t bytes[4096];

    for (end += img->geo.cluster_size; at < end; at += sizeof bytes) {
        size_t len = (size_t)u64_min(sizeof bytes, end - at);

        if (!source_read(img->src, at, bytes, len, NULL))
            return SIZE_MAX;
        for (size_t i = 0; i < len; i += step)
            used += be64(bytes + i) != 0;
    }
    return used;
}

/* Can it become a valid entry of which the guest reads the same? */
static bool reads_the_same_mended(const struct geometry *geo, const struct broken_entry *b)
{
    struct entry_words now;

    return b->place.kind == PLACE_L2 ? entry_fix_l2(geo, b->was, b->place.guest_off, &now)
        : b->place.kind == PLACE_L1 && entry_fix_l1(geo, b->was.word, &now.word);
}

void entries_mark_foreign(struct entries *e)
{
    const struct geometry *geo = &e->t->img->geo;
    const uint64_t *count = e->t->scan->problems.count;
    bool all_owned = !count[PROBLEM_LEAKED] && !count[PROBLEM_REFCOUNT_HIGH];
    size_t first = 0;

    while (first < e->n) {
        uint64_t cl = geo_cluster_of(geo, e->list[first].place.file_off);
        size_t end = first, odd = 0;
        bool foreign, harmless = all_owned;

        for (; end < e->n && geo_cluster_of(geo, e->list[end].place.file_off) == cl; end++) {
            odd += entry_makes_no_sense(geo, e->list[end].place.kind == PLACE_L2,
                                        e->list[end].was);
            harmless = harmless && reads_the_same_mended(geo, &e->list[end]);
        }
        foreign = !harmless && odd >= FOREIGN_MIN
            && odd >= count_used(e->t->img, &e->list[first].place) / 2;
        for (; first < end; first++)
            e->list[first].foreign = foreign;
    }
}

bool entries_foreign(const struct entries *e, uint64_t file_off)
{
    uint64_t mask = ~(e->t->img->geo.cluster_size - 1);
    size_t lo;

    BISECT(lo, e->n, mid, e->list[mid].place.file_off >= (file_off & mask));
    return lo < e->n && (e->list[lo].place.file_off & mask) == (file_off & mask)
        && e->list[lo].foreign;
}
