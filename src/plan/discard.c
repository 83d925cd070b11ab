/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters that the guest sees as zeros give up their space: data clusters of nothing but
 * zeros, and zero clusters that kept theirs. Subclusters of zeros in a cluster that has other
 * data as well are marked. Only where the active layer alone uses them. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/entry_fix.h"
#include "plan/planner.h"
#include "scan/judge.h"

struct discard {
    struct trial *t;
    struct plan_step *step;
    uint8_t *table, *cluster;       /* owned: one cluster each */
    struct data_memo memo;          /* of the image */
    struct patches round;
    uint64_t read;                  /* bytes of data looked at */
    uint64_t n;                     /* clusters given up */
    uint64_t n_sub;                 /* subclusters that become zeros in clusters that stay */
    bool full;                      /* the step rests on as many ranges as it may */
};

static bool only_ours(const struct discard *d, uint64_t off)
{
    struct map_cell cell;

    map_get(d->t->scan->map, off >> d->t->img->geo.cluster_bits, &cell);
    return cell.counted == 1 && !cell.problem && (cell.owners & OWNER_IN_ACTIVE);
}

/* Which of the bytes that an entry reads from its cluster are zeros, as bits of its
 * subclusters; UINT32_MAX: all, of a cluster that has none. */
static bool find_zeros(struct discard *d, uint64_t off, uint32_t reads, uint32_t *zeros,
                       struct error *err)
{
    const struct geometry *geo = &d->t->img->geo;
    size_t len = (size_t)geo->cluster_size, sub = len / 32;

    *zeros = 0;
    if (d->t->img->hdr.crypt_method)
        return true;                /* zeros in the file are none to the guest */
    if (source_all_hole(d->t->img->src, &d->memo, off, len)) {
        *zeros = UINT32_MAX;
        return true;
    }
    if (!source_read(d->t->img->src, off, d->cluster, len, err))
        return false;
    if (!geo->extended_l2)
        *zeros = bytes_all_zero(d->cluster, len) ? UINT32_MAX : 0;
    else
        for (unsigned k = 0; k < 32; k++)
            if (reads >> k & 1 && bytes_all_zero(d->cluster + k * sub, sub))
                *zeros |= UINT32_C(1) << k;
    return true;
}

/* What an entry becomes when it gives up its cluster; false: it cannot. */
static bool without_cluster(const struct image *img, struct entry_words *e)
{
    if (img->geo.extended_l2 || (img->hdr.version == 2 && !img->backing_file))
        e->word = 0;
    else if (img->hdr.version > 2)
        e->word = OFLAG_ZERO;
    else
        return false;
    return true;
}

/* Bits of the subclusters that are read from the cluster; all, where there are none. */
static uint32_t reads_of(const struct geometry *geo, const struct judged *jd,
                         struct entry_words e)
{
    return geo->extended_l2 ? (uint32_t)e.bitmap : jd->type == L2_ZERO_ALLOC ? 0 : UINT32_MAX;
}

/* The step rests on these subclusters of the cluster at `off` being zeros. */
static bool rest_on(struct discard *d, uint64_t off, uint32_t zeros, struct error *err)
{
    uint64_t sub = d->t->img->geo.cluster_size / 32;

    for (unsigned k = 0; k < 32; k++)
        if (zeros >> k & 1 && !plan_step_rests_on_zeros(d->step, off + k * sub, sub))
            return err_set(err, ERR_NOMEM, "out of memory");
    return true;
}

