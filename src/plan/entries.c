/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/grow.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/findings.h"
#include "plan/stream_reach.h"
#include "scan/l1walk.h"


/* What is mended here. */
static const bool wanted[N_PROBLEMS] = {
    [PROBLEM_L1_RESERVED] = true, [PROBLEM_L2_PAST_END] = true,
    [PROBLEM_L2_MISALIGNED] = true, [PROBLEM_L2_RESERVED] = true,
    [PROBLEM_DATA_PAST_END] = true, [PROBLEM_COMPRESSED_PAST_END] = true,
    [PROBLEM_DATA_MISALIGNED] = true, [PROBLEM_ZERO_MISALIGNED] = true,
    [PROBLEM_COMPRESSED_COPIED] = true, [PROBLEM_COMPRESSED_DATA_FILE] = true,
    [PROBLEM_COMPRESSED_SUBCLUSTERS] = true, [PROBLEM_SUBCLUSTER_CONFLICT] = true,
    [PROBLEM_SUBCLUSTER_UNALLOCATED] = true, [PROBLEM_V2_ZERO_FLAG] = true,
    [PROBLEM_EXTENDED_ZERO_FLAG] = true, [PROBLEM_DATA_FILE_OFFSET] = true,
    [PROBLEM_BITMAP_ENTRY] = true, [PROBLEM_BITMAP_PAST_END] = true,
};

/* --- collecting --- */

bool entries_add(struct entries *e, const struct place *place, struct entry_words was,
                 struct error *err)
{
    if (e->n == ENTRIES_MAX) {
        e->untouched++;
        return true;
    }
    if (!list_room(&e->list, e->n, &e->cap, sizeof *e->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    e->list[e->n++] = (struct broken_entry){ .place = *place, .was = was, .now = was };
    return true;
}

/* Does an L1 table lie there? QEMU counts none that reaches past the end of the file, so the
 * map may not say. */
static bool in_an_l1(const struct image *img, uint64_t off)
{
    const struct structure *s = NULL;

    while ((s = structures_find(&img->structures, off, s)))
        if (s->kind == STRUCTURE_L1)
            return true;
    return false;
}

bool entries_only_l2(const struct trial *t, const struct place *place, uint32_t kinds)
{
    return kinds == OWNER_L2 && !in_an_l1(t->img, place->file_off);
}

bool entries_in_a_table(const struct trial *t, const struct place *place)
{
    const struct geometry *geo = &t->img->geo;
    struct map_cell cell;
    uint32_t kinds;
    uint64_t streams = 0;

    if (place->file_off == NO_ADDRESS || !range_inside(place->file_off, 8, geo->file_size))
        return false;
    map_get(t->scan->map, geo_cluster_of(geo, place->file_off), &cell);
    kinds = cell.owners & OWNER_KINDS & ~(uint32_t)OWNER_COMPRESSED;
    if (cell.owners & OWNER_COMPRESSED
        && (!(kinds & (OWNER_L1_ACTIVE | OWNER_L1_SNAPSHOT | OWNER_L2))
            || !streams_end_before(t, place->file_off, &streams)))
        return false;
    switch (place->kind) {
    case PLACE_L1:
        return cell.counted == streams + 1
            && (kinds == OWNER_L1_ACTIVE || kinds == OWNER_L1_SNAPSHOT);
    case PLACE_L2:
        /* Zeros that own the cluster as well read as zeros, whatever is written there. */
        return entries_only_l2(t, place, geo->extended_l2 ? kinds
                               : kinds & ~(uint32_t)OWNER_ZERO);
    case PLACE_BITMAP_TABLE:
        return cell.counted == 1 && kinds == OWNER_BITMAP_TABLE;
    default:
        return false;
    }
}

/* Is it in an L1 table that may be something else as well? */
static bool in_some_l1(const struct trial *t, const struct place *place)
{
    const struct geometry *geo = &t->img->geo;
    struct map_cell cell;

    if (place->file_off == NO_ADDRESS || !range_inside(place->file_off, 8, geo->file_size))
        return false;
    map_get(t->scan->map, geo_cluster_of(geo, place->file_off), &cell);
    return cell.owners & (OWNER_L1_ACTIVE | OWNER_L1_SNAPSHOT);
}

static bool add_shaky(struct entries *e, const struct place *place, struct entry_words was,
                      struct error *err)
{
    if (!entries_add(e, place, was, err))
        return false;
    if (e->n)
        e->list[e->n - 1].shaky = true;
    return true;
}

/* The trial with those entries as they are to become, or as zeros; NULL: there are none. */
static bool open_with_shaky(const struct entries *e, bool as_mended, struct trial **out,
                            struct error *err)
{
    struct patches start = { 0 };
    bool any = false, ok;

    *out = NULL;
    patches_append(&start, e->t->all);
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].shaky) {
            edit_entry(&start, e->list[i].place.file_off, as_mended ? e->list[i].now.word : 0);
            any = true;
        }
    ok = !any || trial_open(e->t->below, &e->t->opt, &start, out, err);
    patches_free(&start);
    return ok;
}

