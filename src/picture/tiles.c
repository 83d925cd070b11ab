/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/num.h"

#define REF_SAMPLES 32 /* clusters of a tile looked at for their references */
#define GUEST_BATCH     512

uint64_t tiles_clusters(const struct image *img, enum map_space space, uint32_t layer)
{
    return space == SPACE_FILE ? img->geo.n_clusters
                               : div_up(image_layer_size(img, layer), img->geo.cluster_size);
}

uint64_t tiles_fit(uint64_t clusters, uint64_t room)
{
    uint64_t per = u64_max(div_up(clusters, u64_max(room, 1)), 1);
    unsigned zeros = 0;

    while (per >> zeros >= 16)
        zeros++;
    return div_up(per, UINT64_C(1) << zeros) << zeros;
}

unsigned tiles_ref_level(uint64_t references)
{
    static const uint8_t least[RAMP_STEPS] = { 0, 1, 2, 3, 4, 6, 10, 20 };
    unsigned level = 0;

    while (level + 1 < RAMP_STEPS && references >= least[level + 1])
        level++;
    return level;
}

const char *tiles_ramp_name(enum map_colouring c, unsigned step)
{
    static const char *const jumps[RAMP_STEPS] = {
        "next to its neighbour", "<8 clusters away", "<64 clusters", "<512 clusters",
        "<4,096 clusters", "<32,768 clusters", "<262,144 clusters", "farther"
    };
    static const char *const refs[RAMP_STEPS] = { "none",       "1",
                                                  "2",          "3",
                                                  "4\u20135",   "6\u20139",
                                                  "10\u201319", "20 references or more" };
    static const char *const order[RAMP_STEPS] = {
        "first eighth", "2nd", "3rd", "4th", "5th", "6th", "7th", "last eighth"
    };

    return (c == COLOUR_JUMPS ? jumps : c == COLOUR_REFS ? refs : order)[step];
}

void tiles_preview(const struct image *img, const struct scan_progress *progress,
                   uint64_t first, uint64_t n, struct map_hist *out)
{
    unsigned shift = scan_preview_shift(img);
    uint64_t last;

    memset(out, 0, sizeof *out);
    if (n == 0)
        return;
    last = u64_min((first + n - 1) >> shift, PREVIEW_BINS - 1);
    for (uint64_t i = first >> shift; i <= last; i++) {
        uint8_t seen = progress
            ? atomic_load_explicit(&progress->preview[i], memory_order_relaxed) : 0;

        out->n[seen && seen <= N_CLASSES ? seen - 1 : CLASS_UNKNOWN]++;
    }
}

/* --- looks --- */

uint8_t tiles_eighths(uint64_t part, uint64_t whole)
{
    uint64_t e;

    if (part == 0 || whole == 0)
        return 0;
    e = part > UINT64_MAX / 8 ? part / (whole / 8) : part * 8 / whole;
    return (uint8_t)(e < 1 ? 1 : e > 8 ? 8 : e);
}

static void look(struct tile *t, unsigned paint)
{
    t->paint = (uint8_t)paint;
    t->letter = palette_letter(paint);
}

static void look_problem(struct tile *t)
{
    look(t, PAINT_PROBLEM);
    t->problem = true;
}

static void look_unread(struct tile *t)
{
    look(t, PAINT_CLASS + CLASS_UNKNOWN);
    t->inner = t->letter;
    t->unread = true;
}

/* The class of most clusters that are not vacant. */
static enum cluster_class main_class(const struct map_hist *h)
{
    enum cluster_class best = CLASS_VACANT;

    for (int c = 1; c < N_CLASSES; c++)
        if (h->n[c] > (best == CLASS_VACANT ? 0 : h->n[best]))
            best = (enum cluster_class)c;
    return best;
}

/* --- file --- */

/* Largest number of references among clusters spread over the tile. */
static uint64_t references(const struct map *map, uint64_t first, uint64_t n)
{
    uint64_t step = u64_max(n / REF_SAMPLES, 1);
    uint64_t most = 0;

    for (uint64_t at = 0; at < n; at += step) {
        struct map_cell cell;

        map_get(map, first + at, &cell);
        most = u64_max(most, cell.counted);
    }
    return most;
}

static void file_preview_tile(const struct tile_source *from, uint64_t first, uint64_t n,
                              struct tile *t)
{
    struct map_hist h;
    uint64_t whole;

    tiles_preview(from->img, from->progress, first, n, &h);
    whole = map_hist_sum(&h);
    if (h.n[CLASS_UNKNOWN] == whole) {
        look_unread(t);
        return;
    }
    t->eighths = tiles_eighths(whole - h.n[CLASS_UNKNOWN] - h.n[CLASS_VACANT], whole);
    h.n[CLASS_UNKNOWN] = 0;
    look(t, PAINT_CLASS + main_class(&h));
    t->inner = t->letter;
}

