/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Volumes that lie in pieces have addresses of their own, past the end of the disk. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_inside.h"

#define JOINED_MAX      256
#define JOINED_BITS     54      /* each has room for 2^54 bytes; the disk has less */
#define PIECES_MAX      65536   /* of all volumes */

/* The piece of a volume that holds a byte, or the first one after it; NULL: none. */
static const struct rescue_piece *piece_at(const struct rescue_guest *g, uint64_t off)
{
    size_t lo;

    BISECT(lo, g->n_pieces, mid, g->piece[mid].off + g->piece[mid].len > off);
    return lo < g->n_pieces ? &g->piece[lo] : NULL;
}

bool rescue_real(const struct rescue_guest *g, uint64_t *off, uint64_t *len)
{
    const struct rescue_piece *p;

    if (*off < g->size) {
        *len = u64_min(*len, g->size - *off);
        return true;
    }
    p = piece_at(g, *off);
    if (!p || p->off > *off)
        return false;
    *len = u64_min(*len, p->len - (*off - p->off));
    *off = p->guest_off + (*off - p->off);
    return true;
}

bool rescue_real_cl(const struct rescue_guest *g, uint64_t *cl)
{
    uint64_t cluster = rescue_cluster(g), off = *cl << g->bits;
    const struct rescue_piece *p;

    if (*cl < g->n_clusters)
        return true;
    p = *cl <= UINT64_MAX >> g->bits ? piece_at(g, off) : NULL;
    if (!p || p->off >= off + cluster || (p->off - p->guest_off) % cluster)
        return false;
    /* Of a cluster in which one piece ends and another begins nothing can be said. */
    if (p + 1 < g->piece + g->n_pieces && p[1].off < off + cluster)
        return false;
    *cl = (p->guest_off + (off - p->off)) >> g->bits;
    return *cl < g->n_clusters;
}

uint64_t rescue_room(const struct rescue_guest *g, uint64_t guest_off)
{
    uint64_t end = ((guest_off >> JOINED_BITS) + 1) << JOINED_BITS, room = 0;

    if (guest_off < g->size)
        return g->size - guest_off;
    for (const struct rescue_piece *p = piece_at(g, guest_off);
         p && p < g->piece + g->n_pieces && p->off < end; p++)
        room = p->off + p->len - guest_off;
    return room;
}

/* Has that volume been joined before? */
static bool known(const struct rescue_guest *g, const struct rescue_piece *first, uint64_t *start)
{
    for (size_t i = 0; i < g->n_pieces; i++)
        if (g->piece[i].guest_off == first->guest_off) {
            *start = g->piece[i].off;
            return true;
        }
    return false;
}

static bool pieces_fit(const struct rescue_guest *g, const struct rescue_piece *piece, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!piece[i].len || !range_inside(piece[i].guest_off, piece[i].len, g->size)
            || piece[i].off != (i ? piece[i - 1].off + piece[i - 1].len : 0))
            return false;
    return n && n <= PIECES_MAX - g->n_pieces && g->n_joined < JOINED_MAX;
}

bool rescue_join(struct rescue_guest *g, const struct rescue_piece *piece, size_t n,
                 uint64_t *start)
{
    if (!pieces_fit(g, piece, n))
        return false;
    if (known(g, piece, start))
        return true;
    *start = ((uint64_t)(g->n_joined + 1) << JOINED_BITS)
        + piece[0].guest_off % rescue_cluster(g);
    for (size_t i = 0; i < n; i++) {
        struct rescue_piece *last = i ? &g->piece[g->n_pieces - 1] : NULL;

        if (last && last->guest_off + last->len == piece[i].guest_off) {
            last->len += piece[i].len;
            continue;
        }
        if (!list_double(&g->piece, g->n_pieces, sizeof *g->piece)) {
            g->starved = true;
            return false;
        }
        g->piece[g->n_pieces++] = (struct rescue_piece){ *start + piece[i].off,
                                                         piece[i].guest_off, piece[i].len };
    }
    g->n_joined++;
    return true;
}
