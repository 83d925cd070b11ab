/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define REF_SAMPLES 32 /* clusters of a tile looked at for their references */
#define GUEST_BATCH     512

uint64_t tiles_clusters(const struct ui *ui, enum map_space space)
{
    const struct geometry *geo = &ui->img->geo;

    return space == SPACE_FILE ? geo->n_clusters : geo->guest_clusters;
}

unsigned tiles_ref_level(uint64_t references)
{
    static const uint8_t least[RAMP_STEPS] = { 0, 1, 2, 3, 4, 6, 10, 20 };
    unsigned level = 0;

    while (level + 1 < RAMP_STEPS && references >= least[level + 1])
        level++;
    return level;
}

void tiles_preview(const struct ui *ui, uint64_t first, uint64_t n, struct map_hist *out)
{
    unsigned shift = scan_preview_shift(ui->img);
    uint64_t last;

    memset(out, 0, sizeof *out);
    if (n == 0)
        return;
    last = u64_min((first + n - 1) >> shift, PREVIEW_BINS - 1);
    for (uint64_t i = first >> shift; i <= last; i++) {
        uint8_t seen = ui->progress
            ? atomic_load_explicit(&ui->progress->preview[i], memory_order_relaxed) : 0;

        out->n[seen && seen <= N_CLASSES ? seen - 1 : CLASS_UNKNOWN]++;
    }
}

/* --- looks --- */

static uint8_t eighths_of(uint64_t part, uint64_t whole)
{
    uint64_t e;

    if (part == 0 || whole == 0)
        return 0;
    e = part > UINT64_MAX / 8 ? part / (whole / 8) : part * 8 / whole;
    return (uint8_t)(e < 1 ? 1 : e > 8 ? 8 : e);
}

static void look_problem(struct tile *t)
{
    t->role = ROLE_CLASS + CLASS_MIXED;
    t->letter = '!';
    t->problem = true;
}

static void look_class(struct tile *t, enum cluster_class c)
{
    t->role = (uint8_t)(ROLE_CLASS + c);
    t->letter = class_info(c)->letter;
}

static void look_guest(struct tile *t, enum guest_class c)
{
    t->role = (uint8_t)(ROLE_GUEST + c);
    t->letter = guest_class_info(c)->letter;
}

