/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/refsearch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/limits.h"
#include "scan/bitmapwalk.h"
#include "scan/engine.h"
#include "scan/judge.h"
#include "scan/l1walk.h"
#include "scan/l2list.h"

#define FILTER_BITS 17              /* log2 of the bits of the filter */

struct search {
    const struct ref_search *s;
    const struct image *img;
    const struct geometry *geo;
    pthread_mutex_t lock;
    unsigned team;
    const struct l2_table *l2;      /* those being searched */
    size_t n_l2;
    uint64_t *filter;               /* bit set: a target may begin at such a cluster */
    uint64_t low, high;             /* all targets lie in [low, high) */
    bool narrow;                    /* every target is one cluster: the filter decides */
    _Atomic size_t cursor;
    _Atomic bool failed;
};

static uint64_t filter_slot(uint64_t cl)
{
    return (cl * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - FILTER_BITS);
}

static inline bool may_hit(const struct search *sr, uint64_t cl)
{
    uint64_t slot;

    if (cl < sr->low || cl >= sr->high)
        return false;
    if (!sr->narrow)
        return true;
    slot = filter_slot(cl);
    return sr->filter[slot / 64] >> (slot % 64) & 1;
}

/* First target that ends after cluster cl. */
static size_t target_from(const struct ref_search *s, uint64_t cl)
{
    size_t low;

    BISECT(low, s->n_targets, mid, s->target[mid].first + s->target[mid].n > cl);
    return low;
}

/* A reference to [r->host_off, ...): tells all targets it touches. */
static void tell(struct search *sr, const struct referrer *r)
{
    const struct ref_search *s = sr->s;
    uint64_t off = r->host_off, len = r->host_len, first, last;

    if ((int64_t)len <= 0 || off + len < off)
        return;
    first = geo_cluster_of(sr->geo, off);
    last = geo_cluster_of(sr->geo, off + len - 1);
    if (last < sr->low || first >= sr->high)
        return;
    for (size_t t = target_from(s, first); t < s->n_targets && s->target[t].first <= last;
         t++) {
        pthread_mutex_lock(&sr->lock);
        s->hit(s->ctx, t, r);
        pthread_mutex_unlock(&sr->lock);
    }
}

/* One that is not made through an L1 entry. */
static void reference(struct search *sr, enum owner owner, struct place place,
                      uint64_t value, uint64_t off, uint64_t len, uint64_t walks)
{
    struct referrer r = {
        .owner = owner, .place = place, .value = value, .host_off = off, .host_len = len,
        .walks = walks, .owners = (uint32_t)owner,
        .counted = off <= READ_OFFSET_MAX && !region_past_end(sr->geo, off, len),
    };

    tell(sr, &r);
}

/* --- everything but L2 entries --- */

static void search_structures(struct search *sr)
{
    const struct structures *all = &sr->img->structures;

    for (size_t k = 0; k < all->n; k++) {
        const struct structure *s = &all->list[k];

        if (s->counted)
            reference(sr, owner_of_structure(s), place_of_pointer(sr->img, s),
                      s->off, s->off, s->len, 1);
    }
}

static void search_bitmap_word(void *ctx, const struct place *place, uint64_t word,
                               uint64_t weight)
{
    struct search *sr = ctx;

    if (word & ENTRY_OFFSET_MASK)
        reference(sr, OWNER_BITMAP_DATA, *place, word, word & ENTRY_OFFSET_MASK,
                  sr->geo->cluster_size, weight);
}

static bool search_l1_word(void *ctx, const struct l1_word *w)
{
    struct search *sr = ctx;
    uint64_t off = w->value & ENTRY_OFFSET_MASK;
    struct referrer r = {
        .owner = OWNER_L2, .place = w->place, .value = w->value, .host_off = off,
        .host_len = sr->geo->cluster_size, .walks = (uint64_t)w->n_active + w->n_snapshot,
        .owners = owner_bits(OWNER_L2, w->n_active, w->n_snapshot),
        .counted = off < sr->geo->file_len,
    };

    tell(sr, &r);
    return true;
}

static bool search_metadata(struct search *sr)
{
    const struct image *img = sr->img;
    uint64_t cs = sr->geo->cluster_size, table = img->hdr.refcount_table_offset;
    struct l1_walk walk = { .img = img, .cancel = sr->s->cancel, .ctx = sr,
                            .word = search_l1_word };
    struct bitmap_walk bitmaps = { .img = img, .cancel = sr->s->cancel, .ctx = sr,
                                   .word = search_bitmap_word };

    search_structures(sr);
    if (img->bitmaps.consistent && img->ext.bitmaps_at && !bitmap_walk_run(&bitmaps))
        return false;
    for (uint64_t i = 0; i < img->reftable_n; i++) {
        uint64_t e = img->reftable[i];
        struct place place = { PLACE_REFTABLE, 0, i, 0, table + i * 8, NO_ADDRESS };

        if (e && !(e & REFTABLE_RESERVED_MASK) && !(e & (cs - 1)))
            reference(sr, OWNER_REFBLOCK, place, e, e & REFTABLE_OFFSET_MASK, cs, 1);
    }
    return l1_walk_run(&walk);
}

/* --- L2 entries --- */

