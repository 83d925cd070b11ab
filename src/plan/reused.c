/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters that belong to two places. What a guest reads there stays as it is, unless the
 * neighbours of one of the entries prove that it led somewhere else: one owner keeps the
 * cluster, every other guest range gets a copy of it. A table always keeps its cluster. */
#include "config.h"

#include "plan/reused.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/buf.h"
#include "base/text.h"
#include "plan/refcounts.h"

/* --- what to do about one cluster --- */

/* Is the cluster of this entry an L2 table, and nothing else but guest data? Such data is
 * led to a copy, made before the table changes. */
static bool in_an_l2_table(const struct trial *t, const struct place *place)
{
    const struct geometry *geo = &t->img->geo;
    struct map_cell cell;

    if (place->file_off == NO_ADDRESS || !range_inside(place->file_off, 8, geo->file_size))
        return false;
    map_get(t->scan->map, geo_cluster_of(geo, place->file_off), &cell);
    return entries_only_l2(t, place, cell.owners & OWNER_KINDS
                           & ~(uint32_t)(OWNER_DATA | OWNER_ZERO | OWNER_VMSTATE));
}

/* An entry that can be led to another cluster: plain guest data of a table that is one. */
static bool may_move(const struct reused *u, const struct reuse *x)
{
    const struct geometry *geo = &u->t->img->geo;

    return (x->r.owner == OWNER_DATA || x->r.owner == OWNER_VMSTATE || x->r.owner == OWNER_ZERO)
        && x->r.place.kind == PLACE_L2 && entry_is_plain(geo, x->r.value)
        && (x->r.value & ENTRY_OFFSET_MASK) >> geo->cluster_bits == u->target[x->target].first
        && in_an_l2_table(u->t, &x->r.place);
}

static size_t first_use_of(const struct reused *u, uint64_t cl)
{
    size_t lo;

    BISECT(lo, u->n_uses, mid, u->target[u->use[mid].target].first >= cl);
    return lo;
}

/* Is the table of this entry guest data as well, for an entry that cannot be moved? Then
 * the table must stay as it is: that guest would read the change. */
static bool table_is_read(const struct reused *u, const struct reuse *x)
{
    uint64_t cl = geo_cluster_of(&u->t->img->geo, x->r.place.file_off);

    for (size_t i = first_use_of(u, cl);
         i < u->n_uses && u->target[u->use[i].target].first == cl; i++)
        if (u->use[i].r.place.kind == PLACE_L2 && !u->use[i].movable)
            return true;
    return false;
}

#define ROUNDS_MAX 8

static void mark_movable(struct reused *u)
{
    bool more = true;

    for (size_t i = 0; i < u->n_uses; i++)
        u->use[i].movable = may_move(u, &u->use[i]);
    for (int round = 0; more; round++) {
        more = false;
        for (size_t i = 0; i < u->n_uses; i++) {
            struct reuse *x = &u->use[i];

            if (x->movable && (table_is_read(u, x) || (round >= ROUNDS_MAX
                               && !entries_in_a_table(u->t, &x->r.place)))) {
                x->movable = false;
                more = true;
            }
        }
    }
}

static bool read_words(const struct reused *u, const struct reuse *x, struct entry_words *out,
                       struct error *err)
{
    bool wide = u->t->img->geo.extended_l2;
    uint8_t bytes[16] = { 0 };

    if (!source_read(u->t->img->src, x->r.place.file_off, bytes, wide ? 16 : 8, err))
        return false;
    *out = (struct entry_words){ be64(bytes), be64(bytes + 8) };
    return true;
}

static struct broken_entry *change(struct reused *u, const struct reuse *x, struct error *err)
{
    struct entry_words was;

    if (!read_words(u, x, &was, err)
        || !entries_add(&u->changed, &x->r.place, was, err))
        return NULL;
    return &u->changed.list[u->changed.n - 1];
}

/* Leads the entries [first, end), one guest range, to another cluster. */
static bool move_range(struct reused *u, size_t first, size_t end, bool zero,
                       struct error *err)
{
    const struct geometry *geo = &u->t->img->geo;
    const struct reuse *x = &u->use[first];
    uint64_t from = u->target[x->target].first, to = 0, off = 0;
    uint64_t walks = 0;

