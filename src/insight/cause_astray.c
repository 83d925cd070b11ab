/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Single entries of the active L1 table that lead to something else than their L2 table, which
 * still lies in the file, and nobody refers to it. */
#include "config.h"

#include <stdlib.h>

#include "base/text.h"
#include "insight/cause_work.h"

#define ENTRIES_MAX 65536u      /* of the L1 table that are looked at */
#define ASTRAY_MAX  CAUSE_FIXES_MAX     /* more are no single entries */

struct entry {
    uint64_t index, raw;
    bool doubled;               /* another leads to the same table */
};

struct astray {
    struct entry entry;
    const struct entry *other;  /* that leads to the same table; NULL: none */
    const struct l2_table *at;  /* what it leads to; NULL: not in the list of the scan */
    uint64_t expected;          /* raw; 0: not known */
    bool flipped;               /* one bit differs from it */
};

struct found {
    struct entry *l1;           /* owned: those in use, sorted by where they lead */
    size_t n_l1;
    struct astray list[ASTRAY_MAX];
    size_t n;
};

static int by_target(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    uint64_t to_x = x->raw & ENTRY_OFFSET_MASK, to_y = y->raw & ENTRY_OFFSET_MASK;

    if (to_x != to_y)
        return to_x < to_y ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool same_target(const struct entry *a, const struct entry *b)
{
    return (a->raw & ENTRY_OFFSET_MASK) == (b->raw & ENTRY_OFFSET_MASK);
}

static bool read_l1(struct work *w, struct found *f)
{
    size_t n = (size_t)u64_min(w->geo->l1_needed, ENTRIES_MAX);
    uint64_t *raw = calloc(n + 1, sizeof *raw);

    f->l1 = calloc(n + 1, sizeof *f->l1);
    w->failed |= !raw || !f->l1;
    if (w->failed || !image_read_l1(w->img, w->img->hdr.l1_table_offset, 0, n, raw, NULL))
        n = 0;
    for (size_t i = 0; i < n; i++)
        if (raw[i])
            f->l1[f->n_l1++] = (struct entry){ .index = i, .raw = raw[i] };
    free(raw);
    if (f->n_l1)
        qsort(f->l1, f->n_l1, sizeof *f->l1, by_target);
    for (size_t i = 1; i < f->n_l1; i++)
        if (same_target(&f->l1[i], &f->l1[i - 1]))
            f->l1[i].doubled = f->l1[i - 1].doubled = true;
    return f->n_l1 > 0;
}

/* The first entry that leads to this host byte; NULL: none. */
static const struct entry *leads_to(const struct found *f, uint64_t off)
{
    size_t from = 0, to = f->n_l1;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if ((f->l1[mid].raw & ENTRY_OFFSET_MASK) < off)
            from = mid + 1;
        else
            to = mid;
    }
    return from < f->n_l1 && (f->l1[from].raw & ENTRY_OFFSET_MASK) == off ? &f->l1[from] : NULL;
}

static const struct l2_table *table_of(const struct work *w, const struct entry *e)
{
    return work_table_at(w, e->raw & ENTRY_OFFSET_MASK);
}

static bool foreign(const struct work *w, const struct entry *e)
{
    const struct place place = { .kind = PLACE_L2, .file_off = e->raw & ENTRY_OFFSET_MASK };
    const struct bad_table *b = work_bad_of(w, &place);

    return b && b->foreign && !b->end;
}

/* Does it lead to a cluster that has another use, too? A table that was overwritten has none. */
static bool used_otherwise(const struct work *w, const struct entry *e)
{
    struct map_cell cell;

    work_cell(w, (e->raw & ENTRY_OFFSET_MASK) >> w->geo->cluster_bits, &cell);
    return cell.owners & ~(uint32_t)OWNER_L2;
}

/* Does it lead to zeros that were free before? An empty table of a disk has a refcount. */
static bool empty(struct work *w, const struct entry *e)
{
    size_t len = (size_t)w->geo->cluster_size;
    uint64_t stored;

    return image_stored_refcount(w->img, (e->raw & ENTRY_OFFSET_MASK) >> w->geo->cluster_bits,
                                 &stored) == STORED_OK && !stored && work_reads(w, len) &&
           source_read(w->img->src, e->raw & ENTRY_OFFSET_MASK, w->scratch, len, NULL) &&
           bytes_all_zero(w->scratch, len);
}

