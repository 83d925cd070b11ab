/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Names the owners of clusters that problems are about, and the guest ranges: one more
 * walk, with the clusters of the kept records as its filter. */
#include "config.h"

#include "scan/engine.h"

#include <stdlib.h>
#include <string.h>

#include "scan/refsearch.h"

/* The references to one cluster that matter, in their order (refsearch.h). */
struct attributed {
    bool any;
    struct referrer first, second;      /* the two first ones; second.owner 0: none */
    struct referrer last_kind;          /* the first one of the last kind of owner */
};

static bool wanted(const struct problem *p)
{
    switch (p->kind) {
    case PROBLEM_REFCOUNT_ZERO: case PROBLEM_REFCOUNT_LOW: case PROBLEM_REFCOUNT_HIGH:
    case PROBLEM_REFCOUNT_OVERFLOW: case PROBLEM_OVERLAP: case PROBLEM_DOUBLE_ALLOCATION:
        return p->place.kind == PLACE_CLUSTER;
    default:
        return false;
    }
}

static void attribute_hit(void *ctx, size_t target, const struct referrer *r)
{
    struct attributed *a = (struct attributed *)ctx + target;

    if (!a->any) {
        a->any = true;
        a->first = a->last_kind = *r;
        return;
    }
    if (referrer_compare(r, &a->first) < 0) {
        a->second = a->first;
        a->first = *r;
    } else if (!a->second.owner || referrer_compare(r, &a->second) < 0) {
        a->second = *r;
    }
    if (r->owner > a->last_kind.owner
        || (r->owner == a->last_kind.owner && referrer_compare(r, &a->last_kind) < 0))
        a->last_kind = *r;
}

static int by_first(const void *a, const void *b)
{
    const struct ref_target *x = a, *y = b;

    return u64_order(x->first, y->first);
}

static void attribute(const struct engine *e, struct problem *p, const struct attributed *a)
{
    const struct referrer *guest = &a->last_kind;

    p->owner = a->first.place;
    if (p->kind == PROBLEM_OVERLAP)
        p->other = a->last_kind.place;
    else if (p->kind == PROBLEM_DOUBLE_ALLOCATION && a->second.owner)
        p->other = a->second.place;
    if (guest->place.guest_off == NO_ADDRESS)
        return;
    p->guest_off = guest->place.guest_off;
    if (guest->owner == OWNER_L2)
        p->guest_len = e->geo->l2_span;
    else if (!u64_mul(p->count, e->geo->cluster_size, &p->guest_len))
        p->guest_len = e->geo->cluster_size;
}

/* Bytes of a data cluster that must be there: with extended L2 entries, up to its last
 * allocated subcluster. */
static uint64_t data_needed(const struct engine *e, const struct referrer *r)
{
    uint64_t cs = e->geo->cluster_size;
    uint8_t bitmap[4];
    uint32_t allocated;

    if (!e->geo->extended_l2)
        return cs;
    if (!source_read(e->img->src, r->place.file_off + 12, bitmap, sizeof bitmap, NULL))
        return 0;
    for (allocated = be32(bitmap); allocated && !(allocated >> 31); allocated <<= 1)
        cs -= e->geo->cluster_size / SUBCLUSTERS;
    return allocated ? cs : 0;
}

/* The last cluster of the file is cut short. That matters when what was cut off held
 * something: a table, or guest data that the disk still has. */
static void truncated_tail(struct engine *e, const struct attributed *a)
{
    const struct geometry *geo = e->geo;
    uint64_t cl = geo->n_clusters - 1, start = cl << geo->cluster_bits;
    uint64_t there = geo->file_size - start, needed = geo->cluster_size;
    const struct referrer *r = &a->last_kind;
    struct place place = { PLACE_CLUSTER, 0, cl, 0, start, NO_ADDRESS };
    struct problem p = { .kind = PROBLEM_TAIL_TRUNCATED, .place = place, .count = 1,
                         .host_off = start, .guest_off = NO_ADDRESS };

    switch (r->owner) {
    case OWNER_L2: case OWNER_REFBLOCK: case OWNER_BITMAP_DATA:
        break;
    case OWNER_L1_ACTIVE: case OWNER_L1_SNAPSHOT: case OWNER_REFTABLE: case OWNER_SNAPTABLE:
    case OWNER_BITMAP_DIR: case OWNER_BITMAP_TABLE: case OWNER_CRYPTO:
        if (r->host_off + r->host_len <= start)
            return;
        needed = u64_min(needed, r->host_off + r->host_len - start);
        break;
    case OWNER_DATA:
        if (r->place.guest_off >= geo->size)
            return;
        needed = u64_min(data_needed(e, r), geo->size - r->place.guest_off);
        break;
    default:
        return;
    }
    if (there >= needed)
        return;
    p.found = there;
    p.expected = needed;
    p.owner = r->place;
    p.guest_off = r->place.guest_off;
    p.guest_len = r->owner == OWNER_L2 ? geo->l2_span : geo->cluster_size;
    problems_add(&e->res->problems, &p);
    map_mark(e->map, cl);
}