static bool look_at_entry(struct discard *d, uint64_t at, struct entry_words e,
                          const struct judged *jd, struct error *err)
{
    const struct geometry *geo = &d->t->img->geo;
    uint32_t reads = reads_of(geo, jd, e), zeros = 0;

    if (jd->faults || !jd->refers || jd->type == L2_COMPRESSED || !only_ours(d, jd->off))
        return true;
    d->full |= d->step->n_zeros > PLAN_ZEROS_MAX - 32;
    if (d->full)
        return true;
    d->read += geo->cluster_size;
    if (!trial_going_on(d->t, d->read, geo->file_size, err)
        || (reads && !find_zeros(d, jd->off, reads, &zeros, err)))
        return false;
    zeros &= reads;
    if (geo->extended_l2) {
        e.bitmap &= ~(uint64_t)zeros;
        e.bitmap |= (uint64_t)zeros << 32;
    }
    if (reads == zeros && without_cluster(d->t->img, &e))
        d->n++;
    else if (geo->extended_l2 && zeros)
        d->n_sub += (uint64_t)__builtin_popcount(zeros);
    else
        return true;
    edit_entry(&d->round, at, e.word);
    if (geo->extended_l2)
        edit_entry(&d->round, at + 8, e.bitmap);
    return rest_on(d, jd->off, zeros, err);
}

static bool look_at_table(struct discard *d, const struct l2_table *l2, struct error *err)
{
    const struct geometry *geo = &d->t->img->geo;

    if (!source_read(d->t->img->src, l2->off, d->table, (size_t)geo->cluster_size, err))
        return false;
    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        uint64_t at = j * geo->l2_entry_size;
        struct entry_words e = { be64(d->table + at),
                                 geo->extended_l2 ? be64(d->table + at + 8) : 0 };
        struct judged jd;

        l2_judge(geo, e.word, e.bitmap, geo_guest_off(geo, l2->l1_index, j), &jd);
        if (!look_at_entry(d, l2->off + at, e, &jd, err))
            return false;
    }
    return true;
}

static void describe(const struct discard *d, struct buf *title)
{
    char n[TEXT_NUM], size[TEXT_NUM];

    if (d->n)
        buf_printf(title, "Unmap %s cluster%s that read%s as zeros; this frees %s.",
                   text_group(n, d->n), d->n == 1 ? "" : "s", d->n == 1 ? "s" : "",
                   text_size(size, d->n << d->t->img->geo.cluster_bits));
    if (d->n_sub)
        buf_printf(title, "%sMark %s subcluster%s as zeros, in clusters that hold other data as "
                   "well.", d->n ? " " : "", text_group(n, d->n_sub), d->n_sub == 1 ? "" : "s");
}

bool planner_discard(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const struct geometry *geo = &t->img->geo;
    struct discard d = { .t = t, .step = step, .table = malloc((size_t)geo->cluster_size),
                         .cluster = malloc((size_t)geo->cluster_size) };
    bool ok = d.table && d.cluster;
    struct buf title = BUF_INIT;

    (void)opt;
    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    else if (geo->data_file)
        ok = err_set(err, ERR_USAGE, "discard: the data lies in a file of its own, which a plan does not "
                     "change, and unmapping it here frees nothing there; fallocate "
                     "--dig-holes DATA-FILE frees what is zeros in it, and no byte reads "
                     "differently");
    else if (!t->scan->l2 && t->scan->stats.l2_tables)
        ok = err_set(err, ERR_LIMIT, "memory is too short for the list of L2 tables; try a "
                     "larger --memory-limit");
    for (size_t i = 0; ok && i < t->scan->n_l2; i++) {
        const struct l2_table *l2 = &t->scan->l2[i];

        if (l2->n_active == 1 && !l2->n_snapshot && !(l2->off & (geo->cluster_size - 1))
            && range_inside(l2->off, geo->cluster_size, geo->file_size))
            ok = look_at_table(&d, l2, err);
    }
    if (ok && (d.n || d.n_sub)) {
        describe(&d, &title);
        step->title = buf_take(&title);
        if (d.n)
            step->cost = strdup(d.full ? "The file keeps its length; plan compact cuts it. Not all "
                                "could be taken into one plan: plan again after this one."
                                : "The file keeps its length; plan compact cuts it.");
        ok = planner_take_all(t, step, &d.round, err);
    }
    patches_free(&d.round);
    free(d.table);
    free(d.cluster);
    return ok;
}
