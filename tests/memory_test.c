/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

/* What is done when memory is short: windows of L2 tables, clusters counted again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "scan/l2list.h"
#include "scan/referrers.h"
#include "scan/scan.h"
#include "scan/side.h"
#include "fuzz/target.h"
#include "support/image_builder.h"

/* --- the list of L2 tables --- */

#define REFERENCES  3000
#define TABLES      400

/* All references, as a walk of L1 tables gives them again and again. */
static void push_all(struct l2_list *l)
{
    srand(5);
    for (unsigned i = 0; i < REFERENCES; i++) {
        struct l2_table t = { .off = (1 + (uint64_t)rand() % TABLES) * 512, .l1_index = i,
                              .layer = i % 3, .n_active = i % 3 == 0,
                              .n_snapshot = i % 3 != 0 };

        assert_true(l2_list_push(l, &t));
    }
}

static void windows_hold_every_table_once(void **state)
{
    struct geometry geo = { .cluster_size = 512, .file_len = (TABLES + 1) * 512 };
    struct l2_list all, part;
    size_t at = 0, windows = 0;

    (void)state;
    l2_list_init(&all, geo.file_len, 0);
    push_all(&all);
    l2_list_close(&all, &geo);
    assert_true(l2_list_whole(&all));
    l2_list_init(&part, geo.file_len, 16);
    for (;;) {
        push_all(&part);
        l2_list_close(&part, &geo);
        assert_true(part.n > 0 && part.n <= 16);
        assert_true(at + part.n <= all.n);
        assert_memory_equal(part.list, all.list + at, part.n * sizeof *part.list);
        at += part.n;
        windows++;
        if (!part.more)
            break;
        assert_false(l2_list_whole(&part));
        l2_list_advance(&part);
    }
    assert_int_equal(at, all.n);
    assert_true(windows >= all.n / 16);
    l2_list_free(&all);
    l2_list_free(&part);
}

static void side_table_is_full_at_its_limit(void **state)
{
    struct side s = { NULL, 0, 0 };
    uint64_t n = 0;

    (void)state;
    while (side_put(&s, n * 7919, (struct state){ 1, n }, 64) == SIDE_PUT)
        n++;
    assert_true(n >= 32 && n < 64);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(side_get(&s, i * 7919)->count, i);
    assert_null(side_get(&s, n * 7919));
    assert_int_equal(side_put(&s, UINT64_MAX - 1, (struct state){ 1, 1 }, 64), SIDE_FULL);
    side_free(&s);
}

/* --- the scan --- */

/* Snapshots between the writes give clusters many different numbers of references. */
static struct builder *shared(unsigned seed, bool damage)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = 9;
    opt.size = UINT64_C(2) << 20;
    b = builder_new(opt);
    srand(seed);
    for (unsigned i = 0; i < 700; i++) {
        uint64_t g = (uint64_t)rand() % b->geo.guest_clusters;

        if (i % 10 == 3)
            builder_map_compressed(b, g);
        else
            builder_map(b, g);
        if (i % 50 == 49)
            builder_add_snapshot(b, (char[]){ (char)('a' + i / 50), 0 }, "s");
    }
    for (unsigned i = 0; damage && i < 200; i++) {
        uint64_t at = 512 + (uint64_t)rand() % (b->len - 1024);

        builder_poke(b, at & ~UINT64_C(7), 8, (uint64_t)rand() << (rand() % 33));
    }
    return b;
}

static struct scan_result *scan(const struct image *img, unsigned threads, bool tightest)
{
    struct scan_options opt = { .threads = threads, .tightest = tightest };
    struct scan_result *r;

    assert_true(scan_run(img, &opt, NULL, &r, NULL));
    assert_int_equal(r->memory_short, tightest);
    assert_int_equal(r->l2 == NULL, tightest);
    return r;
}

