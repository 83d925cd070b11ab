/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/scan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "scan/engine.h"
#include "scan/missing.h"

/* QEMU's figures out of ours. */
static void fill_qemu_counts(struct engine *e)
{
    struct scan_result *r = e->res;
    struct qemu_counts *q = &r->qemu;
    const struct layer_stats *a = &r->stats.active;

    q->refused = r->refused.id != NULL;
    for (int k = 0; k < N_PROBLEMS; k++) {
        switch (problem_info((enum problem_kind)k)->qemu) {
        case QEMU_CORRUPTION: q->corruptions += r->problems.qemu_count[k]; break;
        case QEMU_LEAK: q->leaks += r->problems.qemu_count[k]; break;
        case QEMU_CHECK_ERROR: q->check_errors += r->problems.qemu_count[k]; break;
        case QEMU_OWN: break;
        }
    }
    q->image_end_offset = (r->stats.highest_used + 1) * e->geo->cluster_size;
    q->total_clusters = div_up(e->geo->size & ~UINT64_C(511), e->geo->cluster_size);
    q->allocated_clusters = a->normal + a->zero_alloc + a->compressed;
    q->compressed_clusters = a->compressed;
    q->fragmented_clusters += a->compressed;
}

static void fill_stats(struct engine *e)
{
    struct scan_stats *st = &e->res->stats;
    struct map_hist hist;
    struct rusage usage;

    map_histogram(e->map, 0, e->geo->n_clusters, &hist);
    memcpy(st->class_clusters, hist.n, sizeof st->class_clusters);
    st->class_clusters[CLASS_BEYOND] = st->beyond_references;
    st->threads = e->threads;
    source_counters(e->img->src, &st->requests, &st->bytes_read);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        st->peak_memory = (uint64_t)usage.ru_maxrss * 1024;
}

/* Where the table begins that holds what a record is about; a misaligned L2 table may begin in
 * a cluster before the entry's. */
static uint64_t table_of(const struct geometry *geo, const struct place *p)
{
    return p->kind == PLACE_L2 ? p->file_off - p->j * geo->l2_entry_size : p->file_off;
}

/* L2 tables with problems, and the tables that hold other bad entries, get their mark: where
 * they begin, and where the entry is. */
static void mark_tables(struct engine *e)
{
    const struct problems *ps = &e->res->problems;

    /* Of more than one window, tables are marked as far as records say so. */
    for (size_t i = 0; i < e->l2.n; i++) {
        if (e->suspect[i])
            map_mark(e->map, geo_cluster_of(e->geo, e->l2.list[i].off));
    }
    for (size_t i = 0; i < ps->n; i++) {
        const struct problem *p = &ps->list[i];

        if (p->place.kind != PLACE_CLUSTER && p->place.file_off != NO_ADDRESS
            && problem_info(p->kind)->severity != SEV_NOTE) {
            map_mark(e->map, geo_cluster_of(e->geo, p->place.file_off));
            map_mark(e->map, geo_cluster_of(e->geo, table_of(e->geo, &p->place)));
        }
    }
}

/* L2 tables, window by window: mostly there is one. */
static bool run_windows(struct engine *e, struct error *err)
{
    for (;;) {
        count_l2_tables(e);
        if (!pass_l2(e, err) || !pass_explain(e, err))
            return false;
        if (!e->l2.more || engine_cancelled(e))
            return true;
        free(e->suspect);
        e->suspect = NULL;
        engine_phase(e, PHASE_L1, 0);
        if (!l2_list_next(&e->l2, e->img, e->progress ? &e->progress->cancel : NULL))
            return engine_cancelled(e) || err_set(err, ERR_NOMEM, "out of memory");
    }
}

