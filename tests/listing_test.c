/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "report/ranges.h"
#include "report/stored.h"
#include "inspect/usage.h"
#include "support/image_builder.h"

/* An image and its scan. */
struct scanned {
    struct builder *b;
    struct image *img;
    struct scan_result *r;
};

static void scan(struct scanned *s)
{
    struct scan_options opt = { .threads = 1 };
    struct scan_progress *p = calloc(1, sizeof *p);

    assert_non_null(p);
    s->img = builder_open(s->b);
    assert_true(scan_run(s->img, &opt, p, &s->r, NULL));
    free(p);
}

static void drop(struct scanned *s)
{
    scan_free(s->r);
    image_close(s->img);
    builder_free(s->b);
}

/* --- stored --- */

static void stored_refcounts_are_those_that_single_reads_give(void **state)
{
    struct stored st;

    (void)state;
    for (uint32_t order = 0; order <= REFCOUNT_ORDER_MAX; order++) {
        struct builder_options opt = BUILDER_DEFAULTS;
        struct builder *b;
        struct image *img;

        opt.refcount_order = order;
        opt.cluster_bits = 9;
        b = builder_new(opt);
        for (uint64_t g = 0; g < 20; g++)
            builder_map(b, g * 7);
        img = builder_open(b);
        stored_init(&st, img, NULL);
        for (uint64_t k = 0; k < img->geo.n_clusters + 5000; k += 3) {
            uint64_t one = 9, many = 9;

            assert_int_equal(image_stored_refcount(img, k, &one),
                             stored_get(&st, k, &many));
            assert_int_equal(one, many);
        }
        stored_free(&st);
        image_close(img);
        builder_free(b);
    }
}

/* With a scan behind it no block is read where the map knows. */
static void stored_refcounts_from_the_map_are_the_same(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct stored st;

    (void)state;
    for (uint64_t g = 0; g < 40; g++)
        builder_map(s.b, g * 5);
    builder_add_snapshot(s.b, "1", "s");
    for (uint64_t k = 5; k < 30; k++)
        builder_set_refcount(s.b, k, k % 4);
    builder_poke(s.b, s.b->reftable_off + 8, 8, 0x2200);
    scan(&s);
    stored_init(&st, s.img, s.r);
    for (uint64_t k = 0; k < s.img->geo.n_clusters + 5000; k++) {
        uint64_t one = 9, many = 9;
        enum stored_status status = image_stored_refcount(s.img, k, &one);

        assert_int_equal(status, stored_get(&st, k, &many));
        assert_int_equal(one, many);
    }
    stored_free(&st);
    drop(&s);
}

static void an_unaligned_refcount_block_is_told(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct stored st;
    uint64_t n;

    (void)state;
    builder_poke(b, b->reftable_off, 8, 0x2200);
    img = builder_open(b);
    stored_init(&st, img, NULL);
    assert_int_equal(stored_get(&st, 0, &n), STORED_BAD_BLOCK);
    assert_int_equal(n, 0);
    stored_free(&st);
    image_close(img);
    builder_free(b);
}

/* --- ranges --- */

struct listed {
    uint64_t next, n, clusters;
    enum cluster_class last;
    bool gap, repeated;
};

static bool note_range(void *data, const struct range *r)
{
    struct listed *l = data;

    l->gap = l->gap || (l->n && r->first != l->next);
    l->repeated = l->repeated || (l->n && r->cls == l->last && r->first == l->next);
    l->last = r->cls;
    l->next = r->first + r->n;
    l->clusters += r->n;
    l->n++;
    return true;
}

static bool stop_at_once(void *data, const struct range *r)
{
    (void)r;
    ++*(int *)data;
    return false;
}

static void ranges_cover_the_file_and_neighbours_differ(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct listed l = { 0 };
    int calls = 0;

    (void)state;
    for (uint64_t g = 0; g < 40; g += 2)
        builder_map(s.b, g);
    builder_map_zero(s.b, 1, true);
    builder_alloc(s.b, 2);
    scan(&s);
    ranges_each(s.r->map, 0, UINT64_MAX, note_range, &l);
    assert_int_equal(l.clusters, map_clusters(s.r->map));
    assert_false(l.gap);
    assert_false(l.repeated);
    ranges_each(s.r->map, 0, UINT64_MAX, stop_at_once, &calls);
    assert_int_equal(calls, 1);
    drop(&s);
}