/* A broken L1 entry takes other bytes for an L2 table, and its entries claim what they like,
 * this very L1 table as well; a misaligned L2 entry of which no byte is read may claim its own
 * table. Without all of these entries it shows whose their table is. */
static bool settle_shaky(struct entries *e, struct error *err)
{
    struct trial *bare;
    size_t n = 0;

    if (!open_with_shaky(e, false, &bare, err))
        return false;
    for (size_t i = 0; bare && i < e->n; i++) {
        if (e->list[i].shaky && !entries_in_a_table(bare, &e->list[i].place))
            e->untouched++;
        else
            e->list[n++] = e->list[i];
    }
    if (bare)
        e->n = n;
    trial_close(bare);
    return true;
}

struct collecting {
    struct entries *e;
    struct word_reader reader;
};

static bool may_be_shaky(const struct entries *e, const struct place *place,
                         struct entry_words was)
{
    return place->kind == PLACE_L1 ? in_some_l1(e->t, place)
        : place->kind == PLACE_L2 && entry_claims_unread(&e->t->img->geo, was);
}

static bool collect_one(struct collecting *c, const struct place *place, struct error *err)
{
    const struct geometry *geo = &c->e->t->img->geo;
    bool wide = place->kind == PLACE_L2 && geo->extended_l2;
    bool misaligned_table = place->kind == PLACE_L2
        && (place->file_off & ~(geo->cluster_size - 1)) + place->j * geo->l2_entry_size
           != place->file_off;
    struct entry_words was = { 0, 0 };

    if (misaligned_table || place->file_off == NO_ADDRESS
        || !range_inside(place->file_off, wide ? 16 : 8, geo->file_size)) {
        c->e->untouched++;
        return true;
    }
    if (!word_read(&c->reader, place->file_off, &was.word, err)
        || (wide && !word_read(&c->reader, place->file_off + 8, &was.bitmap, err)))
        return false;
    if (entries_in_a_table(c->e->t, place))
        return entries_add(c->e, place, was, err);
    if (may_be_shaky(c->e, place, was))
        return add_shaky(c->e, place, was, err);
    c->e->untouched++;
    return true;
}

static bool collect(void *ctx, const struct problem *p, struct error *err)
{
    struct collecting *c = ctx;
    const struct geometry *geo = &c->e->t->img->geo;
    uint64_t size = p->place.kind == PLACE_L2 ? geo->l2_entry_size : 8;
    struct place place = p->place;

    if (place.kind != PLACE_L1 && place.kind != PLACE_L2 && place.kind != PLACE_BITMAP_TABLE)
        return true;                    /* a structure past the end: not an entry */
    for (uint64_t k = 0; k < p->count; k++) {
        if (!collect_one(c, &place, err))
            return false;
        place.file_off += size;
        if (place.kind == PLACE_L1) {
            place.i++;
            place.guest_off = geo_guest_off(geo, place.i, 0);
        } else {
            place.j++;
            if (place.kind == PLACE_L2)
                place.guest_off = geo_guest_off(geo, place.i, place.j);
        }
    }
    return true;
}

struct odd_walk {
    struct entries *e;
    struct error *err;
    bool failed;
};

/* L1 entries with flags and no offset have no kind of their own. */
static bool odd_l1(void *ctx, const struct l1_word *w)
{
    struct odd_walk *o = ctx;

    if (w->value & ENTRY_OFFSET_MASK)
        return true;
    if (!in_some_l1(o->e->t, &w->place))
        return true;
    o->failed = !add_shaky(o->e, &w->place, (struct entry_words){ w->value, 0 }, o->err);
    return !o->failed;
}

