/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "insight/content.h"
#include "plan/rescue/salvage.h"

void orphans_free(struct orphans *o)
{
    free(o->list);
    *o = (struct orphans){ 0 };
}

bool orphans_add(struct orphans *o, const struct orphan *one, struct error *err)
{
    if (o->n == RESCUE_CANDIDATES_MAX || !list_room(&o->list, o->n, &o->cap, sizeof *o->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    o->list[o->n++] = *one;
    o->n_kind[one->kind]++;
    return true;
}

bool table_fit_at(const struct image *img, uint64_t l2_off, uint8_t *bytes, struct table_fit *out)
{
    const struct geometry *geo = &img->geo;
    uint8_t *own = NULL;

    *out = (struct table_fit){ 0, 0 };
    if (!bytes) {
        bytes = own = malloc((size_t)geo->cluster_size);
        if (!own || !source_read(img->src, l2_off, own, (size_t)geo->cluster_size, NULL)) {
            free(own);
            return false;
        }
    }
    for (size_t i = 0; i < geo->l2_entries; i++) {
        struct l2_entry e;

        l2_decode(geo, bytes + i * geo->l2_entry_size, &e);
        if (!e.raw && !e.bitmap)
            continue;
        out->used++;
        out->fit += l2_entry_possible(geo, &e, geo->file_size);
    }
    free(own);
    return true;
}

/* --- telling tables from data --- */

/* The first words in use of a table are entries: most data is told by them alone. */
static bool begins_like_entries(const struct geometry *geo, const uint8_t *bytes, size_t len)
{
    unsigned used = 0, fit = 0;

    for (size_t i = 0; i + geo->l2_entry_size <= len && used < 16; i += geo->l2_entry_size) {
        struct l2_entry e;

        if (!be64(bytes + i))
            continue;
        l2_decode(geo, bytes + i, &e);
        used++;
        fit += l2_entry_possible(geo, &e, geo->file_size);
    }
    return used && fit * 2 > used;
}

static enum orphan_kind kind_of(const struct image *img, const uint8_t *bytes, size_t len)
{
    const struct content_context ctx = { .geo = &img->geo };
    size_t used;

    if (content_score_refblock(bytes, len, img->geo.refcount_order) >= 900)
        return ORPHAN_TABLE;
    if (begins_like_entries(&img->geo, bytes, len)
        && content_score_l2(&ctx, bytes, len, &used) >= (used > 1 ? 900 : 700))
        return ORPHAN_L2;
    return ORPHAN_DATA;
}

/* --- collecting --- */

struct orphan_walk {
    const struct trial *t;
    struct orphans *out;
    uint8_t *bytes;                 /* owned: a cluster */
    struct data_memo memo;
    bool deep;
};

static bool look_at_cluster(struct orphan_walk *c, uint64_t cl, bool counted,
                            struct error *err)
{
    const struct image *img = c->t->img;
    uint64_t off = cl << img->geo.cluster_bits;
    size_t len = (size_t)img->geo.cluster_size;
    struct orphan one = { .off = off, .len = len };

    if (off >= img->geo.file_size)
        return true;
    if (!source_read(img->src, off, c->bytes, len, NULL))
        return true;                /* nothing can be done with it */
    if (bytes_all_zero(c->bytes, len))
        return true;
    one.kind = (uint8_t)kind_of(img, c->bytes, len);
    one.counted = counted;
    return orphans_add(c->out, &one, err);
}

static bool refcount_known(const struct image *img, uint64_t cl)
{
    uint64_t stored;

    return image_stored_refcount(img, cl, &stored) == STORED_OK;
}

/* Do sound blocks cover all clusters that nobody refers to? */
static bool refcounts_known(const struct trial *t)
{
    const uint64_t *count = t->scan->problems.count;
    const struct geometry *geo = &t->img->geo;
    uint64_t per = geo->refblock_entries;

    if (count[PROBLEM_REFBLOCK_PAST_END] || count[PROBLEM_REFTABLE_PAST_END]
        || count[PROBLEM_REFTABLE_RESERVED] || count[PROBLEM_REFBLOCK_MISALIGNED]
        || count[PROBLEM_REFBLOCK_SHARED] || count[PROBLEM_REFCOUNT_UNREADABLE]
        || count[PROBLEM_REFCOUNT_ZERO])
        return false;
    for (uint64_t cl = 0; cl < geo->n_clusters; cl += per)
        if (!refcount_known(t->img, cl))
            return false;
    return true;
}

static bool collect_runs(struct orphan_walk *c, struct error *err)
{
    const struct trial *t = c->t;
    uint64_t at = 0, end = t->img->geo.n_clusters;
    struct map_run run;

    while (at < end && map_run_at(t->scan->map, at, &run) && !salvage_stopped(t)) {
        uint64_t stop = u64_min(run.first + run.n, end);
        bool leaked = run.cell.cls == CLASS_LEAKED;
        bool wanted = leaked || (run.cell.cls == CLASS_VACANT
                                 && (c->deep || !c->out->refcounts_known));

        for (uint64_t cl = at; wanted && cl < stop; cl++) {
            cl = source_next_unit(t->img->src, &c->memo, 0, t->img->geo.cluster_size, cl, stop);
            if (cl == stop)
                break;
            if (!look_at_cluster(c, cl, leaked || !c->out->refcounts_known, err))
                return false;
            if (cl % 256 == 0 && salvage_stopped(t))
                break;
        }
        at = stop;
    }
    return true;
}

bool orphans_collect(const struct trial *t, bool deep, struct orphans *out,
                     struct error *err)
{
    struct orphan_walk c = { .t = t, .out = out, .deep = deep };
    bool ok;

    *out = (struct orphans){ .refcounts_known = refcounts_known(t) };
    c.bytes = malloc((size_t)t->img->geo.cluster_size);
    ok = c.bytes ? collect_runs(&c, err) : err_set(err, ERR_NOMEM, "out of memory");
    free(c.bytes);
    if (!ok)
        orphans_free(out);
    return ok;
}