static void ranges_are_clipped_to_what_was_asked_for(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct listed l = { 0 };

    (void)state;
    for (uint64_t g = 0; g < 40; g++)
        builder_map(s.b, g);
    scan(&s);
    ranges_each(s.r->map, 7, 9, note_range, &l);
    assert_int_equal(l.clusters, 2);
    assert_int_equal(l.next, 9);
    drop(&s);
}

static void merged_ranges_join_classes_of_the_set(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct listed merged = { 0 }, single = { 0 };
    uint32_t set = 0;

    (void)state;
    builder_map(s.b, 0);
    scan(&s);
    for (int c = 0; c < N_CLASSES; c++)
        set |= UINT32_C(1) << c;
    ranges_merged(s.r->map, set, note_range, &merged);
    assert_int_equal(merged.n, 1);
    ranges_of(s.r->map, UINT32_C(1) << CLASS_DATA, note_range, &single);
    assert_int_equal(single.clusters, 1);
    drop(&s);
}

/* --- usage of snapshots --- */

static void a_fresh_snapshot_shares_everything(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct usage u;

    (void)state;
    for (uint64_t g = 0; g < 10; g++)
        builder_map(s.b, g);
    builder_add_snapshot(s.b, "1", "one");
    scan(&s);
    assert_true(usage_of_snapshot(s.r, 0, &(uint64_t){ USAGE_BYTES_MAX }, &u, NULL));
    assert_int_equal(u.normal, 10);
    assert_int_equal(u.same, 10);
    assert_int_equal(u.diverged, 0);
    assert_int_equal(u.alone_data, 0);
    assert_int_equal(u.alone_tables, 1);            /* its L1 table */
    drop(&s);
}

static void a_write_after_the_snapshot_makes_its_cluster_its_own(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct usage u;

    (void)state;
    for (uint64_t g = 0; g < 10; g++)
        builder_map(s.b, g);
    builder_add_snapshot(s.b, "1", "one");
    builder_map(s.b, 3);
    builder_map(s.b, 20);
    scan(&s);
    assert_int_equal(s.r->qemu.corruptions, 0);
    assert_true(usage_of_snapshot(s.r, 0, &(uint64_t){ USAGE_BYTES_MAX }, &u, NULL));
    assert_int_equal(u.same, 9);
    assert_int_equal(u.diverged, 1);
    assert_int_equal(u.alone_data, 1);
    assert_int_equal(u.alone_tables, 2);            /* L1 and the L2 that was copied */
    drop(&s);
}

static void a_cluster_two_snapshots_hold_belongs_to_none_alone(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct usage u;

    (void)state;
    builder_map(s.b, 0);
    builder_add_snapshot(s.b, "1", "one");
    builder_add_snapshot(s.b, "2", "two");
    builder_map(s.b, 0);
    scan(&s);
    for (size_t i = 0; i < 2; i++) {
        assert_true(usage_of_snapshot(s.r, i, &(uint64_t){ USAGE_BYTES_MAX }, &u, NULL));
        assert_int_equal(u.diverged, 1);
        assert_int_equal(u.alone_data, 0);
    }
    drop(&s);
}

static void compressed_clusters_alone_are_counted_once_per_host_cluster(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct usage u;

    (void)state;
    for (uint64_t g = 0; g < 3; g++)
        builder_map_compressed(s.b, g);             /* they share a host cluster */
    builder_add_snapshot(s.b, "1", "one");
    for (uint64_t g = 0; g < 3; g++)
        builder_map(s.b, g);
    scan(&s);
    assert_true(usage_of_snapshot(s.r, 0, &(uint64_t){ USAGE_BYTES_MAX }, &u, NULL));
    assert_int_equal(u.compressed, 3);
    assert_int_equal(u.alone_data, 1);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_refcounts_are_those_that_single_reads_give),
        cmocka_unit_test(stored_refcounts_from_the_map_are_the_same),
        cmocka_unit_test(an_unaligned_refcount_block_is_told),
        cmocka_unit_test(ranges_cover_the_file_and_neighbours_differ),
        cmocka_unit_test(ranges_are_clipped_to_what_was_asked_for),
        cmocka_unit_test(merged_ranges_join_classes_of_the_set),
        cmocka_unit_test(a_fresh_snapshot_shares_everything),
        cmocka_unit_test(a_write_after_the_snapshot_makes_its_cluster_its_own),
        cmocka_unit_test(a_cluster_two_snapshots_hold_belongs_to_none_alone),
        cmocka_unit_test(compressed_clusters_alone_are_counted_once_per_host_cluster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
