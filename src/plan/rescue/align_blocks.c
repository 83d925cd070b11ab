/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Places for blocks of candidates that belong together: all that one L2 table maps. */
#include "config.h"

#include <limits.h>
#include <stdlib.h>

#include "plan/rescue/align_inside.h"

#define FITS_MAX        (1u << 22)              /* blocks times slots */
#define COSTS_MAX       ((uint64_t)1 << 29)     /* items times slots */

struct block_fit {
    struct order_walk w;
    size_t n_blocks, n_slots;
    uint64_t per;
    long *cost;                 /* owned: of each block in each slot */
    long *empty;                /* owned: of each slot, when nothing is there */
    bool *slot_taken;           /* owned */
};

static void cost_blocks(struct block_fit *f, const struct align_block *item, size_t n)
{
    for (size_t s = 0; s < f->n_slots; s++) {
        for (uint64_t i = 0; i < f->per && s * f->per + i < f->w.n_places; i++)
            f->empty[s] += f->w.place[s * f->per + i].empty;
        for (size_t b = 0; b < f->n_blocks; b++)
            f->cost[b * f->n_slots + s] = f->empty[s];
        for (size_t i = 0; i < n; i++) {
            size_t p = s * f->per + item[i].entry;
            long *cost = &f->cost[item[i].block * f->n_slots + s];

            if (p >= f->w.n_places) {
                *cost += LEFT_OUT;
                continue;
            }
            *cost += place_cost(&f->w.o->print[i], &f->w.place[p]) - f->w.place[p].empty;
            if (i && item[i].block == item[i - 1].block && item[i].entry == item[i - 1].entry + 1
                && f->w.place[p].goes_on & 1)
                *cost += print_other_kind(&f->w.o->print[i - 1], &f->w.o->print[i], f->w.last_block);
        }
    }
}

/* The best free slot of a block, and how much better it is than the next. */
static long best_slot(const struct block_fit *f, size_t b, size_t *slot)
{
    long best = LONG_MAX, second = LONG_MAX;

    for (size_t s = 0; s < f->n_slots; s++) {
        long c = f->slot_taken[s] ? LONG_MAX : f->cost[b * f->n_slots + s];

        if (c < best) {
            second = best;
            best = c;
            *slot = s;
        } else if (c < second) {
            second = c;
        }
    }
    return best == LONG_MAX ? -1 : second - best;
}

static int64_t slot_index(const struct block_fit *f, size_t slot)
{
    return (int64_t)(f->w.place[slot * f->per].cl / f->per);
}

/* The block of which there is the least doubt first. */
static void choose_slots(struct block_fit *f, int64_t *index)
{
    for (;;) {
        size_t block = 0, slot = 0;
        long most = 0;

        for (size_t b = 0; b < f->n_blocks; b++) {
            size_t s = 0;
            long margin = index[b] >= 0 ? -1 : best_slot(f, b, &s);

            if (margin > most) {
                most = margin;
                block = b;
                slot = s;
            }
        }
        if (!most)
            return;
        index[block] = slot_index(f, slot);
        f->slot_taken[slot] = true;
    }
}

#define NEVER (INT64_C(1) << 40)

/* What it costs to have a block in a slot, and not to leave it empty. */
static int64_t slot_cost(const struct block_fit *f, size_t b, size_t s, const int64_t *index)
{
    if (index[b] >= 0)
        return index[b] == slot_index(f, s) ? 0 : NEVER;
    return f->cost[b * f->n_slots + s] - f->empty[s];
}

/* What it costs at least if no block minds another. */
static int64_t least_cost(const struct block_fit *f, const int64_t *index)
{
    int64_t sum = 0;

    for (size_t b = 0; b < f->n_blocks; b++) {
        int64_t best = NEVER;

        for (size_t s = 0; s < f->n_slots; s++) {
            int64_t c = slot_cost(f, b, s, index);

            best = c < best ? c : best;
        }
        sum += best;
    }
    return sum;
}

#define RISING_DOUBT 16         /* cost of a block that rises, and would lie better elsewhere */

/* All blocks in rising slots, where hardly one would lie better elsewhere. False: no memory. */
static bool choose_rising(const struct block_fit *f, int64_t *index)
{
    size_t n = f->n_slots, row = n + 1, s = n;
    /* of the first b blocks in the first s slots */
    int64_t *sum = calloc((f->n_blocks + 1) * row, sizeof *sum), all;
    int64_t limit = least_cost(f, index) + RISING_DOUBT * (int64_t)f->n_blocks;

    if (!sum)
        return false;
    for (size_t b = 1; b <= f->n_blocks; b++) {
        sum[b * row] = NEVER;
        for (size_t k = 1; k <= n; k++) {
            int64_t here = sum[(b - 1) * row + k - 1] + slot_cost(f, b - 1, k - 1, index);

            sum[b * row + k] = here < sum[b * row + k - 1] ? here : sum[b * row + k - 1];
        }
    }
    all = sum[f->n_blocks * row + n];
    if (all < NEVER / 2 && all <= limit)
        for (size_t b = f->n_blocks; b > 0; b--, s--) {
            while (sum[b * row + s] == sum[b * row + s - 1])
                s--;
            index[b - 1] = slot_index(f, s - 1);
        }
    free(sum);
    return true;
}

bool align_blocks(struct rescue_guest *g, const struct print *print,
                  const struct align_block *item, size_t n, size_t n_blocks, uint64_t per,
                  int64_t *index, struct error *err)
{
    const struct align_order o = { .g = g, .print = print };
    struct block_fit f = { .w = { .o = &o }, .n_blocks = n_blocks, .per = per };
    uint32_t cluster = rescue_cluster(g);
    bool ok = true;

    f.n_slots = (size_t)((rescue_n_lost(g) + per - 1) / per);
    f.w.last_block = cluster / print_block_len(cluster) - 1;
    if (n_blocks > FITS_MAX / (f.n_slots + 1) || n > COSTS_MAX / (f.n_slots + 1))
        return true;
    f.cost = calloc(n_blocks * f.n_slots + 1, sizeof *f.cost);
    f.empty = calloc(f.n_slots + 1, sizeof *f.empty);
    f.slot_taken = calloc(f.n_slots + 1, sizeof *f.slot_taken);
    ok = f.cost && f.empty && f.slot_taken && order_list_places(&f.w);
    ok = ok && f.w.n_places == rescue_n_lost(g);
    for (size_t s = 0; ok && s < f.n_slots; s++)
        for (size_t b = 0; b < n_blocks; b++)
            f.slot_taken[s] |= index[b] == slot_index(&f, s);
    if (ok) {
        order_note_extents(&f.w);
        cost_blocks(&f, item, n);
        ok = choose_rising(&f, index);
        if (ok)
            choose_slots(&f, index);
    }
    free(f.cost);
    free(f.empty);
    free(f.slot_taken);
    free(f.w.place);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
