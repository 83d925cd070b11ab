/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/room.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "plan/findings.h"
#include "plan/plan.h"
#include "scan/refsearch.h"

void room_init(struct room *s, const struct trial *t)
{
    *s = (struct room){ .trial = t, .next_cl = 1, .end_cl = t->img->geo.n_clusters,
                         .gap_cl = u64_min(PLAN_GAP_CLUSTERS, plan_gap_len(t->img->geo.file_size)
                                           >> t->img->geo.cluster_bits),
                         .may_grow = source_get_info(t->below).kind != SOURCE_BLOCK };
}

void room_free(struct room *s)
{
    free(s->run);
    free(s->beyond);
    *s = (struct room){ 0 };
}

#define SPACE_LOOKS_MAX 4096

static bool keep(struct room *s, uint64_t first_cl, uint64_t n, struct error *err)
{
    struct room_run *last = s->n ? &s->run[s->n - 1] : NULL;

    if (last && last->first_cl + last->n == first_cl) {
        last->n += n;
        return true;
    }
    if (!list_room(&s->run, s->n, &s->cap, sizeof *s->run))
        return err_set(err, ERR_NOMEM, "out of memory");
    s->run[s->n++] = (struct room_run){ first_cl, n };
    return true;
}

/* Is this a cluster that a sound refcount block calls free? A table that reaches past the end of
 * the file counts for nothing, and is read all the same. */
static bool covered(const struct image *img, uint64_t cl)
{
    uint64_t i = cl >> img->geo.refblock_bits;
    uint64_t entry = i < img->reftable_n ? img->reftable[i] : 0;

    return entry && !(entry & (img->geo.cluster_size - 1))
        && !structures_find(&img->structures, cl << img->geo.cluster_bits, NULL);
}

bool room_reads_as_zeros(const struct image *img, uint64_t cl)
{
    uint64_t off = cl << img->geo.cluster_bits, end = off + img->geo.cluster_size;
    uint8_t bytes[4096];

    for (; off < end; off += sizeof bytes) {
        size_t len = (size_t)u64_min(sizeof bytes, end - off);

        if (!source_read(img->src, off, bytes, len, NULL))
            return false;
        if (!bytes_all_zero(bytes, len))
            return false;
    }
    return true;
}

static bool suits(struct room *s, uint64_t cl, bool empty)
{
    if (!covered(s->trial->img, cl))
        return false;
    if (!empty)
        return true;
    return s->looked++ < SPACE_LOOKS_MAX && room_reads_as_zeros(s->trial->img, cl);
}

/* The first n neighbouring clusters inside the file that are free, and `empty` ones where
 * that is wanted. The last cluster does not count when the file holds only a part of it. */
static bool find_inside(struct room *s, uint64_t n, bool empty, uint64_t *first_cl)
{
    const struct geometry *geo = &s->trial->img->geo;
    uint64_t whole = geo->file_size >> geo->cluster_bits, at = s->next_cl, len = 0;
    struct map_run run;

    if (empty && s->looked > SPACE_LOOKS_MAX)
        return false;
    while (at < whole && map_run_at(s->trial->scan->map, at, &run)) {
        uint64_t end = u64_min(run.first + run.n, whole);
        bool free = run.cell.cls == CLASS_VACANT && !run.cell.problem;

        if (!free) {
            len = 0;
            at = end;
        }
        for (; at < end; at++) {
            if (empty && s->looked > SPACE_LOOKS_MAX)
                return false;
            len = suits(s, at, empty) ? len + 1 : 0;
            if (len == n) {
                *first_cl = at + 1 - n;
                return true;
            }
        }
    }
    return false;
}

static void mark_beyond(struct room *s, uint64_t off, uint64_t len)
{
    const struct geometry *geo = &s->trial->img->geo;
    uint64_t first = u64_max(geo_cluster_of(geo, off), geo->n_clusters), end;

    if (!len || !u64_add(off, len - 1, &end))
        return;
    end = geo_cluster_of(geo, end) + 1;
    if (end > geo->n_clusters + s->gap_cl) {
        s->farther = true;
        end = geo->n_clusters + s->gap_cl;
    }
    for (uint64_t cl = first; cl < end; cl++)
        s->beyond[cl - geo->n_clusters] = 1;
}

static void mark_referrer(void *ctx, size_t target, const struct referrer *r)
{
    (void)target;
    mark_beyond(ctx, r->host_off, r->host_len);
}

/* A table that is longer than the file would have entries all at once. What stands behind the
 * end of the disk is nobody's. */
