/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters that the guest sees as zeros give up their space: data clusters of nothing but
 * zeros, and zero clusters that kept theirs. Only where the active layer alone uses them. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/planner.h"
#include "scan/judge.h"

struct discard {
    struct trial *t;
    uint8_t *table, *cluster;       /* owned: one cluster each */
    struct patches round;
    uint64_t n;                     /* clusters given up */
};

static bool only_ours(const struct discard *d, uint64_t off)
{
    struct map_cell cell;

    map_get(d->t->scan->map, off >> d->t->img->geo.cluster_bits, &cell);
    return cell.counted == 1 && !cell.problem && (cell.owners & OWNER_IN_ACTIVE);
}

static bool is_zeros(struct discard *d, uint64_t off, bool *zeros, struct error *err)
{
    size_t len = (size_t)d->t->img->geo.cluster_size;
    struct data_memo memo = { 0 };

    *zeros = true;
    if (source_all_hole(d->t->img->src, &memo, off, len))
        return true;
    if (!source_read(d->t->img->src, off, d->cluster, len, err))
        return false;
    *zeros = bytes_all_zero(d->cluster, len);
    return true;
}

/* What an entry becomes; false: it stays. */
static bool new_entry(const struct image *img, uint64_t *out)
{
    if (img->hdr.version > 2)
        *out = OFLAG_ZERO;
    else if (!img->backing_file)
        *out = 0;
    else
        return false;
    return true;
}

static bool look_at_table(struct discard *d, const struct l2_table *l2, struct error *err)
{
    const struct geometry *geo = &d->t->img->geo;
    uint64_t now;

    if (!source_read(d->t->img->src, l2->off, d->table, (size_t)geo->cluster_size, err))
        return false;
    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        uint64_t raw = be64(d->table + j * geo->l2_entry_size);
        struct judged jd;
        bool zeros;

        l2_judge(geo, raw, 0, geo_guest_off(geo, l2->l1_index, j), &jd);
        if (jd.faults || !jd.refers || jd.type == L2_COMPRESSED || !only_ours(d, jd.off)
            || !new_entry(d->t->img, &now))
            continue;
        zeros = jd.type == L2_ZERO_ALLOC;
        if (!zeros && !is_zeros(d, jd.off, &zeros, err))
            return false;
        if (!zeros)
            continue;
        edit_entry(&d->round, l2->off + j * geo->l2_entry_size, now);
        d->n++;
    }
    return true;
}

bool planner_discard(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const struct geometry *geo = &t->img->geo;
    struct discard d = { .t = t, .table = malloc((size_t)geo->cluster_size),
                         .cluster = malloc((size_t)geo->cluster_size) };
    bool ok = d.table && d.cluster;
    struct buf title = BUF_INIT;
    char n[TEXT_NUM], size[TEXT_NUM];

    (void)opt;
    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    else if (geo->extended_l2 || geo->data_file)
        ok = err_set(err, ERR_USAGE, "discard does not work on images with %s",
                     geo->extended_l2 ? "subclusters" : "an external data file");
    else if (!t->scan->l2 && t->scan->stats.l2_tables)
        ok = err_set(err, ERR_LIMIT, "memory is too short for the list of L2 tables; try a "
                     "larger --memory-limit");
    for (size_t i = 0; ok && i < t->scan->n_l2; i++) {
        const struct l2_table *l2 = &t->scan->l2[i];

        if (l2->n_active == 1 && !l2->n_snapshot && !(l2->off & (geo->cluster_size - 1))
            && range_inside(l2->off, geo->cluster_size, geo->file_size))
            ok = look_at_table(&d, l2, err);
    }
    if (ok && d.n) {
        buf_printf(&title, "Unmap %s cluster%s that read as zeros: %s become free.",
                   text_group(n, d.n), d.n == 1 ? "" : "s",
                   text_size(size, d.n << geo->cluster_bits));
        step->title = buf_take(&title);
        step->cost = strdup("The file keeps its length; plan compact cuts it.");
        ok = planner_take_all(t, step, &d.round, err);
    }
    patches_free(&d.round);
    free(d.table);
    free(d.cluster);
    return ok;
}
