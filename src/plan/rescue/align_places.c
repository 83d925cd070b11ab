/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is said of the places that are lost. */
#include "config.h"

#include <stdlib.h>

#include "base/bisect.h"
#include "base/num.h"
#include "plan/rescue/align_inside.h"

#define PLACES_MAX      (1u << 22)              /* that are looked at at once */

static uint32_t part_len(const struct rescue_guest *g)
{
    return rescue_cluster(g) / PARTS > 512 ? rescue_cluster(g) / PARTS : 512;
}

static size_t place_index(const struct order_walk *w, uint64_t cl)
{
    size_t lo;

    BISECT(lo, w->n_places, mid, w->place[mid].cl >= cl);
    return lo;
}

static void look_at_place(const struct rescue_guest *g, struct place_print *p)
{
    uint32_t cluster = rescue_cluster(g);
    uint32_t part = part_len(g);
    unsigned unknown = 0, n = cluster / part;
    uint64_t off = p->cl * cluster;

    for (unsigned i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << i % 64;

        switch (rescue_use_at(g, off + (uint64_t)i * part)) {
        case USE_FREE: p->free[i / 64] |= bit; break;
        case USE_CONTENT: p->content[i / 64] |= bit; break;
        case USE_DATA: p->data[i / 64] |= bit; break;
        case USE_UNKNOWN: unknown++; break;
        }
    }
    p->unknown = unknown * 2 >= n;
}

static struct place_print *place_of(struct order_walk *w, uint64_t guest_off)
{
    uint64_t cl = guest_off / rescue_cluster(w->o->g);
    size_t i = place_index(w, cl);

    return i < w->n_places && w->place[i].cl == cl ? &w->place[i] : NULL;
}

/* The last block of a file: what comes after its end is zeros. */
static void note_end(struct order_walk *w, uint64_t from, uint64_t end)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t at = round_up(from, part);
    struct place_print *p = place_of(w, from);

    if (p && from % part && at <= end && at - from >= TAIL_MIN && p->n_tails < PRINT_TAILS)
        p->tail[p->n_tails++] = (struct print_tail){ (uint8_t)(from % cluster / part),
                                                     (uint16_t)(at - from) };
    for (; at + part <= end; at += part) {
        uint64_t k = at % cluster / part;

        p = place_of(w, at);
        if (!p)
            continue;
        p->zero[k / 64] |= UINT64_C(1) << k % 64;
        p->data[k / 64] &= ~(UINT64_C(1) << k % 64);
    }
}

static void note_inside(struct order_walk *w, uint64_t from, uint64_t end)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t block = print_block_len((size_t)cluster);
    struct place_print *p;

    for (uint64_t at = (from / part + 1) * part; at < end; at += part) {
        uint64_t k = at % cluster / part;

        p = place_of(w, at);
        if (p)
            p->inside[k / 64] |= UINT64_C(1) << k % 64;
    }
    /* The block before is of the file as well. */
    for (uint64_t at = round_up(from, block) + block; at < end; at += block) {
        p = place_of(w, at);
        if (p)
            p->goes_on |= (uint16_t)(1u << at % cluster / block);
    }
}

/* What the extents of files say: where one starts, goes on from place to place, and ends. */
static void note_extent(struct order_walk *w, const struct rescue_file_extent *e)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t end = e->guest_off + e->len, from = end;

    if (e->file_off <= e->size && e->size - e->file_off < e->len)
        from = e->guest_off + (e->size - e->file_off);
    if (from < end)
        note_end(w, from, end);
    note_inside(w, e->guest_off, from);
    if (e->file_off == 0) {
        uint64_t k = e->guest_off % cluster / part;
        struct place_print *p = place_of(w, e->guest_off);

        if (p) {
            p->starts[k / 64] |= UINT64_C(1) << k % 64;
            if (e->typed)
                p->typed[k / 64] |= UINT64_C(1) << k % 64;
        }
    }
}

void order_note_extents(struct order_walk *w)
{
    size_t n;
    const struct rescue_file_extent *e = rescue_extents(w->o->g, &n);

    for (size_t i = 0; i < n; i++)
        note_extent(w, &e[i]);
    for (size_t i = 0; i < w->n_places; i++) {
        struct place_print *p = &w->place[i];

        p->inside[0] &= ~p->starts[0];          /* both: one file ends there, another starts */
        p->inside[1] &= ~p->starts[1];
        p->n_free = (uint8_t)ones(p->free);
        p->n_content = (uint8_t)ones(p->content);
        p->n_data = (uint8_t)ones(p->data);
        p->n_typed = (uint8_t)ones(p->typed);
        p->empty = rescue_is_below(w->o->g, p->cl) ? 0
            : least(p->n_content * NO_CONTENT, NO_CONTENT_MAX)
            + least(p->n_data * NO_DATA, EMPTY_MAX) + p->unknown;
        p->skip = p->empty;
    }
}

bool order_list_places(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    uint64_t n = rescue_n_lost(g), cl = 0, len;

    if (n > PLACES_MAX)
        return true;                    /* no order is looked for among so many */
    w->place = calloc((size_t)n + 1, sizeof *w->place);
    if (!w->place)
        return false;
    for (; rescue_next_lost(g, &cl, &len); cl += len)
        for (uint64_t i = 0; i < len && w->n_places < n; i++) {
            struct place_print *p = &w->place[w->n_places++];

            p->cl = cl + i;
            look_at_place(g, p);
        }
    return true;
}

bool order_list_pins(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    size_t n = rescue_candidates(g), last = 0, rising = 0, falling = 0;
    struct rescue_pin pin;

    w->at = calloc(n + 1, sizeof *w->at);
    w->proved = calloc(n + 1, sizeof *w->proved);
    if (!w->at || !w->proved)
        return false;
    w->n_items = n;
    for (size_t i = 0; i < n; i++) {
        size_t at;

        if (!rescue_pinned(g, i, &pin) || pin.sure == SURE_POSSIBLE)
            continue;
        at = place_index(w, pin.guest_cl);
        if (at >= w->n_places || w->place[at].cl != pin.guest_cl)
            continue;
        w->at[i] = at + 1;
        w->place[at].taken = true;
        w->place[at].cand = (uint32_t)i;
        if (last)
            *(at + 1 > last ? &rising : &falling) += 1;
        last = at + 1;
    }
    /* A stray pin does not make a guest's order of one that rises. */
    w->jump = w->o->loose ? JUMP_LOOSE : falling * 50 <= rising ? JUMP_NEVER : JUMP;
    return true;
}
