/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which part of the disk an L2 table maps, by blocks below it that bear their own address. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/align.h"
#include "plan/rescue/salvage.h"

/* A cluster that a table maps. */
struct mapped { uint32_t table, entry; };

struct voting {
    struct salvage *s;
    struct orphans cands;           /* what the tables map, as candidates */
    struct mapped *from;            /* owned: by candidate */
    size_t from_cap;
    struct print *print;            /* owned: by candidate */
    struct rescue_guest *g;         /* owned: lost is what no usable entry of the L1 table maps */
    struct guest_reader *known;     /* owned */
    struct rescue_asking *asking;   /* owned */
    struct orphan_reader *reader;   /* borrowed */
    size_t n_tables;
    int64_t *index;                 /* of each table; the caller's */
    bool *pinned;                   /* owned: of each table */
};

static bool add_mapped(struct voting *v, const struct l2_entry *e, size_t table, size_t entry,
                       struct error *err)
{
    const struct orphan one = {
        .off = e->host_off, .len = e->host_len,
        .kind = e->type == L2_COMPRESSED ? ORPHAN_STREAM : ORPHAN_DATA,
    };

    if (!list_room(&v->from, v->cands.n, &v->from_cap, sizeof *v->from))
        return err_set(err, ERR_NOMEM, "out of memory");
    v->from[v->cands.n] = (struct mapped){ (uint32_t)table, (uint32_t)entry };
    return orphans_add(&v->cands, &one, err);
}

static bool add_table(struct voting *v, uint64_t l2_off, size_t table, uint8_t *bytes,
                      struct error *err)
{
    const struct geometry *geo = &v->s->t->img->geo;

    if (!source_read(v->s->t->img->src, l2_off, bytes, (size_t)geo->cluster_size, NULL))
        return true;
    for (size_t i = 0; i < geo->l2_entries; i++) {
        struct l2_entry e;

        l2_decode(geo, bytes + i * geo->l2_entry_size, &e);
        if (!e.raw || !l2_entry_possible(geo, &e, geo->file_size)
            || (e.type != L2_NORMAL && e.type != L2_COMPRESSED))
            continue;
        if (!add_mapped(v, &e, table, i, err))
            return false;
    }
    return true;
}

/* Votes of one table for one index. */
struct ballot { uint32_t table; int64_t index; };

static int by_table(const void *a, const void *b)
{
    const struct ballot *x = a, *y = b;

    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The index with most votes, of a table for which more speaks than for all others. */
static void count_votes(struct ballot *b, size_t n, int64_t *index)
{
    if (n)
        qsort(b, n, sizeof *b, by_table);
    for (size_t i = 0; i < n;) {
        size_t best = 0, all = 0, table = b[i].table;
        int64_t which = -1;

        while (i < n && b[i].table == table) {
            size_t same = 0;

            while (i + same < n && b[i + same].table == table
                   && b[i + same].index == b[i].index)
                same++;
            if (same > best) {
                best = same;
                which = b[i].index;
            }
            all += same;
            i += same;
        }
        if (best * 2 > all)
            index[table] = which;
    }
}

static bool collect_votes(struct voting *v, struct error *err)
{
    uint64_t per = v->s->t->img->geo.l2_entries;
    struct ballot *b = calloc(v->cands.n + 1, sizeof *b);
    struct rescue_pin pin;
    size_t n = 0;

    if (!b)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < v->cands.n; i++)
        if (v->index[v->from[i].table] < 0 && rescue_pinned(v->g, i, &pin)
            && pin.sure >= SURE_LIKELY && pin.guest_cl % per == v->from[i].entry)
            b[n++] = (struct ballot){ v->from[i].table, (int64_t)(pin.guest_cl / per) };
    count_votes(b, n, v->index);
    free(b);
    return true;
}

/* A table of which the place is known says where all its clusters belong. */
static bool pin_tables(struct voting *v)
{
    uint64_t per = v->s->t->img->geo.l2_entries;
    bool news = false;

    for (size_t i = 0; i < v->cands.n; i++) {
        uint32_t t = v->from[i].table;

        if (v->index[t] >= 0 && !v->pinned[t])
            news |= rescue_pin(v->g, i, (uint64_t)v->index[t] * per + v->from[i].entry,
                               SURE_LIKELY, "an L2 table whose place is known");
    }
    for (size_t t = 0; t < v->n_tables; t++)
        v->pinned[t] |= v->index[t] >= 0;
    return news;
}