#define LOOKS 64                        /* clusters of a tile that are asked for, at most */

/* What most of a tile looks like, zeros last; N_LOOKS_LIKE: nobody has looked. */
static enum look_like main_look(const struct tile_source *from, uint64_t first, uint64_t n)
{
    const uint64_t step = u64_max(n / LOOKS, 1);
    unsigned count[N_LOOKS_LIKE + 1] = { 0 };
    enum look_like best = N_LOOKS_LIKE;

    for (uint64_t at = 0; at < n; at += step)
        count[from->looks(from->looks_ctx, first + at)]++;
    for (int l = N_LOOKS_LIKE; l-- > 0;)
        if (count[l + 1] && (best == N_LOOKS_LIKE || (l != LIKE_ZEROS &&
                                                      count[l + 1] > count[best + 1])))
            best = (enum look_like)l;
    return best;
}

/* The paint of a tile without problems. */
static unsigned file_paint(const struct tile_source *from, enum map_colouring colouring,
                           uint64_t first, uint64_t n, const struct map_hist *h)
{
    struct order_facts order = { 0, 0, 0 };

    if (colouring == COLOUR_REFS && h->n[CLASS_VACANT] < n)
        return PAINT_RAMP + tiles_ref_level(references(from->scan->map, first, n));
    if ((colouring == COLOUR_JUMPS || colouring == COLOUR_ORDER) && from->order &&
        h->n[CLASS_DATA] + h->n[CLASS_DATA_SHARED] + h->n[CLASS_ZERO_ALLOC] > 0)
        order_of_file(from->order, first, n, &order);
    if (colouring == COLOUR_CONTENT && from->looks && main_look(from, first, n) < N_LOOKS_LIKE)
        return PAINT_LOOK + main_look(from, first, n);
    if (order.clusters)
        return PAINT_RAMP + (colouring == COLOUR_JUMPS ? order.jump : order.where);
    return PAINT_CLASS + main_class(h);
}

static void file_tile(const struct tile_source *from, enum map_colouring colouring,
                      uint64_t first, uint64_t n, struct tile *t)
{
    struct map_hist h;

    map_histogram(from->scan->map, first, n, &h);
    if (h.n[CLASS_UNKNOWN] == n) {
        look_unread(t);
        return;
    }
    t->eighths = tiles_eighths(n - h.n[CLASS_VACANT] - h.n[CLASS_UNKNOWN], n);
    if (colouring == COLOUR_CONTENT && from->looks && main_look(from, first, n) == N_LOOKS_LIKE) {
        look_unread(t);
        return;
    }
    t->inner = palette_letter(colouring == COLOUR_CONTENT && from->looks
                                  ? PAINT_LOOK + main_look(from, first, n)
                                  : PAINT_CLASS + main_class(&h));
    if (h.problems > h.n[CLASS_LEAKED]) {
        look_problem(t);
    } else if (h.n[CLASS_LEAKED]) {
        look(t, PAINT_CLASS + CLASS_LEAKED);
        t->problem = true;
    } else {
        look(t, file_paint(from, colouring, first, n, &h));
    }
}

/* --- guest --- */

/* The zone that holds a guest byte, or the first one after it; NULL: none. */
static const struct tile_zone *zone_from(const struct tile_source *from, uint64_t off)
{
    size_t low;

    BISECT(low, from->n_zones, mid, from->zone[mid].end > off);
    return low < from->n_zones ? &from->zone[low] : NULL;
}

static void look_zone(const struct tile_source *from, uint64_t first, struct tile *t)
{
    uint64_t off = first << from->img->geo.cluster_bits;
    const struct tile_zone *z = zone_from(from, off);

    if (!z || z->off > off) {
        look(t, PAINT_GUEST + GUEST_UNALLOCATED);
        return;
    }
    look(t, PAINT_RAMP + z->number % RAMP_STEPS);
    t->letter = tile_zone_letter(z->number);
    if (!t->eighths)
        t->eighths = 1;                 /* empty, but part of it */
}

/* Marks tiles in which a zone begins. */
static void mark_zones(const struct tile_source *from, uint64_t first, uint64_t per_tile,
                       size_t n, struct tile *out)
{
    unsigned bits = from->img->geo.cluster_bits;

    for (size_t i = 0; i < from->n_zones; i++) {
        uint64_t at = from->zone[i].off >> bits;

        if (at >= first && (at - first) / per_tile < n && out[(at - first) / per_tile].letter)
            out[(at - first) / per_tile].begins = tile_zone_letter(from->zone[i].number);
    }
}