static void mark_structures(struct room *s)
{
    const struct image *img = s->trial->img;

    for (size_t i = 0; i < img->structures.n; i++) {
        const struct structure *x = &img->structures.list[i];
        bool active = x->kind == STRUCTURE_L1 && x->i == 0;

        mark_beyond(s, x->off, active ? u64_min(x->len, img->geo.l1_needed * 8) : x->len);
    }
}

/* References that do not count, as they lie too far after the end. */
static bool mark_problem(void *ctx, const struct problem *p, struct error *err)
{
    struct room *s = ctx;

    (void)err;
    mark_beyond(s, p->host_off, 2 * s->trial->img->geo.cluster_size);
    return true;
}

/* Pointers past the end of the file must not find something there once it has grown. */
static bool look_beyond(struct room *s, struct error *err)
{
    static const bool wanted[N_PROBLEMS] = {
        [PROBLEM_DATA_PAST_END] = true, [PROBLEM_COMPRESSED_PAST_END] = true,
    };
    const struct trial *t = s->trial;
    const uint64_t end = t->img->geo.n_clusters;
    const struct ref_target target = { end, (UINT64_MAX >> t->img->geo.cluster_bits) - end };
    const struct ref_search search = {
        .img = t->img, .l2 = t->scan->l2, .n_l2 = t->scan->n_l2, .target = &target,
        .n_targets = 1, .threads = t->opt.scan.threads, .hit = mark_referrer, .ctx = s,
    };

    if (s->beyond)
        return true;
    s->beyond = calloc(s->gap_cl + 1, 1);
    if (!s->beyond)
        return err_set(err, ERR_NOMEM, "out of memory");
    mark_structures(s);
    return ref_search_run(&search, err)
        && (!(t->scan->problems.count[PROBLEM_DATA_PAST_END]
              + t->scan->problems.count[PROBLEM_COMPRESSED_PAST_END])
            || findings_each(t, wanted, mark_problem, s, err));
}

static bool is_beyond(const struct room *s, uint64_t cl)
{
    uint64_t i = cl - s->trial->img->geo.n_clusters;

    return i < s->gap_cl && s->beyond[i];
}

/* Takes n clusters after the end; *none: there is no room. That pointers lead everywhere near the
 * end makes no file long: what may lie farther than that is not looked at. */
static bool at_the_end(struct room *s, uint64_t n, uint64_t *first_cl, bool *none,
                       struct error *err)
{
    const uint64_t gap_end = s->trial->img->geo.n_clusters + s->gap_cl;
    uint64_t first = s->end_cl, len = 0, end;

    *none = true;
    if (!s->may_grow)
        return true;
    if (!look_beyond(s, err))
        return false;
    while (len < n && first + len < gap_end) {
        if (is_beyond(s, first + len)) {
            first += len + 1;
            len = 0;
        } else {
            len++;
        }
    }
    if ((len < n && s->farther) || !u64_add(first, n, &end) || end > READ_OFFSET_MAX >> s->trial->img->geo.cluster_bits)
        return true;
    *first_cl = first;
    s->end_cl = end;
    *none = false;
    return true;
}

bool room_take(struct room *s, uint64_t n, uint64_t *first_cl, struct error *err)
{
    uint64_t first = 0;
    bool none;

    if (find_inside(s, n, true, &first)) {
        s->next_cl = first + n;
    } else {
        s->looked = SPACE_LOOKS_MAX + 1;        /* once behind the end, always there */
        if (!at_the_end(s, n, &first, &none, err))
            return false;
        if (none) {
            if (s->only_empty || !find_inside(s, n, false, &first))
                return err_set(err, ERR_LIMIT, "no room for %llu more clusters, and "
                               "%s", (unsigned long long)n, s->may_grow
                               ? "pointers lead everywhere after the end of the file "
                               "(--entries=zero gives those up)"
                               : "the device cannot grow");
            s->next_cl = first + n;
        }
    }
    if (!keep(s, first, n, err))
        return false;
    *first_cl = first;
    return true;
}

bool room_taken(const struct room *s, uint64_t cl)
{
    size_t lo;

    BISECT(lo, s->n, mid, s->run[mid].first_cl + s->run[mid].n > cl);
    return lo < s->n && s->run[lo].first_cl <= cl;
}

void room_set_length(const struct room *s, struct patches *step)
{
    const struct geometry *geo = &s->trial->img->geo;

    if (s->end_cl > geo->n_clusters)
        patches_set_length(step, s->end_cl << geo->cluster_bits);
}