    if (u->opt->entries != ENTRIES_LEAVE)
        off = prover_look(&u->prover, &x->r.place, x->r.value);
    if (off) {
        prover_take(&u->prover, off);
        u->proven++;
    } else if (zero) {
        u->zeroed++;
    } else if (u->t->img->hdr.crypt_method == CRYPT_LUKS) {
        u->left++;                  /* what it decrypts to depends on where it lies */
        return true;
    } else {
        if (!room_take(&u->room, 1, &to, err)
            || !trial_copy(u->t, &u->round, to << geo->cluster_bits, from << geo->cluster_bits,
                           geo->cluster_size, err))
            return false;
        u->copies++;
    }
    for (size_t i = first; i < end; i++)
        walks += u->use[i].r.walks;
    for (size_t i = first; i < end; i++) {
        struct broken_entry *b = change(u, &u->use[i], err);

        if (!b)
            return false;
        entry_take_proven(b, off ? off : to << geo->cluster_bits, walks == 1);
        if (off)
            continue;
        b->fix = zero ? ENTRY_ZEROED : ENTRY_SAME;
        if (zero)
            b->now = entry_zero_l2(geo, b->was);
        else
            b->now.word |= b->was.word & OFLAG_ZERO;
    }
    return true;
}

static size_t range_end(const struct reused *u, size_t first, size_t end)
{
    size_t i = first;

    while (i < end && u->use[i].r.place.kind == u->use[first].r.place.kind
           && u->use[i].r.place.guest_off == u->use[first].r.place.guest_off)
        i++;
    return i;
}

static bool range_movable(const struct reused *u, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        if (!u->use[i].movable)
            return false;
    return true;
}

/* Does the entry before or after lead to the cluster before or after this one? Then this is
 * where it belongs. */
static bool fits_neighbours(const struct reused *u, const struct reuse *x)
{
    const struct geometry *geo = &u->t->img->geo;
    uint64_t cl = u->target[x->target].first;

    for (int dir = -1; dir <= 1; dir += 2) {
        uint64_t at = x->r.place.file_off + (uint64_t)(int64_t)dir * geo->l2_entry_size;
        uint8_t bytes[8];

        if (dir < 0 ? !x->r.place.j : x->r.place.j + 1 == geo->l2_entries)
            continue;
        if (source_read(u->t->img->src, at, bytes, 8, NULL) && entry_is_plain(geo, be64(bytes))
            && (be64(bytes) & ENTRY_OFFSET_MASK) >> geo->cluster_bits
               == cl + (uint64_t)(int64_t)dir)
            return true;
    }
    return false;
}

/* The range that keeps the cluster, of those of [first, end) that are guest data; `end`: a
 * table or a compressed stream does, which cannot be moved. */
static size_t choose_keeper(const struct reused *u, size_t first, size_t end)
{
    size_t keeper = first;

    for (size_t i = first; i < end; i++)
        if (!u->use[i].movable)
            return end;
    for (size_t i = first; i < end; i = range_end(u, i, end))
        if (fits_neighbours(u, &u->use[i]))
            return i;
    return keeper;
}

static bool settle_cluster(struct reused *u, size_t first, size_t end, struct error *err)
{
    size_t keeper = choose_keeper(u, first, end);
    struct map_cell cell;
    bool zero;

    map_get(u->t->scan->map, u->target[u->use[first].target].first, &cell);
    zero = u->opt->entries == ENTRIES_ZERO && keeper == end
        && cell.owners & OWNER_KINDS & ~(uint32_t)(OWNER_DATA | OWNER_ZERO | OWNER_VMSTATE
                                                   | OWNER_COMPRESSED);
    for (size_t i = first; i < end; i = range_end(u, i, end)) {
        size_t stop = range_end(u, i, end);

        if (i == keeper)
            continue;
        if (range_movable(u, i, stop) && !move_range(u, i, stop, zero, err))
            return false;
    }
    return true;
}

static bool settle_all(struct reused *u, struct error *err)
{
    mark_movable(u);
    for (size_t i = 0; i < u->n_uses;) {
        size_t end = i;

        while (end < u->n_uses && u->use[end].target == u->use[i].target)
            end++;
        if (!settle_cluster(u, i, end, err))
            return false;
        i = end;
    }
    return true;
}

/* --- the refcounts of the clusters that were shared --- */

/* Takes away what they counted for those who are led elsewhere now; where the refcount was
 * too low from the start nothing is left to take. */