static void look_ramp(struct tile *t, unsigned level)
{
    t->role = (uint8_t)(ROLE_RAMP + level);
    t->letter = (char)('0' + level);
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

static uint64_t sum_of(const struct map_hist *h)
{
    uint64_t sum = 0;

    for (int c = 0; c < N_CLASSES; c++)
        sum += h->n[c];
    return sum;
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

static void file_preview_tile(const struct ui *ui, uint64_t first, uint64_t n,
                              struct tile *t)
{
    struct map_hist h;
    uint64_t whole;

    tiles_preview(ui, first, n, &h);
    whole = sum_of(&h);
    if (h.n[CLASS_UNKNOWN] == whole) {
        look_class(t, CLASS_UNKNOWN);
        t->inner = t->letter;
        t->unread = true;
        return;
    }
    t->eighths = eighths_of(whole - h.n[CLASS_UNKNOWN] - h.n[CLASS_VACANT], whole);
    h.n[CLASS_UNKNOWN] = 0;
    look_class(t, main_class(&h));
    t->inner = t->letter;
}

static void file_tile(const struct tile_source *from, enum map_colouring colouring,
                      uint64_t first, uint64_t n, struct tile *t)
{
    const struct map *map = from->ui->scan->map;
    struct order_facts order;
    struct map_hist h;

    map_histogram(map, first, n, &h);
    t->eighths = eighths_of(n - h.n[CLASS_VACANT], n);
    t->inner = class_info(main_class(&h))->letter;
    if (h.n[CLASS_UNKNOWN] == n)
        t->unread = true;
    if (h.problems > h.n[CLASS_LEAKED]) {
        look_problem(t);
    } else if (h.n[CLASS_LEAKED]) {
        look_class(t, CLASS_LEAKED);
        t->problem = true;
    } else if (colouring == COLOUR_REFS && h.n[CLASS_VACANT] < n) {
        look_ramp(t, tiles_ref_level(references(map, first, n)));
    } else if ((colouring == COLOUR_JUMPS || colouring == COLOUR_ORDER) && from->order &&
               h.n[CLASS_DATA] + h.n[CLASS_DATA_SHARED] + h.n[CLASS_ZERO_ALLOC] > 0) {
        order_of_file(from->order, first, n, &order);
        if (order.clusters)
            look_ramp(t, colouring == COLOUR_JUMPS ? order.jump : order.where);
        else
            look_class(t, main_class(&h));
    } else {
        look_class(t, main_class(&h));
    }
}

/* --- guest --- */

static void guest_tile(const struct tile_source *from, enum map_colouring colouring,
                       uint64_t first, const struct guest_hist *h, uint64_t n,
                       struct tile *t)
{
    uint64_t empty = h->n[GUEST_UNALLOCATED] + h->n[GUEST_BACKING];
    enum guest_class best =
        h->n[GUEST_BACKING] > h->n[GUEST_UNALLOCATED] ? GUEST_BACKING : GUEST_UNALLOCATED;
    struct order_facts order = { 0, 0, 0 };

    for (int c = GUEST_ZERO; c < N_GUEST_CLASSES; c++)
        if (h->n[c] > (best <= GUEST_BACKING ? 0 : h->n[best]))
            best = (enum guest_class)c;
    t->eighths = eighths_of(n - u64_min(empty, n), n);
    t->inner = guest_class_info(best)->letter;
    if (h->n[GUEST_DAMAGED]) {
        look_guest(t, GUEST_DAMAGED);
        t->problem = true;
        return;
    }
    if ((colouring == COLOUR_JUMPS || colouring == COLOUR_ORDER) && from->order)
        order_of_guest(from->order, first, n, &order);
    if (order.clusters && t->eighths)
        look_ramp(t, colouring == COLOUR_JUMPS ? order.jump : order.where);
    else
        look_guest(t, best);
}

/* Marks tiles whose guest range a problem of the active layer concerns. */
static void guest_problems(const struct ui *ui, uint64_t first, unsigned shift, size_t n,
                           struct tile *out)
{
    const struct problems *p = &ui->scan->problems;
    unsigned bits = ui->img->geo.cluster_bits;

    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->list[i];
        uint32_t layer = one->place.kind == PLACE_CLUSTER ? one->owner.layer
                                                          : one->place.layer;
        uint64_t a;
        uint64_t b;

        if (problem_info(one->kind)->severity != SEV_CORRUPTION ||
            layer != LAYER_ACTIVE || one->guest_off == NO_ADDRESS || one->guest_len == 0)
            continue;
        a = one->guest_off >> bits;
        b = (one->guest_off + u64_min(one->guest_len - 1, UINT64_MAX - one->guest_off)) >>
            bits;
        if (b < first)
            continue;
        a = a < first ? 0 : (a - first) >> shift;
        b = (b - first) >> shift;
        for (uint64_t k = a; k <= b && k < n; k++)
            if (out[k].letter)
                look_problem(&out[k]);
    }
}

static void guest_tiles(const struct tile_source *from, enum map_colouring colouring,
                        uint64_t first, unsigned shift, size_t n, struct tile *out)
{
    uint64_t all = tiles_clusters(from->ui, SPACE_GUEST);
    struct guest_hist *hist = calloc(GUEST_BATCH, sizeof *hist);

    for (size_t done = 0; hist && done < n; done += GUEST_BATCH) {
        size_t k = n - done < GUEST_BATCH ? n - done : GUEST_BATCH;
        uint64_t at = first + ((uint64_t)done << shift);

        if (at >= all ||
            !guest_map_cells(from->guest, at, UINT64_C(1) << shift, k, hist, NULL))
            break;
        for (size_t i = 0; i < k && at < all; i++, at += UINT64_C(1) << shift)
            guest_tile(from, colouring, at, &hist[i],
                       u64_min(UINT64_C(1) << shift, all - at), &out[done + i]);
    }
    free(hist);
    guest_problems(from->ui, first, shift, n, out);
}

/* --- */

void tiles_make(const struct tile_source *from, enum map_space space,
                enum map_colouring colouring, uint64_t first, unsigned shift, size_t n,
                struct tile *out)
{
    uint64_t all = tiles_clusters(from->ui, space);

    memset(out, 0, n * sizeof *out);
    if (space == SPACE_GUEST && from->guest && from->ui->scan) {
        guest_tiles(from, colouring, first, shift, n, out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t at = first + ((uint64_t)i << shift);
        uint64_t len;

        if (at >= all)
            break;
        len = u64_min(UINT64_C(1) << shift, all - at);
        if (space == SPACE_GUEST) {
            look_class(&out[i], CLASS_UNKNOWN);
            out[i].inner = out[i].letter;
            out[i].unread = true;
        } else if (from->ui->scan) {
            file_tile(from, colouring, at, len, &out[i]);
        } else {
            file_preview_tile(from->ui, at, len, &out[i]);
        }
    }
}