static void l2_reference(struct search *sr, const struct l2_table *t, uint64_t j,
                         uint64_t raw, uint64_t bitmap)
{
    const struct geometry *geo = sr->geo;
    uint64_t guest = geo_guest_off(geo, t->l1_index, j);
    struct place place = { PLACE_L2, t->layer, t->l1_index, j,
                           t->off + j * geo->l2_entry_size, guest };
    struct judged jd;
    struct referrer r;
    enum owner owner;

    l2_judge(geo, raw, bitmap, guest, &jd);
    if (!jd.refers)
        return;
    owner = jd.type == L2_COMPRESSED ? OWNER_COMPRESSED
        : jd.type == L2_ZERO_ALLOC ? OWNER_ZERO
        : t->l1_index >= geo->vm_state_l1 ? OWNER_VMSTATE : OWNER_DATA;
    r = (struct referrer){
        .owner = owner, .place = place, .value = raw, .host_off = jd.off, .host_len = jd.len,
        .walks = (uint64_t)t->n_active + t->n_snapshot,
        .owners = owner_bits(owner, t->n_active, t->n_snapshot), .counted = true,
    };
    tell(sr, &r);
}

/* Entries [j, end) of a table. */
static void search_entries(struct search *sr, const struct l2_table *t, const uint8_t *table,
                           uint64_t j, uint64_t end)
{
    const struct geometry *geo = sr->geo;
    const uint8_t *p = table + j * geo->l2_entry_size;
    uint64_t odd = OFLAG_COMPRESSED | ((geo->cluster_size - 1) & ENTRY_OFFSET_MASK);

    for (; j < end; j++, p += geo->l2_entry_size) {
        uint64_t raw = be64(p);

        /* Most entries are plain and point elsewhere: one look is enough. */
        if (raw & odd ? true
            : may_hit(sr, (raw & ENTRY_OFFSET_MASK) >> geo->cluster_bits))
            l2_reference(sr, t, j, raw, geo->extended_l2 ? be64(p + 8) : 0);
    }
}

static void search_worker(void *ctx, unsigned number)
{
    struct search *sr = ctx;
    const struct ref_search *s = sr->s;
    struct reader rd;
    uint64_t *off;

    (void)number;
    if (!reader_init(&rd, sr->img, (size_t)sr->geo->cluster_size, sr->team)) {
        sr->failed = true;
        return;
    }
    rd.leave_holes = true;
    off = calloc(rd.max, sizeof *off);
    if (!off) {
        sr->failed = true;
        goto out;
    }
    while (!sr->failed && !(s->cancel && *s->cancel)) {
        size_t at = atomic_fetch_add(&sr->cursor, rd.max), n;

        if (at >= sr->n_l2)
            break;
        n = sr->n_l2 - at < rd.max ? sr->n_l2 - at : rd.max;
        for (size_t k = 0; k < n; k++)
            off[k] = sr->l2[at + k].off;
        reader_fetch(&rd, off, n);
        for (size_t k = 0; k < n; k++) {
            const struct reader_extent *x = reader_extents(&rd, k);

            for (unsigned i = 0; i < rd.n_extents[k]; i++)
                search_entries(sr, &sr->l2[at + k], reader_table(&rd, k),
                               x[i].start / sr->geo->l2_entry_size,
                               x[i].end / sr->geo->l2_entry_size);
        }
        if (s->tables_done)
            atomic_fetch_add_explicit(s->tables_done, n, memory_order_relaxed);
    }
out:
    free(off);
    reader_free(&rd);
}

static bool search_tables(struct search *sr, const struct l2_table *l2, size_t n,
                          struct error *err)
{
    sr->l2 = l2;
    sr->n_l2 = n;
    sr->cursor = 0;
    return !n || (team_run(sr->team, NULL, search_worker, sr, err)
                  && !sr->failed);
}

static bool search_windows(struct search *sr, struct error *err)
{
    const struct ref_search *s = sr->s;
    struct l2_list l;
    bool ok = l2_list_first(&l, s->img, s->window, s->cancel);

    while (ok) {
        ok = search_tables(sr, l.list, l.n, err);
        if (!l.more || (s->cancel && *s->cancel))
            break;
        ok = ok && l2_list_next(&l, s->img, s->cancel);
    }
    l2_list_free(&l);
    return ok;
}

bool ref_search_run(const struct ref_search *s, struct error *err)
{
    struct search sr = { .s = s, .img = s->img, .geo = &s->img->geo, .narrow = true,
                         .team = scan_threads(s->img, s->threads),
                         .lock = PTHREAD_MUTEX_INITIALIZER };
    bool ok = false;

    if (!s->n_targets)
        return true;
    sr.low = s->target[0].first;
    sr.high = s->target[s->n_targets - 1].first + s->target[s->n_targets - 1].n;
    sr.filter = calloc((1u << FILTER_BITS) / 64, sizeof *sr.filter);
    if (!sr.filter)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < s->n_targets; i++) {
        uint64_t slot = filter_slot(s->target[i].first);

        sr.filter[slot / 64] |= UINT64_C(1) << (slot % 64);
        sr.narrow &= s->target[i].n == 1;
    }
    ok = search_metadata(&sr);
    if (ok && !s->metadata_only)
        ok = s->l2 ? search_tables(&sr, s->l2, s->n_l2, err) : search_windows(&sr, err);
    free(sr.filter);
    if (s->cancel && *s->cancel)
        return err_set(err, ERR_CANCELLED, "stopped");
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

void search_tables_of(const struct engine *e, struct ref_search *search)
{
    search->window = e->l2.max;
    if (l2_list_whole(&e->l2)) {
        search->l2 = e->l2.list;
        search->n_l2 = e->l2.n;
    }
}

int referrer_compare(const struct referrer *a, const struct referrer *b)
{
    const struct place *p = &a->place, *q = &b->place;

    if (a->owner != b->owner)
        return u64_order(a->owner, b->owner);
    if (p->layer != q->layer)
        return u64_order(p->layer, q->layer);
    if (p->i != q->i)
        return u64_order(p->i, q->i);
    return u64_order(p->j, q->j);
}
