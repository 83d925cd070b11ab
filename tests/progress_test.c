/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A scan that is watched, and one that is stopped at any of its reads. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/source_backend.h"
#include "scan/scan.h"
#include "support/image_builder.h"

/* The bytes of a builder. Each read looks at the progress, and one of them stops the scan. */
struct watched {
    struct source base;
    const struct builder *b;
    struct scan_progress *progress;
    uint64_t reads, stop_at;
    uint64_t overall;
};

static void watched_close(struct source *src)
{
    source_free_base(src);
}

static void watched_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_FILE;
    out->allocated = ((struct watched *)src)->b->len;
}

static void watched_read(struct source *src, struct source_req *req, size_t n)
{
    struct watched *w = (struct watched *)src;

    for (size_t i = 0; i < n; i++)
        memcpy(req[i].dst, w->b->bytes + req[i].off, req[i].got);
    if (!w->progress)
        return;
    if (++w->reads == w->stop_at)
        w->progress->cancel = true;
    assert_true(w->progress->overall >= w->overall && w->progress->overall <= 1000);
    w->overall = w->progress->overall;
}

/* Opens it, and has all reads from now on watched. */
static struct image *open_watched(const struct builder *b, struct scan_progress *progress,
                                  uint64_t stop_at, struct watched **out)
{
    static const struct source_ops ops = { .close = watched_close, .info = watched_info,
                                           .read_many = watched_read };
    struct watched *w = calloc(1, sizeof *w);
    struct image *img;

    assert_true(w && source_init_base(&w->base, &ops, "watched", b->len, NULL));
    w->b = b;
    w->stop_at = stop_at;
    assert_true(image_open(&w->base, NULL, &img, NULL));
    w->progress = progress;
    *out = w;
    return img;
}