static void keep(struct found *f, const struct astray *x)
{
    if (f->n < ASTRAY_MAX)
        f->list[f->n] = *x;
    f->n++;
}

/* Entries that one bit keeps from a table which nobody refers to. Of two with one table nothing
 * says which of them is wrong: tables of neighbours are often a bit apart. */
static void look_for_flips(struct work *w, const struct orphan_tables *o, struct found *f)
{
    for (size_t i = 0; i < o->n_kept; i++)
        for (unsigned bit = (unsigned)w->geo->cluster_bits; bit < 56; bit++) {
            const struct entry *e = leads_to(f, o->kept[i] ^ UINT64_C(1) << bit);

            if (e && !e->doubled && (foreign(w, e) || empty(w, e)))
                keep(f, &(struct astray){ *e, NULL, table_of(w, e),
                                          e->raw ^ UINT64_C(1) << bit, true });
        }
}

/* One entry that leads to no table, or to that of another, and one table that nobody refers to. */
static void look_for_pair(struct work *w, const struct orphan_tables *o, struct found *f)
{
    bool one = o->n - o->copies == 1 && o->n_kept;

    for (size_t i = 0; i < f->n_l1; i++) {
        const struct entry *e = &f->l1[i], *other = i && same_target(e, e - 1) ? e - 1 : NULL;

        if (other || (one && !e->doubled && foreign(w, e) && used_otherwise(w, e)))
            keep(f, &(struct astray){ *e, other, table_of(w, e),
                                      one ? o->kept[0] | OFLAG_COPIED : 0, false });
    }
}

/* Several flipped bits come of one fault where they are the same bit. */
static bool one_fault(const struct found *f)
{
    for (size_t i = 1; i < f->n; i++)
        if (f->list[i].flipped && (f->list[i].entry.raw ^ f->list[i].expected) !=
                                  (f->list[0].entry.raw ^ f->list[0].expected))
            return false;
    return true;
}

/* --- what is told --- */

static bool inside(const struct work *w, const struct found *f, const struct place *place)
{
    const struct l2_table *t = place->kind == PLACE_L2 ? work_table_at(w, place->file_off) : NULL;

    for (size_t i = 0; i < f->n; i++) {
        const struct astray *x = &f->list[i];

        if ((t && t == x->at) || (place->kind == PLACE_L1 && place->layer == LAYER_ACTIVE &&
                                  place->i == x->entry.index))
            return true;
    }
    return false;
}

/* Is it about an entry of what such an L1 entry leads to, the cluster that it leads to, or one
 * that those entries refer to? */
static bool follows(const struct work *w, const struct problem *p, const void *ctx)
{
    const struct found *f = ctx;

    for (size_t i = 0; p->place.kind == PLACE_CLUSTER && i < f->n; i++)
        if (p->place.i == (f->list[i].entry.raw & ENTRY_OFFSET_MASK) >> w->geo->cluster_bits)
            return true;
    return inside(w, f, p->place.kind == PLACE_CLUSTER ? &p->owner : &p->place) ||
           (p->place.kind == PLACE_CLUSTER && inside(w, f, &p->other));
}

static struct place place_of(const struct work *w, const struct entry *e)
{
    struct place place = { .kind = PLACE_L1, .layer = LAYER_ACTIVE, .i = e->index,
                           .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS };

    place_complete(w->img, &place);
    return place;
}

static void add_lost(const struct work *w, struct cause *c, const struct entry *e)
{
    if (c)
        spans_add(&c->lost, geo_guest_off(w->geo, e->index, 0), w->geo->l2_span, w->geo->size);
}

static void show(struct work *w, struct cause *c, const struct astray *x, struct buf *set)
{
    struct place place = place_of(w, &x->entry);

    if (x->expected) {
        cause_evidence(c, &place, "0x%016llx; expected 0x%016llx%s",
                       (unsigned long long)x->entry.raw, (unsigned long long)x->expected,
                       x->flipped ? ": one bit is flipped" : "");
        if (c && x->flipped)
            c->fix[c->n_fixes++] = (struct cause_fix){ place, x->expected };
        buf_printf(set, " 'l1[%llu]=0x%llx'", (unsigned long long)x->entry.index,
                   (unsigned long long)x->expected);
        place = work_cluster_place(w, (x->expected & ENTRY_OFFSET_MASK) >> w->geo->cluster_bits);
        cause_evidence(c, &place, "an L2 table that nobody refers to");
    }
    add_lost(w, c, &x->entry);
    if (!x->other)
        return;
    place = place_of(w, x->other);
    cause_evidence(c, &place, "leads to the L2 table of L1[%llu] as well",
                   (unsigned long long)x->entry.index);
    add_lost(w, c, x->other);
}

