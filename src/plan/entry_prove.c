/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/entry_prove.h"

#include <stdlib.h>
#include <string.h>

#include "insight/content.h"
#include "plan/edit.h"
#include "plan/entries.h"

#define REACH       16          /* entries away a neighbour may be */
#define FLIPS_MAX   2           /* bits in which a value may differ from the proven one */
#define L2_SCORE    600         /* of content_score_l2, to be taken for an L2 table */

bool prover_init(struct prover *p, const struct trial *t, size_t n_max, struct error *err)
{
    *p = (struct prover){ .t = t, .reader.src = t->img->src, .n_slots = 2 };
    while (p->n_slots / 2 < n_max)
        p->n_slots *= 2;
    p->taken = calloc(p->n_slots, sizeof *p->taken);
    p->scratch = malloc((size_t)t->img->geo.cluster_size);
    if (p->taken && p->scratch)
        return true;
    prover_free(p);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void prover_free(struct prover *p)
{
    free(p->taken);
    free(p->scratch);
    *p = (struct prover){ 0 };
}

/* Where a cluster stands among those taken, or would. */
static uint64_t *slot_of(const struct prover *p, uint64_t cl)
{
    size_t i = (size_t)((cl * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (p->n_slots - 1);

    while (p->taken[i] && p->taken[i] != cl)
        i = (i + 1) & (p->n_slots - 1);
    return &p->taken[i];
}

void prover_take(struct prover *p, uint64_t off)
{
    uint64_t cl = geo_cluster_of(&p->t->img->geo, off);

    *slot_of(p, cl) = cl;
}

/* Leaked, and not given away since. */
static bool is_orphan(const struct prover *p, uint64_t off)
{
    const struct geometry *geo = &p->t->img->geo;
    struct map_cell cell;
    uint64_t cl = geo_cluster_of(geo, off);

    if (!off || off & (geo->cluster_size - 1)
        || !range_inside(off, geo->cluster_size, geo->file_size))
        return false;
    map_get(p->t->scan->map, cl, &cell);
    return cell.cls == CLASS_LEAKED && !*slot_of(p, cl);
}

/* Does an entry lead to a cluster that is its own? */
static bool is_sure(const struct prover *p, uint64_t word)
{
    const struct geometry *geo = &p->t->img->geo;
    struct map_cell cell;

    if (!entry_is_plain(geo, word))
        return false;
    map_get(p->t->scan->map, geo_cluster_of(geo, word & ENTRY_OFFSET_MASK), &cell);
    return !owners_conflict(cell.owners) && !(cell.owners & OWNER_TWICE_ACTIVE);
}

/* Where the nearest sure entry up to REACH entries away in direction `dir` says that this
 * one leads. 0: there is none. */
static uint64_t from_neighbour(struct prover *p, const struct place *place, int dir)
{
    const struct geometry *geo = &p->t->img->geo;
    uint64_t left = dir < 0 ? place->j : geo->l2_entries - 1 - place->j;

    for (uint64_t k = 1; k <= u64_min(left, REACH); k++) {
        uint64_t at = k * geo->l2_entry_size, word, by = k * geo->cluster_size, off;

        at = dir < 0 ? place->file_off - at : place->file_off + at;
        if (!word_read(&p->reader, at, &word, NULL))
            return 0;
        if (!is_sure(p, word))
            continue;
        off = word & ENTRY_OFFSET_MASK;
        if (dir < 0)
            return off + by;
        return off > by ? off - by : 0;
    }
    return 0;
}

static bool few_flips(uint64_t a, uint64_t b)
{
    return __builtin_popcountll((a ^ b) & ENTRY_OFFSET_MASK) <= FLIPS_MAX;
}

static uint64_t prove_l2(struct prover *p, const struct place *place, uint64_t was)
{
    uint64_t before = from_neighbour(p, place, -1), after = from_neighbour(p, place, 1);

    if (before && (!after || before == after || few_flips(before, was))
        && is_orphan(p, before))
        return before;
    if (after && (!before || few_flips(after, was)) && is_orphan(p, after))
        return after;
    return 0;
}

/* The only orphan that looks like an L2 table and is a bit away. */
static uint64_t prove_l1(struct prover *p, uint64_t was)
{
    const struct geometry *geo = &p->t->img->geo;
    const struct content_context ctx = { .geo = geo, .src = p->t->img->src };
    size_t len = (size_t)geo->cluster_size, used;
    uint64_t found = 0;

    for (uint64_t bit = 512; bit <= ENTRY_OFFSET_MASK; bit <<= 1) {
        uint64_t off = (was & ENTRY_OFFSET_MASK) ^ bit;

        if (!is_orphan(p, off) || !source_read(p->t->img->src, off, p->scratch, len, NULL)
            || content_score_l2(&ctx, p->scratch, len, &used) < L2_SCORE)
            continue;
        if (found)
            return 0;
        found = off;
    }
    return found;
}

uint64_t prover_look(struct prover *p, const struct place *place, uint64_t was)
{
    if (!p->t->scan->stats.class_clusters[CLASS_LEAKED])
        return 0;
    if (place->kind == PLACE_L1)
        return prove_l1(p, was);
    return place->kind == PLACE_L2 && !(was & OFLAG_COMPRESSED) ? prove_l2(p, place, was) : 0;
}

/* --- for the planner of entries --- */

static bool is_open(const struct broken_entry *b)
{
    return b->fix == ENTRY_LEFT && !b->foreign && b->place.kind != PLACE_BITMAP_TABLE;
}

void entry_take_proven(struct broken_entry *b, uint64_t off, bool copied)
{
    b->now = (struct entry_words){ off | (copied ? OFLAG_COPIED : 0), b->was.bitmap };
    b->now.bitmap &= ~((b->now.bitmap & UINT32_MAX) << 32);
    b->fix = ENTRY_PROVEN;
}

/* Do two L1 entries lead to the table of this entry? Then it stands for two guest ranges. */
static bool used_twice(const struct entries *e, const struct place *place)
{
    struct map_cell cell;

    map_get(e->t->scan->map, geo_cluster_of(&e->t->img->geo, place->file_off), &cell);
    return cell.owners & OWNER_TWICE_ACTIVE;
}

/* With an external data file the format itself says where an entry leads. */
static void prove_by_rule(struct entries *e)
{
    for (size_t i = 0; i < e->n; i++) {
        struct broken_entry *b = &e->list[i];

        if (is_open(b) && b->place.kind == PLACE_L2
            && !(b->was.word & OFLAG_COMPRESSED) && b->was.word & ENTRY_OFFSET_MASK
            && !used_twice(e, &b->place))
            entry_take_proven(b, b->place.guest_off, true);
    }
}

static bool stored_once(const struct image *img, uint64_t off)
{
    uint64_t stored;

    return image_stored_refcount(img, geo_cluster_of(&img->geo, off), &stored) == STORED_OK
        && stored == 1;
}

static size_t count_open(const struct entries *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++)
        n += is_open(&e->list[i]);
    return n;
}

/* The image with all broken entries mended or taken away. */
static bool open_bare(const struct entries *e, struct trial **out, struct error *err)
{
    struct patches start = { 0 };
    bool ok;

    patches_append(&start, e->t->all);
    entries_patch(e, &start);
    for (size_t i = 0; i < e->n; i++)
        if (is_open(&e->list[i])) {
            edit_entry(&start, e->list[i].place.file_off, 0);
            if (e->t->img->geo.extended_l2 && e->list[i].place.kind == PLACE_L2)
                edit_entry(&start, e->list[i].place.file_off + 8, 0);
        }
    ok = trial_open(e->t->below, &e->t->opt, &start, out, err);
    patches_free(&start);
    return ok;
}

bool entries_prove(struct entries *e, struct error *err)
{
    struct prover p;
    struct trial *bare = NULL;
    size_t open;

    if (e->t->img->geo.data_file)
        prove_by_rule(e);
    open = count_open(e);
    if (!open)
        return true;
    if (!open_bare(e, &bare, err))
        return false;
    if (!prover_init(&p, bare, open, err)) {
        trial_close(bare);
        return false;
    }
    for (size_t i = 0; i < e->n; i++) {
        struct broken_entry *b = &e->list[i];
        uint64_t off = is_open(b) ? prover_look(&p, &b->place, b->was.word) : 0;

        if (off) {
            entry_take_proven(b, off, stored_once(bare->img, off));
            prover_take(&p, off);
        }
    }
    prover_free(&p);
    trial_close(bare);
    return true;
}