static bool lower(struct reused *u, const uint64_t *counted_before, struct error *err)
{
    const struct image *img = u->t->img;
    struct patches round = { 0 };
    uint8_t *block = malloc((size_t)img->geo.cluster_size);
    uint64_t have = 0;
    bool ok = block || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < u->n; i++) {
        uint64_t cl = u->target[i].first, j = cl & (img->geo.refblock_entries - 1), stored;
        uint64_t at, entry = cl >> img->geo.refblock_bits < img->reftable_n
            ? img->reftable[cl >> img->geo.refblock_bits] : 0;
        struct map_cell cell = { .counted = 0 };

        if (!entry || entry & (img->geo.cluster_size - 1) || cl >= img->geo.n_clusters)
            continue;
        map_get(u->t->scan->map, cl, &cell);
        if (have != entry
            && !source_read(img->src, entry, block, (size_t)img->geo.cluster_size, NULL)) {
            have = 0;
            continue;
        }
        have = entry;
        stored = refblock_get(block, img->geo.refcount_order, j);
        if (!cell.counted || cell.counted >= counted_before[i] || stored <= cell.counted)
            continue;
        stored = u64_max(cell.counted, stored - u64_min(stored, counted_before[i]
                                                                - cell.counted));
        refblock_set(block, img->geo.refcount_order, j, stored);
        at = (j << img->geo.refcount_order) / 8 & ~UINT64_C(7);
        patches_write(&round, entry + at, block + at, 8);
    }
    if (ok && (round.n || round.failed))
        ok = trial_take(u->t, &round, err);
    patches_append(&u->round, &round);
    patches_free(&round);
    free(block);
    return ok;
}

static bool take(struct reused *u, struct error *err)
{
    uint64_t *before = calloc(u->n ? u->n : 1, sizeof *before);
    struct refcounts_outcome o;
    bool ok = false;

    if (!before)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < u->n; i++) {
        struct map_cell cell = { .counted = 0 };

        if (u->target[i].first < u->t->img->geo.n_clusters)
            map_get(u->t->scan->map, u->target[i].first, &cell);
        before[i] = cell.counted;
    }
    entries_patch(&u->changed, &u->round);
    room_set_length(&u->room, &u->round);
    /* The copies need refcounts before anything else is given room. */
    ok = trial_take(u->t, &u->round, err)
        && refcounts_plan(u->t, REFCOUNTS_RAISE, &u->round, &o, err) && lower(u, before, err);
    free(before);
    return ok;
}

/* --- in words --- */

static void add_count(struct buf *out, uint64_t n, const char *one, const char *many)
{
    char text[TEXT_NUM];

    if (n)
        buf_printf(out, "%s%s %s", out->len ? "; " : "", text_group(text, n),
                   n == 1 ? one : many);
}

static bool describe(const struct reused *u, struct plan_step *step, struct error *err)
{
    struct buf title = BUF_INIT, why = BUF_INIT, cost = BUF_INIT;
    uint64_t n = u->copies + u->proven + u->zeroed;
    char text[TEXT_NUM];

    buf_printf(&title, "Give %s guest range%s a cluster of %s own.", text_group(text, n),
               n == 1 ? "" : "s", n == 1 ? "its" : "their");
    add_count(&why, u->copies, "gets a copy of the cluster that it shared, and reads the same",
              "get a copy of the cluster that they shared, and read the same");
    add_count(&why, u->proven, "gets the leaked cluster that its neighbours lead to",
              "get the leaked clusters that their neighbours lead to");
    add_count(&cost, u->zeroed, "range whose cluster is a table reads as zeros",
              "ranges whose clusters are tables read as zeros");
    if (u->copies)
        buf_printf(&cost, "%sa shared cluster holds the data of one owner, which the others now "
                   "have a copy of",
                   cost.len ? "; " : "");
    step->title = buf_take(&title);
    step->why = why.len ? buf_take(&why) : NULL;
    step->cost = cost.len ? buf_take(&cost) : NULL;
    if (u->changed.n)
        step->place = u->changed.list[0].place;
    return step->title || err_set(err, ERR_NOMEM, "out of memory");
}

bool planner_reused(struct trial *t, const struct planner_options *opt,
                    struct plan_step *step, struct error *err)
{
    struct reused u = { .t = t, .opt = opt, .changed.t = t };
    bool ok = false;

    room_init(&u.room, t);
    if (!reused_find(&u, err) || !prover_init(&u.prover, t, u.n_uses, err))
        goto out;
    if (!settle_all(&u, err))
        goto out;
    entries_sort(&u.changed);
    if (!entries_name_losses(&u.changed, step, err))
        goto out;
    ok = !u.changed.n || (take(&u, err) && describe(&u, step, err));
    if (ok && u.changed.n)
        patches_append(&step->patches, &u.round);
out:
    prover_free(&u.prover);
    room_free(&u.room);
    patches_free(&u.round);
    entries_free(&u.changed);
    free(u.target);
    free(u.use);
    return ok;
}