static void say(struct work *w, struct cause *c, const struct found *f)
{
    const struct astray *x = &f->list[0];
    char a[TEXT_NUM];

    if (c)
        spans_settle(&c->lost);
    text_size(a, c ? spans_bytes(&c->lost) : 0);
    if (f->n > 1 && x->flipped)
        cause_text(w, c, "%zu entries of the L1 table lead astray: one bit of each is flipped, and "
                   "the L2 tables that they led to, for %s of the guest disk, have no owner now.",
                   f->n, a);
    else if (f->n > 1)
        cause_text(w, c, "%zu pairs of L1 entries lead to one L2 table each, and one of each pair "
                   "is wrong: a half of %s of the guest disk reads as another part of it.", f->n, a);
    else if (x->flipped)
        cause_text(w, c, "An entry of the L1 table leads astray: one bit of it is flipped, and the "
                   "L2 table that it led to, for %s of the guest disk, has no owner now.", a);
    else if (x->other)
        cause_text(w, c, "L1[%llu] and L1[%llu] lead to the same L2 table: one of them is wrong%s.",
                   (unsigned long long)x->other->index, (unsigned long long)x->entry.index,
                   x->expected ? ", and the L2 table that it led to has no owner now" : "");
    else
        cause_text(w, c, "An entry of the L1 table leads to what is no L2 table, and the L2 table "
                   "that it led to, for %s of the guest disk, has no owner now.", a);
}

static void tell(struct work *w, const struct found *f)
{
    bool flipped = f->list[0].flipped, known = f->list[0].expected;
    struct buf set = BUF_INIT;
    struct cause *c = cause_add(w, CAUSE_OF_BROKEN_ENTRIES,
                                flipped ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);

    buf_puts(&set, "set");
    for (size_t i = 0; i < f->n; i++) {
        struct place place = { .kind = PLACE_L2, .file_off = f->list[i].entry.raw &
                                                             ENTRY_OFFSET_MASK };
        struct bad_table *b = work_bad_of(w, &place);

        if (b)
            b->astray = true;
        show(w, c, &f->list[i], &set);
    }
    for (int k = 0; k < N_PROBLEMS; k++)
        cause_claim(w, c, (const enum problem_kind[]){ (enum problem_kind)k, N_PROBLEMS }, follows,
                    f, CLAIM_ONLY);
    /* A run of clusters has one record, about the first of them. */
    if (!flipped)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_REFCOUNT_LOW, PROBLEM_REFCOUNT_HIGH,
              PROBLEM_DATA_COPIED);
    if (w->img->snaps.n)
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_REFCOUNT_HIGH);
    if (known && w->leaked.clusters <= f->n * (w->geo->l2_entries + 1))
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    say(w, c, f);
    cause_step(w, c, STEP_HANDS_OFF);
    if (known) {
        w->n_astray = f->n;
        cause_step(w, c, STEP_KEEP_LEAKS);
    }
    if (flipped) {
        cause_step_plan(w, c, "entries");
    } else if (known) {
        cause_step_change(w, c, f->list[0].other ? "Try the other table, under this entry or the "
                          "other" : "Try the other table", buf_str(&set), "l1");
    } else {
        cause_step(w, c, STEP_OLDER_COPY);
    }
    buf_free(&set);
}

void causes_astray(struct work *w)
{
    const struct orphan_tables *o;
    struct found f = { .n = 0 };

    if (read_l1(w, &f)) {
        o = &work_orphan_tables(w, CLASS_LEAKED)->l2;
        look_for_flips(w, o, &f);
        if (!f.n)
            look_for_pair(w, o, &f);
        /* Where a part of the table is nonsense, it was overwritten; and among many tables without
         * an owner some are a bit away from any place. */
        if (f.n && f.n <= ASTRAY_MAX && f.n * 4 <= u64_max(f.n_l1, 4) &&
            f.n * 2 >= o->n - o->copies && one_fault(&f))
            tell(w, &f);
    }
    free(f.l1);
}