/* Owners of a last cluster that is cut short, as far as that can matter. */
static uint32_t tail_owner_bits(const struct engine *e)
{
    uint32_t owners;

    if (!(e->geo->file_size & (e->geo->cluster_size - 1)))
        return 0;
    owners = cells_get(e->cells, e->geo->n_clusters - 1).owners & OWNER_KINDS;
    return owners & ~(uint32_t)(OWNER_HEADER | OWNER_COMPRESSED | OWNER_ZERO | OWNER_VMSTATE);
}

/* The clusters whose owners are sought, sorted and each once. */
struct owner_targets {
    struct ref_target *list;        /* owned */
    struct attributed *found;       /* owned; of each */
    size_t n;
};

/* Clusters of the first n_problems records that need owners, and the last one of the file
 * where its tail matters. */
static bool list_targets(const struct engine *e, size_t n_problems, bool tail,
                         struct owner_targets *t, struct error *err)
{
    const struct problem *p = e->res->problems.list;
    size_t n = 0, unique = 0;

    t->list = calloc(n_problems + 1, sizeof *t->list);
    if (!t->list)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n_problems; i++)
        if (wanted(&p[i]))
            t->list[n++] = (struct ref_target){ p[i].place.i, 1 };
    if (tail)
        t->list[n++] = (struct ref_target){ e->geo->n_clusters - 1, 1 };
    qsort(t->list, n, sizeof *t->list, by_first);
    for (size_t i = 0; i < n; i++)
        if (!unique || t->list[unique - 1].first != t->list[i].first)
            t->list[unique++] = t->list[i];
    t->n = unique;
    t->found = calloc(unique + 1, sizeof *t->found);
    return t->found || err_set(err, ERR_NOMEM, "out of memory");
}

/* Fills t->found. A search that was cancelled finds nothing: the scan itself is complete,
 * only some names are missing. */
static bool search_targets(struct engine *e, struct owner_targets *t, bool metadata_only,
                           struct error *err)
{
    struct ref_search search = {
        .img = e->img, .threads = e->threads, .metadata_only = metadata_only,
        .cancel = e->progress ? &e->progress->cancel : NULL,
        .target = t->list, .n_targets = t->n, .hit = attribute_hit, .ctx = t->found,
    };
    struct error why;

    search_tables_of(e, &search);
    if (ref_search_run(&search, &why))
        return true;
    t->n = 0;
    return why.code == ERR_CANCELLED || err_set(err, ERR_NOMEM, "out of memory");
}

/* What was found for a cluster; NULL: nothing. */
static const struct attributed *found_for(const struct owner_targets *t, uint64_t cl)
{
    struct ref_target key = { cl, 1 };
    const struct ref_target *at = bsearch(&key, t->list, t->n, sizeof *t->list, by_first);

    return at && t->found[at - t->list].any ? &t->found[at - t->list] : NULL;
}

bool pass_attribute(struct engine *e, struct error *err)
{
    struct problems *ps = &e->res->problems;
    uint32_t tail_owners = tail_owner_bits(e);
    size_t n_problems = ps->n, n_wanted = 0;
    struct owner_targets t = { .n = 0 };
    bool ok;

    for (size_t i = 0; i < n_problems; i++)
        n_wanted += wanted(&ps->list[i]);
    if (!n_wanted && !tail_owners)
        return true;
    ok = list_targets(e, n_problems, tail_owners != 0, &t, err)
         && search_targets(e, &t, !n_wanted && !(tail_owners & OWNER_DATA), err);
    for (size_t i = 0; ok && i < n_problems; i++) {
        const struct attributed *a =
            wanted(&ps->list[i]) ? found_for(&t, ps->list[i].place.i) : NULL;

        if (a)
            attribute(e, &ps->list[i], a);
    }
    if (ok && tail_owners) {
        const struct attributed *a = found_for(&t, e->geo->n_clusters - 1);

        if (a)
            truncated_tail(e, a);
    }
    free(t.list);
    free(t.found);
    return ok;
}