/* Figures, and each cluster; without damage also each number of references. */
static void same_findings(const struct scan_result *a, const struct scan_result *b,
                          bool sound)
{
    struct map_cell x, y;
    uint64_t unknown = 0;

    assert_memory_equal(a->problems.count, b->problems.count, sizeof a->problems.count);
    assert_memory_equal(a->problems.qemu_count, b->problems.qemu_count,
                        sizeof a->problems.qemu_count);
    assert_memory_equal(&a->qemu, &b->qemu, sizeof a->qemu);
    assert_memory_equal(a->stats.class_clusters, b->stats.class_clusters,
                        sizeof a->stats.class_clusters);
    assert_int_equal(a->stats.l2_tables, b->stats.l2_tables);
    assert_int_equal(a->stats.twice_active, b->stats.twice_active);
    assert_int_equal(scan_exit_status(a), scan_exit_status(b));
    for (uint64_t cl = 0; cl < map_clusters(a->map); cl++) {
        map_get(a->map, cl, &x);
        map_get(b->map, cl, &y);
        assert_int_equal(x.cls, y.cls);
        assert_int_equal(x.problem, y.problem);
        if (y.counted == COUNTED_UNKNOWN) {
            assert_true(y.problem);
            unknown++;
        } else {
            assert_int_equal(x.counted, y.counted);
        }
    }
    if (sound)
        assert_int_equal(unknown, 0);
}

static void tightest_scan_finds_the_same(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 6; seed++) {
        bool damage = seed % 2;
        struct builder *b = shared(seed, damage);
        struct image *img = builder_open(b);
        struct scan_result *usual = scan(img, 1, false);

        assert_int_equal(scan_exit_status(usual) == 0, !damage);
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct scan_result *tight = scan(img, threads, true);

            same_findings(usual, tight, !damage);
            scan_free(tight);
        }
        scan_free(usual);
        image_close(img);
        builder_free(b);
    }
}

static void runs_of_lost_clusters_end(void **state)
{
    struct builder *b = shared(8, true);
    struct image *img = builder_open(b);
    struct scan_result *r = scan(img, 1, true);
    struct map_run run;
    uint64_t at = 0;

    (void)state;
    while (map_run_at(r->map, at, &run)) {
        assert_int_equal(run.first, at);
        assert_true(run.n > 0);
        at += run.n;
    }
    assert_int_equal(at, map_clusters(r->map));
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* The references that the search calls counted are those that the scan counted. */
static void referrers_add_up_to_what_was_counted(void **state)
{
    struct builder *b = shared(3, true);
    struct image *img = builder_open(b);
    struct scan_result *usual = scan(img, 1, false), *tight = scan(img, 1, true);

    (void)state;
    for (uint64_t cl = 0; cl < map_clusters(usual->map); cl += 5) {
        struct referrers with, without;
        struct map_cell cell;
        uint64_t sum = 0;

        map_get(usual->map, cl, &cell);
        assert_true(referrers_find(&(struct referrers_query){ img, usual, cl, 1, 1000, 1 },
                                   NULL, NULL, &with, NULL));
        assert_true(referrers_find(&(struct referrers_query){ img, tight, cl, 1, 1000, 1 },
                                   NULL, NULL, &without, NULL));
        assert_int_equal(with.total, without.total);
        for (size_t i = 0; i < with.n; i++)
            sum += with.list[i].counted ? with.list[i].walks : 0;
        assert_int_equal(sum, cell.counted);
        referrers_free(&with);
        referrers_free(&without);
    }
    scan_free(usual);
    scan_free(tight);
    image_close(img);
    builder_free(b);
}

/* --- reports --- */

/* UINT64_MAX, by which the code says that something is not known. */
#define SENTINEL "18446744073709551615"

static void reports_leave_out_counts_that_are_not_known(void **state)
{
    struct sink sink;

    (void)state;
    sink_init(&sink);
    sink.forbidden = SENTINEL;
    for (unsigned damage = 0; damage < 2; damage++) {
        struct builder *b = shared(3, damage);
        struct image *img = builder_open(b);
        struct scan_result *r = scan(img, 1, true);
        struct map_cell cell = { .counted = 0 };
        bool unknown = false;

        for (uint64_t c = 0; c < img->geo.n_clusters; c++) {
            map_get(r->map, c, &cell);
            unknown = unknown || cell.counted == COUNTED_UNKNOWN;
        }
        assert_int_equal(unknown, damage);          /* else nothing is tested */
        report_check(r, &sink);
        for (int json = 0; json < 2; json++)
            report_tables(r, json, &sink);
        report_maps(r, 3, &sink);
        for (unsigned choice = 0; choice < 4; choice++)
            report_places(r, choice, &sink);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
    sink_free(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_every_table_once),
        cmocka_unit_test(side_table_is_full_at_its_limit),
        cmocka_unit_test(tightest_scan_finds_the_same),
        cmocka_unit_test(reports_leave_out_counts_that_are_not_known),
        cmocka_unit_test(runs_of_lost_clusters_end),
        cmocka_unit_test(referrers_add_up_to_what_was_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