static void guest_tile(const struct tile_source *from, enum map_colouring colouring,
                       uint64_t first, const struct guest_hist *h, struct tile *t)
{
    uint64_t n = guest_hist_sum(h);
    uint64_t empty = h->n[GUEST_UNALLOCATED] + h->n[GUEST_BACKING];
    enum guest_class best =
        h->n[GUEST_BACKING] > h->n[GUEST_UNALLOCATED] ? GUEST_BACKING : GUEST_UNALLOCATED;
    struct order_facts order = { 0, 0, 0 };

    for (int c = GUEST_ZERO; c < N_GUEST_CLASSES; c++)
        if (h->n[c] > (best <= GUEST_BACKING ? 0 : h->n[best]))
            best = (enum guest_class)c;
    t->eighths = tiles_eighths(n - u64_min(empty, n), n);
    t->inner = palette_letter(PAINT_GUEST + best);
    if (h->n[GUEST_DAMAGED]) {
        look(t, PAINT_GUEST + GUEST_DAMAGED);
        t->problem = true;
        return;
    }
    if ((colouring == COLOUR_JUMPS || colouring == COLOUR_ORDER) && from->order)
        order_of_guest(from->order, first, n, &order);
    if (colouring == COLOUR_ZONES)
        look_zone(from, first, t);
    else if (order.clusters && t->eighths)
        look(t, PAINT_RAMP + (colouring == COLOUR_JUMPS ? order.jump : order.where));
    else
        look(t, PAINT_GUEST + best);
}

/* Marks tiles whose guest range a problem of its layer concerns. */
static void guest_problems(const struct tile_source *from, uint64_t first,
                           uint64_t per_tile, size_t n, struct tile *out)
{
    const struct problems *p = &from->scan->problems;
    unsigned bits = from->img->geo.cluster_bits;

    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->list[i];
        uint32_t layer = problem_layer(one);
        uint64_t a;
        uint64_t b;

        if (problem_info(one->kind)->severity != SEV_CORRUPTION ||
            layer != from->layer || one->guest_off == NO_ADDRESS || one->guest_len == 0)
            continue;
        a = one->guest_off >> bits;
        b = (one->guest_off + u64_min(one->guest_len - 1, UINT64_MAX - one->guest_off)) >>
            bits;
        if (b < first)
            continue;
        a = a < first ? 0 : (a - first) / per_tile;
        b = (b - first) / per_tile;
        for (uint64_t k = a; k <= b && k < n; k++)
            if (out[k].letter)
                look_problem(&out[k]);
    }
}

static void guest_tiles(const struct tile_source *from, enum map_colouring colouring,
                        uint64_t first, uint64_t per_tile, size_t n, struct tile *out)
{
    uint64_t all = tiles_clusters(from->img, SPACE_GUEST, from->layer);
    struct guest_hist *hist = calloc(GUEST_BATCH, sizeof *hist);
    uint64_t at = first;

    for (size_t done = 0; hist && done < n && at < all; done += GUEST_BATCH) {
        size_t k = n - done < GUEST_BATCH ? n - done : GUEST_BATCH;

        if (!guest_map_tiles(from->guest, at, per_tile, k, hist, NULL))
            break;
        for (size_t i = 0; i < k && at < all; i++, at += u64_min(per_tile, all - at))
            guest_tile(from, colouring, at, &hist[i], &out[done + i]);
    }
    free(hist);
    mark_zones(from, first, per_tile, n, out);
    guest_problems(from, first, per_tile, n, out);
}

/* --- */

void tiles_make(const struct tile_source *from, enum map_space space,
                enum map_colouring colouring, uint64_t first, uint64_t per_tile, size_t n,
                struct tile *out)
{
    uint64_t all = tiles_clusters(from->img, space, from->layer);

    memset(out, 0, n * sizeof *out);
    if (colouring == COLOUR_CHANGES) {
        change_tiles_make(from, space, first, per_tile, n, out);
        return;
    }
    if (space == SPACE_GUEST && from->guest && from->scan) {
        guest_tiles(from, colouring, first, per_tile, n, out);
        return;
    }
    for (size_t i = 0; i < n && first < all; i++) {
        uint64_t len = u64_min(per_tile, all - first);

        if (space == SPACE_GUEST)
            look_unread(&out[i]);
        else if (from->scan)
            file_tile(from, colouring, first, len, &out[i]);
        else
            file_preview_tile(from, first, len, &out[i]);
        first += len;
    }
}
