/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A shorter file: clusters from its end move into free space, and the end is cut off. With
 * order=guest, data takes its places in the order of the guest disk first. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/planner.h"
#include "plan/relocate.h"
#include "scan/guest.h"

static bool vacant(const struct trial *t, uint64_t cl)
{
    struct map_cell cell;

    map_get(t->scan->map, cl, &cell);
    return cell.cls == CLASS_VACANT && !cell.problem;
}

/* From the end down, each cluster goes to the first free one; the first that cannot be moved
 * ends it, as the file cannot become shorter than that. */
static void fill_from_end(const struct trial *t, struct relocation *r)
{
    uint64_t lo = 1, hi = r->n;

    while (hi-- > lo) {
        if (vacant(t, hi))
            continue;
        if (!relocation_possible(t, hi))
            break;
        while (lo < hi && !vacant(t, lo))
            lo++;
        if (lo >= hi)
            break;
        r->to[hi] = lo++;
        r->moved++;
    }
}

/* Clusters of data in the order of the guest disk, each once. */
static bool data_in_order(const struct trial *t, uint64_t *list, uint64_t n, uint64_t *got,
                          struct error *err)
{
    const struct image *img = t->img;
    uint8_t *seen = calloc((size_t)n / 8 + 1, 1);
    struct guest_extent e;
    struct guest_walk *w;

    *got = 0;
    if (!seen || !guest_walk_open(img, LAYER_ACTIVE, 0, img->geo.size, &w, err)) {
        free(seen);
        return seen || err_set(err, ERR_NOMEM, "out of memory");
    }
    while (guest_walk_next(w, &e, err)) {
        uint64_t first = e.host_off >> img->geo.cluster_bits, last;

        if (e.host_off == NO_ADDRESS || e.compressed || !e.length)
            continue;
        last = (e.host_off + e.length - 1) >> img->geo.cluster_bits;
        for (uint64_t cl = first; cl <= last && cl < n; cl++) {
            if (seen[cl / 8] >> cl % 8 & 1 || !relocation_possible(t, cl))
                continue;
            seen[cl / 8] |= (uint8_t)(1 << cl % 8);
            list[(*got)++] = cl;
        }
    }
    guest_walk_free(w);
    free(seen);
    return true;
}

static bool in_guest_order(const struct trial *t, struct relocation *r, struct error *err)
{
    uint64_t *list = calloc((size_t)r->n + 1, sizeof *list), got = 0, place = 1;
    uint8_t *ours = calloc((size_t)r->n / 8 + 1, 1);
    bool ok = list && ours;

    if (!ok)
        err_set(err, ERR_NOMEM, "out of memory");
    ok = ok && data_in_order(t, list, r->n, &got, err);
    for (uint64_t i = 0; ok && i < got; i++)
        ours[list[i] / 8] |= (uint8_t)(1 << list[i] % 8);
    for (uint64_t i = 0; ok && i < got; i++, place++) {
        while (!(ours[place / 8] >> place % 8 & 1) && !vacant(t, place))
            place++;
        if (place != list[i]) {
            r->to[list[i]] = place;
            r->moved++;
        }
    }
    free(list);
    free(ours);
    return ok;
}

/* Clusters of the file once all have moved. */
static uint64_t end_after(const struct trial *t, const struct relocation *r)
{
    uint64_t end = 1;

    for (uint64_t cl = 0; cl < r->n; cl++) {
        if (r->to[cl])
            end = u64_max(end, r->to[cl] + 1);
        else if (!vacant(t, cl))
            end = u64_max(end, cl + 1);
    }
    return end;
}

static bool move_round(struct trial *t, bool ordered, struct plan_step *step, uint64_t *moved,
                       struct error *err)
{
    struct relocation r;
    struct patches round = { 0 };
    uint64_t end;
    bool ok;

    if (!relocation_init(&r, t, err))
        return false;
    ok = !ordered || in_guest_order(t, &r, err);
    if (!ordered)
        fill_from_end(t, &r);
    ok = ok && relocation_patches(t, &r, &round, err);
    end = end_after(t, &r) << t->img->geo.cluster_bits;
    *moved += r.moved;
    relocation_free(&r);
    if (!ok) {
        patches_free(&round);
        return false;
    }
    if (end < t->img->geo.file_size)
        patches_set_length(&round, end);
    return !(round.n || round.has_length) || planner_take_all(t, step, &round, err);
}

bool planner_compact(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const char *order = planner_arg(opt, "order"), *why = relocation_refused(t);
    uint64_t before = t->img->geo.file_size, moved = 0;
    struct buf title = BUF_INIT;
    char n[TEXT_NUM], a[TEXT_NUM], b[TEXT_NUM];

    if (why)
        return err_set(err, ERR_USAGE, "this image cannot be compacted: %s", why);
    if (source_get_info(t->below).kind == SOURCE_BLOCK)
        return err_set(err, ERR_USAGE, "a block device cannot become shorter");
    if (order && strcmp(order, "guest") != 0)
        return err_set(err, ERR_USAGE, "compact: order=guest is the only order there is");
    if ((order && !move_round(t, true, step, &moved, err))
        || !move_round(t, false, step, &moved, err))
        return false;
    if (moved)
        buf_printf(&title, "Move %s cluster%s%s and cut", text_group(n, moved),
                   moved == 1 ? "" : "s", order ? " into the order of the guest disk" : "");
    buf_printf(&title, "%s the file: %s instead of %s.", moved ? "" : "Cut",
               text_size(a, t->img->geo.file_size), text_size(b, before));
    step->title = buf_take(&title);
    return true;
}