/* With two snapshots, a cluster for two, leaks and wrong flags; n guest clusters in use. */
static struct builder *troubled(uint64_t n)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = 9;
    opt.size = n * 1024;
    b = builder_new(opt);
    for (uint64_t g = 0; g < n; g++)
        builder_map(b, g * 2);
    builder_add_snapshot(b, "1", "one");
    for (uint64_t g = 0; g < 20; g++)
        builder_map(b, g);
    builder_add_snapshot(b, "2", "two");
    builder_set_l2(b, 100, builder_peek(b, builder_l2_entry_off(b, 0), 8), 0);
    builder_set_l2(b, 102, builder_peek(b, builder_l2_entry_off(b, 200), 8) | OFLAG_COPIED, 0);
    builder_set_l2(b, 104, OFLAG_COPIED | b->l1_off, 0);
    builder_alloc(b, 5);
    builder_truncate(b, b->len - 100);
    return b;
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void progress_rises_and_ends_with_the_scan(void **state)
{
    static struct scan_progress progress;
    struct builder *b = troubled(500);
    struct watched *w;
    struct image *img = open_watched(b, &progress, 0, &w);
    struct scan_result *r;
    double began = seconds_now(), sum = 0;

    (void)state;
    assert_true(scan_run(img, &(struct scan_options){ .threads = 1 }, &progress, &r, NULL));
    for (int p = 0; p < N_PHASES; p++) {
        assert_true(r->stats.seconds[p] >= 0);
        sum += r->stats.seconds[p];
    }
    /* each moment belongs to one phase */
    assert_true(sum <= seconds_now() - began + 1e-9);
    assert_true(w->reads > 0 && w->overall > 0);
    assert_int_equal(progress.phase, PHASE_DONE);
    assert_int_equal(progress.overall, 1000);
    for (int p = 0; p < N_PHASES; p++)
        for (int q = 0; q < p; q++)
            assert_string_not_equal(scan_phase_name((enum scan_phase)p),
                                    scan_phase_name((enum scan_phase)q));
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* What a bin of the preview may show: the class of a cluster in it, of which the preview knows
 * less than the map does. */
static void preview_is_of_the_map(uint64_t guest_clusters)
{
    static struct scan_progress progress;
    struct builder *b = troubled(guest_clusters);
    struct watched *w;
    struct image *img = open_watched(b, &progress, 0, &w);
    unsigned shift = scan_preview_shift(img);
    uint64_t n = img->geo.n_clusters;
    struct scan_result *r;

    memset(&progress, 0, sizeof progress);
    progress.want_preview = true;
    assert_true(scan_run(img, &(struct scan_options){ .threads = 1 }, &progress, &r, NULL));
    assert_true((n - 1) >> shift < PREVIEW_BINS);
    assert_true(!shift || (n - 1) >> (shift - 1) >= PREVIEW_BINS);
    for (uint64_t bin = 0; bin < PREVIEW_BINS; bin++) {
        unsigned shown = progress.preview[bin];
        bool right = !shown, guest = false, other = false;

        for (uint64_t c = bin << shift; c < n && c >> shift == bin; c++) {
            struct map_cell cell;

            map_get(r->map, c, &cell);
            guest |= (cell.owners & OWNER_DATA) != 0;
            other |= (cell.owners & OWNER_KINDS & ~(uint32_t)OWNER_DATA) != 0;
            right |= shown && (shown - 1 == CLASS_DATA ? cell.owners & OWNER_DATA
                               : cell.cls == CLASS_MIXED || shown - 1 == cell.cls);
        }
        if (!right)
            fail_msg("bin %d shows %s", (int)bin, class_info(shown - 1)->id);
        assert_true(shown || !guest);
        if (guest && !other)
            assert_int_equal(shown, CLASS_DATA + 1);
    }
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void the_preview_shows_what_the_map_will(void **state)
{
    (void)state;
    preview_is_of_the_map(500);
    preview_is_of_the_map(9000);        /* several clusters in a bin */
}

static bool has_record(const struct scan_result *r, const struct problem *p)
{
    for (size_t i = 0; i < r->problems.n; i++) {
        const struct problem *x = &r->problems.list[i];

        if (x->kind == p->kind && place_equal(&x->place, &p->place)
            && x->count == p->count && x->found == p->found
            && (p->owner.kind == PLACE_NONE || place_equal(&x->owner, &p->owner))
            && (p->other.kind == PLACE_NONE || place_equal(&x->other, &p->other)))
            return true;
    }
    return false;
}

/* What a stopped scan tells is part of what the whole one does. */
static void check_stopped(const struct scan_result *r, const struct scan_result *whole)
{
    if (r->partial) {
        assert_int_equal(scan_exit_status(r), 1);
        assert_int_equal(r->stats.class_clusters[CLASS_LEAKED], 0);
        for (int k = 0; k < N_PROBLEMS; k++)
            assert_true(r->problems.count[k] <= whole->problems.count[k]);
        for (size_t i = 0; i < r->problems.n; i++)
            assert_true(has_record(whole, &r->problems.list[i]));
        return;
    }
    assert_int_equal(scan_exit_status(r), scan_exit_status(whole));
    for (int k = 0; k < N_PROBLEMS; k++)
        if (k != PROBLEM_TAIL_TRUNCATED)        /* told with the owners */
            assert_int_equal(r->problems.count[k], whole->problems.count[k]);
    for (size_t i = 0; i < r->problems.n; i++)
        assert_true(has_record(whole, &r->problems.list[i]));
    assert_memory_equal(r->stats.class_clusters, whole->stats.class_clusters,
                        sizeof r->stats.class_clusters);
}

static void a_scan_stopped_at_any_read_tells_nothing_wrong(void **state)
{
    static const struct scan_options way[] = { { .threads = 1 },
                                               { .threads = 1, .tightest = true } };
    static struct scan_progress progress;
    struct builder *b = troubled(300);

    (void)state;
    for (size_t k = 0; k < sizeof way / sizeof way[0]; k++) {
        struct scan_result *whole;
        struct watched *w;
        struct image *all = open_watched(b, &progress, 0, &w);
        uint64_t reads, partial = 0;

        memset(&progress, 0, sizeof progress);
        assert_true(scan_run(all, &way[k], &progress, &whole, NULL));
        reads = w->reads;
        for (uint64_t stop = 1; stop <= reads; stop++) {
            struct image *img = open_watched(b, &progress, stop, &w);
            struct scan_result *r;

            memset(&progress, 0, sizeof progress);
            assert_true(scan_run(img, &way[k], &progress, &r, NULL));
            check_stopped(r, whole);
            partial += r->partial;
            scan_free(r);
            image_close(img);
        }
        assert_true(partial > 0 && partial < reads);
        scan_free(whole);
        image_close(all);
    }
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_rises_and_ends_with_the_scan),
        cmocka_unit_test(the_preview_shows_what_the_map_will),
        cmocka_unit_test(a_scan_stopped_at_any_read_tells_nothing_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