static int by_file_off(const void *a, const void *b)
{
    const struct broken_entry *x = a, *y = b;

    return x->place.file_off < y->place.file_off ? -1
        : x->place.file_off > y->place.file_off;
}

void entries_sort(struct entries *e)
{
    size_t n = 0;

    if (e->n)
        qsort(e->list, e->n, sizeof *e->list, by_file_off);
    for (size_t i = 0; i < e->n; i++)
        if (!n || e->list[n - 1].place.file_off != e->list[i].place.file_off)
            e->list[n++] = e->list[i];
    e->n = n;
}

bool entries_collect(struct trial *t, struct entries *out, struct error *err)
{
    struct collecting c = { .e = out, .reader.src = t->img->src };
    struct odd_walk odd = { out, err, false };
    struct l1_walk walk = { .img = t->img, .ctx = &odd, .word = odd_l1 };

    *out = (struct entries){ .t = t };
    if (!findings_each(t, wanted, collect, &c, err))
        goto failed;
    if (!l1_walk_run(&walk)) {
        if (!odd.failed)
            err_set(err, ERR_NOMEM, "out of memory");
        goto failed;
    }
    entries_sort(out);
    if (!settle_shaky(out, err))
        goto failed;
    entries_mark_foreign(out);
    return true;
failed:
    entries_free(out);
    return false;
}

void entries_free(struct entries *e)
{
    free(e->list);
    *e = (struct entries){ 0 };
}

void entries_patch(const struct entries *e, struct patches *step)
{
    bool wide = e->t->img->geo.extended_l2;

    for (size_t i = 0; i < e->n; i++) {
        const struct broken_entry *b = &e->list[i];

        if (b->fix == ENTRY_LEFT)
            continue;
        edit_entry(step, b->place.file_off, b->now.word);
        if (wide && b->place.kind == PLACE_L2)
            edit_entry(step, b->place.file_off + 8, b->now.bitmap);
    }
}

/* --- deciding --- */

/* One flag of version 3 in an image of version 2 is a bit that flipped. With several of them it
 * is rather the version that is wrong, and what they are about are zeros. */
static bool may_be_version_3(const struct entries *e, const struct broken_entry *b)
{
    return e->t->img->geo.version == 2 && b->place.kind == PLACE_L2
        && (b->was.word & (OFLAG_COMPRESSED | OFLAG_ZERO)) == OFLAG_ZERO
        && e->t->scan->problems.count[PROBLEM_V2_ZERO_FLAG] > 1;
}

/* QEMU goes by the flag of zeros in version 2 as well, where it cannot stand; without a backing
 * file what is not mapped reads as zeros. */
static bool unmap_zeros(const struct image *img, struct broken_entry *b)
{
    if (img->geo.version != 2 || img->hdr.backing_file_offset
        || l2_type_of(&img->geo, b->was.word) != L2_ZERO_ALLOC)
        return false;
    b->now = (struct entry_words){ 0, 0 };
    return true;
}

static void keep_what_reads_the_same(struct entries *e, bool zero)
{
    const struct geometry *geo = &e->t->img->geo;

    for (size_t i = 0; i < e->n; i++) {
        struct broken_entry *b = &e->list[i];
        bool same = false;

        if (b->foreign || (!zero && may_be_version_3(e, b)))
            continue;
        if (b->place.kind == PLACE_L2)
            same = entry_fix_l2(geo, b->was, b->place.guest_off, &b->now)
                || unmap_zeros(e->t->img, b);
        else if (b->place.kind == PLACE_L1)
            same = entry_fix_l1(geo, b->was.word, &b->now.word);
        if (same)
            b->fix = ENTRY_SAME;
        else
            b->now = b->was;
    }
}

/* One whose table stays something else as well, once it is mended, would change what that
 * reads. */
static bool leave_shaky(struct entries *e, struct error *err)
{
    struct trial *mended;
    bool clear = true;

    if (!open_with_shaky(e, true, &mended, err))
        return false;
    for (size_t i = 0; mended && i < e->n; i++)
        clear = clear && (!e->list[i].shaky || entries_in_a_table(mended, &e->list[i].place));
    trial_close(mended);
    for (size_t i = 0; !clear && i < e->n; i++)
        if (e->list[i].shaky && e->list[i].fix == ENTRY_SAME) {
            e->list[i].fix = ENTRY_LEFT;
            e->list[i].now = e->list[i].was;
        }
    return true;
}