static bool look_at_all(struct voting *v, struct orphan_reader *r, struct error *err)
{
    uint32_t len = rescue_cluster(v->g);
    uint8_t *bytes = malloc(len);
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < v->cands.n && !salvage_stopped(v->s->t); i++) {
        if (!orphan_read(r, i, bytes, NULL))
            continue;
        print_take(&v->print[i], bytes, len);
        ok = rescue_ask_look(v->asking, i, bytes, err);
    }
    free(bytes);
    return ok;
}

#define VOTES_MAX 8

/* What one table lets the witnesses read may tell them where others belong. */
static bool vote(struct voting *v, struct orphan_reader *r, struct error *err)
{
    _Atomic bool *cancel = v->s->t->opt.progress ? &v->s->t->opt.progress->cancel : NULL;
    bool news, more = true;

    if (!rescue_ask_begin(v->g, RESCUE_WITNESSES, &v->asking, err) || !look_at_all(v, r, err))
        return false;
    for (int i = 0; i < VOTES_MAX && more; i++) {
        if (!rescue_ask_reason(v->asking, cancel, &news, err) || !collect_votes(v, err))
            return false;
        more = pin_tables(v);
    }
    return true;
}

/* The others go where what they map fits best. */
static bool fit_rest(struct voting *v, bool *fitted, struct error *err)
{
    struct align_block *b = calloc(v->cands.n + 1, sizeof *b);
    bool ok = b || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < v->cands.n; i++)
        b[i] = (struct align_block){ v->from[i].table, v->from[i].entry };
    for (size_t t = 0; t < v->n_tables; t++)
        fitted[t] = v->index[t] < 0;
    ok = ok && align_blocks(v->g, v->print, b, v->cands.n, v->n_tables,
                            v->s->t->img->geo.l2_entries, v->index, err);
    free(b);
    return ok;
}

static bool read_known(void *ctx, uint64_t guest_off, void *dst, size_t len)
{
    const struct voting *v = ctx;

    return guest_reader_read(v->known, guest_off, dst, len);
}

static bool read_candidate(void *ctx, size_t cand, uint8_t *dst, struct error *err)
{
    const struct voting *v = ctx;

    return orphan_read(v->reader, cand, dst, err);
}

static bool lose_unusable(struct voting *v, const struct l1_known *l1, struct error *err)
{
    uint64_t per = v->s->t->img->geo.l2_entries, n = div_up(rescue_clusters(v->g), per);
    bool ok = true;

    for (uint64_t i = 0, k; ok && i < n; i = k) {
        bool known = i < l1->n && l1->usable[i];

        for (k = i + 1; k < n && (k < l1->n && l1->usable[k]) == known && (k < l1->n || !known);)
            k++;
        ok = known || rescue_lose(v->g, i * per, (k - i) * per);
    }
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

bool l1_vote(struct salvage *s, const uint64_t *table_off, size_t n, const struct l1_known *l1,
             int64_t *index, bool *fitted, struct error *err)
{
    const struct image *img = s->t->img;
    struct orphan_reader reader = { 0 };
    struct voting v = { .s = s, .n_tables = n, .index = index, .reader = &reader };
    const struct rescue_store store = { &v, read_candidate, read_known, s->below,
                                        s->size_guessed };
    uint8_t *bytes = malloc((size_t)img->geo.cluster_size);
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < n; i++)
        ok = add_table(&v, table_off[i], i, bytes, err);
    v.print = calloc(v.cands.n + 1, sizeof *v.print);
    v.pinned = calloc(n + 1, sizeof *v.pinned);
    if (ok && (!v.print || !v.pinned))
        ok = err_set(err, ERR_NOMEM, "out of memory");
    ok = ok && orphan_reader_init(&reader, img, v.cands.list, err)
        && guest_reader_open(s->t, s->below, &v.known, err)
        && rescue_new(&store, l1->size, (uint32_t)img->geo.cluster_size, v.cands.n, &v.g, err)
        && lose_unusable(&v, l1, err)
        && vote(&v, &reader, err) && fit_rest(&v, fitted, err);
    rescue_ask_end(v.asking);
    rescue_free(v.g);
    guest_reader_close(v.known);
    orphan_reader_free(&reader);
    orphans_free(&v.cands);
    free(v.from);
    free(v.print);
    free(v.pinned);
    free(bytes);
    return ok;
}
