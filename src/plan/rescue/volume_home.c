/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/volume_home.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "plan/rescue/rescue_inside.h"

#define NO_HOME UINT64_MAX

static struct volume_seen *head_of(const struct rescue_guest *g, uint64_t id)
{
    for (size_t i = 0; i < g->n_heads; i++)
        if (g->head[i].id == id)
            return &g->head[i];
    return NULL;
}

void volume_head(struct rescue_guest *g, uint64_t id, size_t cand, uint64_t fs_len)
{
    if (head_of(g, id) || g->n_heads == VOLUME_HEADS_MAX)
        return;
    if (!list_double(&g->head, g->n_heads, sizeof *g->head)) {
        g->starved = true;
        return;
    }
    g->head[g->n_heads++] = (struct volume_seen){ id, fs_len, NO_HOME, cand };
}

bool volume_find(struct rescue_guest *g, uint64_t at, size_t len, volume_match *match, void *ctx,
                 uint64_t *start)
{
    const struct rescue_volume_found *v;
    uint8_t bytes[4096];
    size_t n;

    v = rescue_volumes(g, &n);
    for (size_t i = 0; i <= n; i++) {
        uint64_t off = i < n ? v[i].guest_off : 0;

        if (!rescue_read(g, off + at, bytes, len, SURE_CERTAIN) || !match(ctx, bytes))
            continue;
        *start = off;
        return true;
    }
    return false;
}

/* --- volumes of one length --- */

#define SLACK (UINT64_C(1) << 20)       /* partitions are cut to this */

/* File systems that were found are listed as well, where they are believed to be. */
static bool is_room(const struct rescue_volume_found *v)
{
    return v->kind == FOUND_PARTITION || v->kind == FOUND_LOGICAL;
}

/* The least length of a volume that holds a file system; 0: none does. */
static uint64_t fitting_len(const struct rescue_guest *g, uint64_t fs_len)
{
    uint64_t best = 0;
    size_t n;
    const struct rescue_volume_found *v = rescue_volumes(g, &n);

    for (size_t i = 0; i < n; i++)
        if (is_room(&v[i]) && v[i].len >= fs_len && (!best || v[i].len < best))
            best = v[i].len;
    return best && best - fs_len <= fs_len / 8 + SLACK ? best : 0;
}

struct tied { uint64_t start[RESCUE_VOLUMES_MAX]; size_t n; };

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Is another file system at home there? */
static bool is_taken(const struct rescue_guest *g, uint64_t start, uint64_t id)
{
    for (size_t i = 0; i < g->n_heads; i++)
        if (g->head[i].home == start && g->head[i].id != id)
            return true;
    return false;
}

/* Volumes of that length, by rising offset. `own`: without those where others are at home. */
static void list_tied(const struct rescue_guest *g, uint64_t len, const struct volume_seen *own,
                      struct tied *t)
{
    size_t n, m = 0;
    const struct rescue_volume_found *v = rescue_volumes(g, &n);

    t->n = 0;
    for (size_t i = 0; i < n; i++)
        if (is_room(&v[i]) && v[i].len == len && !(own && is_taken(g, v[i].guest_off, own->id)))
            t->start[t->n++] = v[i].guest_off;
    if (t->n)
        qsort(t->start, t->n, sizeof *t->start, by_value);
    for (size_t i = 0; i < t->n; i++)
        if (!m || t->start[m - 1] != t->start[i])
            t->start[m++] = t->start[i];
    t->n = m;
}

/* --- by order in the file --- */

/* Does what is placed rise? Then the order of heads is that of volumes. */
static bool order_rises(const struct rescue_guest *g)
{
    size_t rising = 0, falling = 0;
    uint64_t last = 0;
    struct rescue_pin pin;

    for (size_t i = 0; i < g->n_cands; i++) {
        if (!rescue_pinned(g, i, &pin) || pin.sure == SURE_POSSIBLE)
            continue;
        *(pin.guest_cl >= last ? &rising : &falling) += 1;
        last = pin.guest_cl;
    }
    return falling * 50 <= rising;
}