/* What is left: its range is given up. A bitmap that calls too much changed costs a larger
 * backup, one that calls too little costs data. */
static void give_up(struct entries *e, bool zero)
{
    for (size_t i = 0; i < e->n; i++) {
        struct broken_entry *b = &e->list[i];

        if (b->fix != ENTRY_LEFT)
            continue;
        if (b->place.kind == PLACE_BITMAP_TABLE) {
            b->now.word = BITMAP_ENTRY_ALL_ONES;
            b->fix = ENTRY_ALL_SET;
        } else if (zero) {
            b->now = b->place.kind == PLACE_L2 ? entry_zero_l2(&e->t->img->geo, b->was)
                : (struct entry_words){ 0, 0 };
            b->fix = ENTRY_ZEROED;
        }
    }
}

/* --- in words --- */

static void count_text(struct buf *out, uint64_t n, const char *one, const char *many)
{
    char text[TEXT_NUM];

    buf_printf(out, "%s%s %s", out->len ? "; " : "", text_group(text, n), n == 1 ? one : many);
}

static bool describe(const struct entries *e, struct plan_step *step, struct error *err)
{
    const struct image *img = e->t->img;
    uint64_t n[N_ENTRY_FIXES] = { 0 }, left = 0, changed;
    struct buf title = BUF_INIT, why = BUF_INIT, cost = BUF_INIT;
    char text[TEXT_NUM];

    for (size_t i = 0; i < e->n; i++)
        n[e->list[i].fix]++;
    changed = e->n - n[ENTRY_LEFT];
    buf_printf(&title, "Mend %s broken table entr%s.", text_group(text, changed),
               changed == 1 ? "y" : "ies");
    if (n[ENTRY_SAME])
        count_text(&why, n[ENTRY_SAME], "loses bits that must be zero, and reads as before",
                   "lose bits that must be zero, and read as before");
    if (n[ENTRY_PROVEN])
        count_text(&why, n[ENTRY_PROVEN], "gets the one value that fits its neighbours and a "
                   "cluster that nobody refers to", "get the one value that fits their "
                   "neighbours and a cluster that nobody refers to");
    if (n[ENTRY_ALL_SET])
        count_text(&why, n[ENTRY_ALL_SET], "of a bitmap marks its range as changed",
                   "of bitmaps mark their ranges as changed");
    if (n[ENTRY_ZEROED]) {
        count_text(&cost, n[ENTRY_ZEROED], "entry gives up its range, which reads ",
                   "entries give up their ranges, which read ");
        buf_puts(&cost, img->backing_file && img->geo.version < 3
                 ? "as the backing file has it (version 2 cannot say zeros)" : img->backing_file
                 ? "as zeros, under a broken L1 entry as the backing file has it" : "as zeros");
    }
    for (int k = 0; k < N_PROBLEMS; k++)
        left += wanted[k] ? e->t->scan->problems.count[k] : 0;
    if (left)
        count_text(&cost, left, "problem of table entries is left",
                   "problems of table entries are left");
    step->title = buf_take(&title);
    step->why = why.len ? buf_take(&why) : NULL;
    step->cost = cost.len ? buf_take(&cost) : NULL;
    for (size_t i = 0; i < e->n && step->place.kind == PLACE_NONE; i++)
        if (e->list[i].fix != ENTRY_LEFT)
            step->place = e->list[i].place;
    return step->title || err_set(err, ERR_NOMEM, "out of memory");
}

bool planner_entries(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    struct entries e;
    struct patches round = { 0 };
    bool ok = false;

    if (!entries_collect(t, &e, err))
        return false;
    keep_what_reads_the_same(&e, opt->entries == ENTRIES_ZERO);
    if (!leave_shaky(&e, err))
        goto out;
    if (opt->entries != ENTRIES_LEAVE && !entries_prove(&e, err))
        goto out;
    give_up(&e, opt->entries == ENTRIES_ZERO);
    entries_patch(&e, &round);
    if (!entries_name_losses(&e, step, err)
        || ((round.n || round.failed) && !trial_take(t, &round, err))
        || !describe(&e, step, err))
        goto out;
    patches_append(&step->patches, &round);
    ok = true;
out:
    patches_free(&round);
    entries_free(&e);
    return ok;
}
