/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/ages.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "inspect/usage.h"
#include "picture/palette.h"
#include "scan/guest.h"

#define BINS_MAX    (UINT64_C(1) << 24)
#define L1_AT_ONCE  512

struct ages {
    const struct image *img;
    uint8_t *bin;               /* owned; the least age of each */
    uint64_t n;
    unsigned shift;             /* log2 of the clusters of a bin */
    uint64_t bytes_left;        /* of tables that may be read */
    bool partial;
};

static unsigned step_of(const struct ages *a, size_t snapshot)
{
    size_t n = a->img->snaps.n;

    return (unsigned)(n <= RAMP_STEPS ? snapshot : snapshot * RAMP_STEPS / n);
}

bool ages_step(const struct ages *a, unsigned step, size_t *first, size_t *end)
{
    size_t n = a->img->snaps.n;

    *first = *end = 0;
    for (size_t i = 0; i < n; i++) {
        if (step_of(a, i) < step)
            *first = i + 1;
        if (step_of(a, i) <= step)
            *end = i + 1;
    }
    return *first < *end;
}

static void mark(struct ages *a, const struct guest_extent *x, unsigned age)
{
    const struct geometry *geo = &a->img->geo;
    uint64_t first, last;

    if (x->host_off == NO_ADDRESS || x->compressed || geo->data_file || x->length == 0)
        return;
    first = geo_cluster_of(geo, x->host_off) >> a->shift;
    last = geo_cluster_of(geo, x->host_off + u64_min(x->length - 1, UINT64_MAX - x->host_off))
        >> a->shift;
    for (uint64_t i = first; i <= last && i < a->n; i++)
        if (a->bin[i] > age)
            a->bin[i] = (uint8_t)age;
}

/* Takes what the tables of a layer cost from what may be read. */
static bool afford(struct ages *a, const struct layer_l1 *l1, struct error *err)
{
    uint64_t entry[L1_AT_ONCE], cost = l1->present * 8;

    for (uint64_t i = 0; i < l1->present; i += L1_AT_ONCE) {
        size_t n = (size_t)u64_min(L1_AT_ONCE, l1->present - i);

        if (!image_read_l1(a->img, l1->off, i, n, entry, err))
            return false;
        for (size_t k = 0; k < n; k++)
            cost += entry[k] ? a->img->geo.cluster_size : 0;
    }
    if (cost > a->bytes_left) {
        a->partial = true;
        return false;
    }
    a->bytes_left -= cost;
    return true;
}

/* What cannot be read is left out. */
static void walk(struct ages *a, uint32_t layer, unsigned age)
{
    struct guest_extent x;
    struct guest_walk *w;
    struct layer_l1 l1;
    uint64_t end;

    if (!image_layer_l1(a->img, layer, &l1) || !l1.sound || !afford(a, &l1, NULL))
        return;
    if (!u64_mul(l1.present, a->img->geo.l2_span, &end))
        end = UINT64_MAX;
    if (!guest_walk_open(a->img, layer, 0, u64_min(end, l1.guest_size), &w, NULL))
        return;
    while (guest_walk_next(w, &x, NULL))
        mark(a, &x, age);
    guest_walk_free(w);
}

bool ages_build(const struct image *img, struct ages **out, struct error *err)
{
    struct ages *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->img = img;
    a->bytes_left = usage_bytes_max(img);
    while (img->geo.n_clusters >> a->shift > BINS_MAX)
        a->shift++;
    a->n = (img->geo.n_clusters >> a->shift) + 1;
    a->bin = malloc((size_t)a->n);
    if (!a->bin) {
        free(a);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    memset(a->bin, AGE_NONE, (size_t)a->n);
    walk(a, LAYER_ACTIVE, AGE_ACTIVE);
    for (size_t i = 0; i < img->snaps.n && !a->partial; i++)
        walk(a, (uint32_t)i + 1, step_of(a, i));
    *out = a;
    return true;
}

void ages_free(struct ages *a)
{
    if (a)
        free(a->bin);
    free(a);
}

unsigned ages_of(const struct ages *a, uint64_t first, uint64_t n)
{
    unsigned least = AGE_NONE;
    uint64_t last;

    if (n == 0)
        return least;
    last = (first + n - 1) >> a->shift;
    for (uint64_t i = first >> a->shift; i <= last && i < a->n && least; i++)
        if (a->bin[i] < least)
            least = a->bin[i];
    return least;
}

bool ages_partial(const struct ages *a)
{
    return a->partial;
}