/* All passes. Those after a cancel are left out, and the result is a partial one. */
static bool run_passes(struct engine *e, struct error *err)
{
    if (!pass_refblocks(e, err))
        return false;
    if (!engine_cancelled(e) && !pass_regions(e, err))
        return false;
    if (!engine_cancelled(e) && !pass_l1(e, err))
        return false;
    if (!engine_cancelled(e) && !run_windows(e, err))
        return false;
    pass_rules(e);
    if (engine_cancelled(e)) {
        e->res->partial = true;
        e->map->partial = true;
        if (!map_seal(e->map, err))
            return false;
        for (uint64_t i = 0; i < e->map->n_chunks; i++)
            map_fold(e->map, i);
        return true;
    }
    count_refblocks(e);
    if (e->cells->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!pass_compare(e, err))
        return false;
    if (e->res->partial || e->miscounted)
        return true;
    if (!pass_attribute(e, err))
        return false;
    mark_tables(e);
    return true;
}

static void changed_meanwhile(struct engine *e)
{
    struct error why;
    struct place place = { .kind = PLACE_NONE, .file_off = NO_ADDRESS,
                           .guest_off = NO_ADDRESS };

    if (source_changed(e->img->src, &why))
        problem_note(&e->res->problems, PROBLEM_IMAGE_CHANGED, &place, 0, 0, "%s", why.text);
}

/* The whole scan. shared: threads may count in the same cells, and *again is set when that
 * went wrong; then there is no result. */
static bool scan_once(const struct image *img, const struct scan_options *opt,
                      struct scan_progress *progress, bool shared, bool *again,
                      struct scan_result **out, struct error *err)
{
    struct refcache refcache = { .img = NULL };
    struct engine e = { .img = img, .geo = &img->geo, .refcache = &refcache };
    bool ok = false;

    e.res = calloc(1, sizeof *e.res);
    if (!e.res)
        return err_set(err, ERR_NOMEM, "out of memory");
    e.res->img = img;
    e.res->refused = img->refused;
    e.threads = scan_threads(img, opt ? opt->threads : 0);
    problems_init(&e.res->problems, opt && opt->problems_kept ? opt->problems_kept
                  : PROBLEMS_KEPT_DEFAULT);
    e.res->problems.sink = opt ? opt->sink : NULL;
    engine_begin(&e, progress);
    e.map = e.res->map = map_new(img, err);
    if (!e.map || !refcache_init(&refcache, img, err))
        goto out;
    e.cells = &e.map->cells;
    /* What a sink got cannot be taken back. */
    e.shared_counting = shared && e.threads > 1 && e.cells->flat && !e.res->problems.sink;
    memory_share_out(&e, opt);
    if (!run_passes(&e, err)) {
        memory_explain(&e, err);
        goto out;
    }
    *again = e.miscounted;
    if (e.miscounted)
        goto out;
    changed_meanwhile(&e);
    missing_note_leaks(e.res);
    e.res->memory_short = e.cells->lost
        || (e.res->problems.max && e.res->problems.n >= e.res->problems.max);
    fill_qemu_counts(&e);
    fill_stats(&e);
    problems_sort(&e.res->problems);
    engine_phase(&e, PHASE_DONE, 1);
    if (l2_list_whole(&e.l2)) {
        e.res->l2 = e.l2.list;
        e.res->n_l2 = e.l2.n;
        e.l2.list = NULL;
    }
    ok = true;
out:
    refcache_free(&refcache);
    l2_list_free(&e.l2);
    free(e.suspect);
    free(e.block);
    if (ok)
        *out = e.res;
    else
        scan_free(e.res);
    return ok;
}

bool scan_run(const struct image *img, const struct scan_options *opt,
              struct scan_progress *progress, struct scan_result **out, struct error *err)
{
    bool again = false;

    if (scan_once(img, opt, progress, true, &again, out, err))
        return true;
    return again && scan_once(img, opt, progress, false, &again, out, err);
}

void scan_free(struct scan_result *r)
{
    if (!r)
        return;
    problems_free(&r->problems);
    map_free(r->map);
    free(r->l2);
    free(r);
}