/* The only volume between the places of the neighbours of a candidate. */
static bool between_pins(const struct rescue_guest *g, size_t cand, const struct tied *t,
                         uint64_t *start)
{
    uint64_t low = 0, high = UINT64_MAX;
    struct rescue_pin pin;
    size_t n = 0;

    for (size_t i = cand; i-- > 0;)
        if (rescue_pinned(g, i, &pin) && pin.sure > SURE_POSSIBLE) {
            low = pin.guest_cl << g->bits;
            break;
        }
    for (size_t i = cand + 1; i < g->n_cands; i++)
        if (rescue_pinned(g, i, &pin) && pin.sure > SURE_POSSIBLE) {
            high = (pin.guest_cl + 1) << g->bits;
            break;
        }
    for (size_t i = 0; i < t->n; i++)
        if (t->start[i] >= low && t->start[i] < high && !n++)
            *start = t->start[i];
    return n == 1;
}

/* As many heads as volumes of that length. */
static bool by_rank(const struct rescue_guest *g, const struct volume_seen *own, uint64_t len,
                    const struct tied *t, uint64_t *start)
{
    size_t n = 0, before = 0;

    for (size_t i = 0; i < g->n_heads; i++) {
        const struct volume_seen *h = &g->head[i];

        if (h->home != NO_HOME || fitting_len(g, h->fs_len) != len)
            continue;
        n++;
        before += h->cand < own->cand;
    }
    if (n != t->n || before >= n)
        return false;
    *start = t->start[before];
    return true;
}

/* Which of several? */
static bool choose(const struct rescue_guest *g, const struct volume_query *q,
                   const struct volume_seen *own, uint64_t len, const struct tied *t,
                   uint64_t *start)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->start[i] == (own && own->home != NO_HOME ? own->home : q->hint)) {
            *start = t->start[i];
            return true;
        }
    if (t->n == 1) {
        *start = t->start[0];
        return true;
    }
    return own && order_rises(g)
        && (by_rank(g, own, len, t, start) || between_pins(g, own->cand, t, start));
}

/* --- home --- */

#define USUAL_STARTS 3
#define DISK_UNIT 4096          /* the end of a disk that may be left over */

/* CERTAIN where the file system is as long as the disk. */
static bool usual_home(const struct rescue_guest *g, uint64_t fs_len, uint64_t *start,
                       enum rescue_sure *sure)
{
    static const uint32_t usual[USUAL_STARTS] = { 1 << 20, 63 * 512, 0 };
    uint64_t best = UINT64_MAX, whole = rescue_room(g, 0);
    size_t n;

    rescue_holders(g, &n);
    if (!n && fs_len <= whole && whole - fs_len < DISK_UNIT) {
        *start = 0;
        *sure = g->store.size_guessed ? SURE_LIKELY : SURE_CERTAIN;
        return true;
    }
    for (size_t i = 0; !n && i < USUAL_STARTS; i++)
        if (rescue_room(g, usual[i]) >= fs_len && rescue_room(g, usual[i]) - fs_len < best) {
            best = rescue_room(g, usual[i]) - fs_len;
            *start = usual[i];
        }
    return best <= fs_len / 8 + SLACK;
}

bool volume_home(struct rescue_guest *g, const struct volume_query *q, uint64_t *start,
                 enum rescue_sure *sure)
{
    uint64_t len = fitting_len(g, q->fs_len);
    struct volume_seen *own = head_of(g, q->id);
    size_t n_all;
    struct tied t;

    *sure = SURE_LIKELY;
    if (!len)
        return usual_home(g, q->fs_len, start, sure);
    list_tied(g, len, NULL, &t);
    n_all = t.n;
    if (n_all > 1 && own)
        list_tied(g, len, own, &t);
    if (!choose(g, q, own, len, &t, start))
        return false;
    if (own)
        own->home = *start;
    if (n_all == 1 && len - q->fs_len <= SLACK)
        *sure = SURE_CERTAIN;
    return true;
}
