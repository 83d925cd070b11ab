/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tiles that say what differs between two images. A change is seen however little of the tile
 * it takes. */
#include "config.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/limits.h"
#include "base/num.h"
#include "picture/tiles.h"

enum change_look change_look_of_host(enum host_change_kind k)
{
    static const enum change_look looks[N_HOST_CHANGES] = {
        [HOST_USED_NOW] = CHANGE_NEW, [HOST_FREED_NOW] = CHANGE_FREED,
        [HOST_OTHER_NOW] = CHANGE_OTHER, [HOST_REWRITTEN_NOW] = CHANGE_REWRITTEN,
    };

    return looks[k];
}

enum change_look change_look_of_guest(enum guest_change_kind k)
{
    static const enum change_look looks[N_GUEST_CHANGES] = {
        [GUEST_STORED_NOW] = CHANGE_NEW, [GUEST_FREED_NOW] = CHANGE_FREED,
        [GUEST_MOVED_NOW] = CHANGE_MOVED, [GUEST_OTHER_NOW] = CHANGE_OTHER,
    };

    return looks[k];
}

/* Range number i of a space, in clusters of the image, and what it is. */
struct changed { uint64_t first, end; enum change_look look; };

static size_t n_ranges(const struct difference *d, enum map_space space)
{
    return space == SPACE_FILE ? d->n_hosts : d->n_guests;
}

static struct changed range_at(const struct tile_source *from, enum map_space space, size_t i)
{
    const unsigned bits = from->img->geo.cluster_bits;
    const struct host_change *h = &from->changes->host[i];
    const struct guest_change *g = &from->changes->guest[i];

    if (space == SPACE_FILE)
        return (struct changed){ h->first, h->first + h->n, change_look_of_host(h->kind) };
    return (struct changed){ g->start >> bits,
                             ((g->start + u64_max(g->len, 1) - 1) >> bits) + 1,
                             change_look_of_guest(g->kind) };
}

/* The first range that ends after `cluster`. */
static size_t first_range(const struct tile_source *from, enum map_space space, uint64_t cluster)
{
    size_t lo;

    BISECT(lo, n_ranges(from->changes, space), mid, range_at(from, space, mid).end > cluster);
    return lo;
}

static void look(struct tile *t, enum change_look l, uint8_t eighths)
{
    t->paint = (uint8_t)(PAINT_CHANGE + l);
    t->letter = t->inner = palette_letter(t->paint);
    t->eighths = eighths;
}

/* What is the same in both: something, or nothing. g: of a tile of the guest's disk; NULL: not
 * known. */
static void look_same(const struct tile_source *from, enum map_space space,
                      const struct guest_hist *g, uint64_t first, uint64_t n, struct tile *t)
{
    struct map_hist h;
    uint64_t empty = 0;

    if (g) {
        empty = g->n[GUEST_UNALLOCATED] + g->n[GUEST_BACKING];
    } else if (space == SPACE_FILE) {
        map_histogram(from->scan->map, first, n, &h);
        empty = h.n[CLASS_VACANT];
    }
    look(t, empty >= n ? CHANGE_EMPTY : CHANGE_SAME, tiles_eighths(n - u64_min(empty, n), n));
}

/* The change that most of a tile has undergone; *from_i: the first range to look at. */
static void make_tile(const struct tile_source *from, enum map_space space,
                      const struct guest_hist *g, uint64_t first, uint64_t n, size_t *from_i,
                      struct tile *t)
{
    const size_t ranges = n_ranges(from->changes, space);
    uint64_t count[N_CHANGE_LOOKS] = { 0 }, sum = 0;
    enum change_look best = CHANGE_EMPTY;
    size_t i = *from_i;

    for (; i < ranges; i++) {
        struct changed c = range_at(from, space, i);

        if (c.end <= first)
            continue;
        if (c.first >= first + n)
            break;
        count[c.look] += u64_min(c.end, first + n) - u64_max(c.first, first);
        if (c.end > first + n)
            break;
    }
    *from_i = i;
    for (int l = 0; l < N_CHANGE_LOOKS; l++) {
        sum += count[l];
        if (count[l] > count[best])
            best = (enum change_look)l;
    }
    if (sum)
        look(t, best, tiles_eighths(u64_min(sum, n), n));
    else
        look_same(from, space, g, first, n, t);
    if (from->changes->cut && i == ranges && ranges == DIFF_RANGES_MAX && !sum)
        t->unread = true;               /* there are more changes than were kept */
}

void change_tiles_make(const struct tile_source *from, enum map_space space, uint64_t first,
                       uint64_t per_tile, size_t n, struct tile *out)
{
    const size_t ranges = n_ranges(from->changes, space);
    uint64_t all = tiles_clusters(from->img, space, from->layer);
    struct guest_hist *g = space == SPACE_GUEST && from->guest ? calloc(n + 1, sizeof *g) : NULL;
    size_t i = first_range(from, space, first);

    if (g && !guest_map_tiles(from->guest, first, per_tile, n, g, NULL)) {
        free(g);
        g = NULL;
    }
    if (ranges)
        all = u64_max(all, range_at(from, space, ranges - 1).end);
    for (size_t k = 0; k < n && first < all; k++) {
        make_tile(from, space, g ? &g[k] : NULL, first, u64_min(per_tile, all - first), &i,
                  &out[k]);
        first += per_tile;
    }
    free(g);
}
