/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A shorter file: compressed clusters are packed, clusters from the end move into free space,
 * and the end is cut off. With order=guest, data and streams take their places in the order of
 * the guest disk first. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/planner.h"
#include "plan/relocate.h"
#include "plan/repack.h"
#include "scan/guest.h"

struct compaction {
    struct trial *t;
    struct plan_step *step;
    uint64_t moved;             /* clusters */
    struct repacking packed;
    const char *why;            /* the file cannot become shorter than `kept_cl` because of
                                   this; NULL: it can */
    uint64_t kept_cl;
};

/* --- from the end into free space --- */

/* The first n neighbours before `end` that are free and not taken yet; 0: there are none. */
static uint64_t free_run(const struct trial *t, const uint8_t *taken, uint64_t from, uint64_t end,
                         uint64_t n)
{
    uint64_t len = 0;

    for (; from < end; from++) {
        len = relocation_vacant(t, from) && !taken[from] ? len + 1 : 0;
        if (len == n)
            return from + 1 - n;
    }
    return 0;
}

/* From the end down, each cluster goes to the first free one, and what must stay together to the
 * first place with room for it; the first that cannot be moved ends it, as the file cannot
 * become shorter than that. */
static bool fill_from_end(struct compaction *c, struct relocation *r, struct error *err)
{
    uint8_t *taken = calloc((size_t)r->n + 1, 1);
    struct relocation_unit unit;
    uint64_t lo = 1, to;

    if (!taken)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->why = NULL;
    for (uint64_t hi = r->n; hi-- > lo;) {
        c->kept_cl = hi;
        if (relocation_vacant(c->t, hi))
            continue;
        while (lo < hi && !(relocation_vacant(c->t, lo) && !taken[lo]))
            lo++;
        if (lo >= hi || !relocation_possible(c->t, hi, &unit, &c->why))
            break;
        to = free_run(c->t, taken, lo, unit.first_cl, unit.n);
        if (!to) {
            c->why = "there is no free place of that length before it";
            break;
        }
        for (uint64_t k = 0; k < unit.n; k++) {
            r->to[unit.first_cl + k] = to + k;
            taken[to + k] = 1;
        }
        r->moved += unit.n;
        hi = unit.first_cl;
    }
    free(taken);
    return true;
}

/* --- in the order of the guest disk --- */

/* Clusters of data in the order of the guest disk, each once. */
static bool data_in_order(const struct trial *t, uint64_t *list, uint64_t n, uint64_t *got,
                          struct error *err)
{
    const struct image *img = t->img;
    uint8_t *seen = calloc((size_t)n / 8 + 1, 1);
    struct relocation_unit unit;
    struct guest_extent e;
    struct guest_walk *w;
    const char *why;

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
            if (seen[cl / 8] >> cl % 8 & 1 || !relocation_possible(t, cl, &unit, &why))
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
        while (!(ours[place / 8] >> place % 8 & 1) && !relocation_vacant(t, place))
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
        else if (!relocation_vacant(t, cl))
            end = u64_max(end, cl + 1);
    }
    return end;
}

/* Takes a round, if there is something in it, and lets refcounts follow. */
static bool take_round(struct compaction *c, struct patches *round, bool ok, struct error *err)
{
    if (ok && (round->n || round->has_length))
        return planner_take_all(c->t, c->step, round, err);
    patches_free(round);
    return ok;
}

static bool move_clusters(struct compaction *c, bool ordered, struct error *err)
{
    struct relocation r;
    struct patches round = { 0 };
    uint64_t end = 0;
    bool ok;

    if (!relocation_init(&r, c->t, err))
        return false;
    ok = ordered ? in_guest_order(c->t, &r, err) : fill_from_end(c, &r, err);
    ok = ok && relocation_patches(c->t, &r, &round, err);
    if (ok)
        end = end_after(c->t, &r) << c->t->img->geo.cluster_bits;
    c->moved += r.moved;
    relocation_free(&r);
    if (ok && end < c->t->img->geo.file_size)
        patches_set_length(&round, end);
    return take_round(c, &round, ok, err);
}

static bool pack_streams(struct compaction *c, bool ordered, struct error *err)
{
    struct patches round = { 0 };
    bool ok = repack_patches(c->t, ordered, &round, &c->packed, err);

    return take_round(c, &round, ok, err);
}

/* --- in words --- */

static bool say(struct compaction *c, const char *order, uint64_t before, struct error *err)
{
    const struct geometry *geo = &c->t->img->geo;
    struct buf title = BUF_INIT, note = BUF_INIT;
    const char *in_order = order ? " into the order of the guest disk" : "";
    char n[TEXT_NUM], a[TEXT_NUM], b[TEXT_NUM];
    bool ok;

    if (c->moved)
        buf_printf(&title, "Move %s cluster%s%s", text_group(n, c->moved),
                   c->moved == 1 ? "" : "s", in_order);
    if (c->packed.moved)
        buf_printf(&title, "%s %s compressed cluster%s %s", title.len ? ", pack" : "Pack",
                   text_group(n, c->packed.moved), c->packed.moved == 1 ? "" : "s",
                   order ? "in that order" : "closer together");
    if (geo->file_size != before) {
        text_sizes(b, before, a, geo->file_size);
        buf_printf(&title, "%s the file from %s to %s", title.len ? " and shorten" : "Shorten",
                   b, a);
    }
    buf_putc(&title, '.');
    if (c->packed.kept)
        buf_puts(&note, c->packed.kept);
    if (c->why)
        buf_printf(&note, "%sWhat lies at 0x%" PRIx64 " stays, and the file reaches to it: %s.",
                   note.len ? " " : "", c->kept_cl << geo->cluster_bits, c->why);
    ok = !title.failed && !note.failed;
    if (c->step->patches.n || c->step->patches.has_length)
        c->step->title = buf_take(&title);
    if (note.len)
        c->step->cost = buf_take(&note);
    buf_free(&title);
    buf_free(&note);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

bool planner_compact(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const char *order = planner_arg(opt, "order"), *why = relocation_refused(t);
    struct compaction c = { .t = t, .step = step };
    uint64_t before = t->img->geo.file_size;

    if (why)
        return err_set(err, ERR_USAGE, "this image cannot be compacted: %s", why);
    if (source_get_info(t->below).kind == SOURCE_BLOCK)
        return err_set(err, ERR_USAGE, "a block device cannot become shorter");
    if (order && strcmp(order, "guest") != 0)
        return err_set(err, ERR_USAGE, "compact: order=guest is the only order there is");
    if (order && t->img->geo.data_file)
        return err_set(err, ERR_USAGE, "compact: the data lies in a file of its own, where it has "
                       "the order of the guest disk already; without order=guest the tables "
                       "are packed");
    return (!order || move_clusters(&c, true, err))
        && pack_streams(&c, order != NULL, err)
        && move_clusters(&c, false, err)
        && say(&c, order, before, err);
}
