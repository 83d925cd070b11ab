/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

/* The scan as a whole: figures, threads, cancelling, map, referrers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limits.h"
#include "scan/referrers.h"
#include "support/scanned.h"

static void same_records(const struct scan_result *a, const struct scan_result *b)
{
    assert_int_equal(a->problems.n, b->problems.n);
    assert_memory_equal(a->problems.count, b->problems.count, sizeof a->problems.count);
    assert_memory_equal(a->problems.qemu_count, b->problems.qemu_count,
                        sizeof a->problems.qemu_count);
    assert_memory_equal(&a->qemu, &b->qemu, sizeof a->qemu);
    assert_memory_equal(a->stats.class_clusters, b->stats.class_clusters,
                        sizeof a->stats.class_clusters);
    for (size_t i = 0; i < a->problems.n; i++) {
        struct buf x = BUF_INIT, y = BUF_INIT;

        problem_text(&a->problems.list[i], a->img, &x);
        problem_text(&b->problems.list[i], b->img, &y);
        assert_string_equal(buf_str(&x), buf_str(&y));
        buf_free(&x);
        buf_free(&y);
    }
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct builder *b = damaged(seed, seed % 3 == 0);
        struct image *img = builder_open(b);
        struct scan_result *one = scan_with(img, 1, seed % 2 ? 5 : 0);

        for (unsigned threads = 2; threads <= 5; threads++) {
            struct scan_result *more = scan_with(img, threads, seed % 2 ? 5 : 0);

            same_records(one, more);
            scan_free(more);
        }
        scan_free(one);
        image_close(img);
        builder_free(b);
    }
}

static void an_extent_goes_on_where_only_the_copied_flag_differs(void **state)
{
    static const uint64_t host[] = { 40, 41, 60, 80, 70 };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct scan_result *r;

    (void)state;
    builder_truncate(b, (size_t)100 << b->geo.cluster_bits);
    for (unsigned i = 0; i < 5; i++)
        builder_set_l2(b, i, host[i] << b->geo.cluster_bits | (i % 2 ? 0 : OFLAG_COPIED), 0);
    img = builder_open(b);
    r = scan_with(img, 1, 0);
    assert_int_equal(r->stats.largest_extent, 2);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void a_damaged_zero_entry_keeps_its_cluster_for_zeros(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t host = builder_map_zero(b, 7, true);
    struct image *img;
    struct scan_result *r;

    (void)state;
    builder_set_l2(b, 7, host | OFLAG_COPIED | OFLAG_ZERO | 2, 0);
    img = builder_open(b);
    r = scan_with(img, 1, 0);
    assert_int_equal(r->problems.count[PROBLEM_L2_RESERVED], 1);
    assert_int_equal(r->stats.class_clusters[CLASS_ZERO_ALLOC], 1);
    assert_int_equal(r->stats.class_clusters[CLASS_DATA], 0);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* 512 tables, of which each 128 refer to the same 1,200 clusters, some 50 times each: threads
 * count at the same time in the same cells. */
static struct builder *contested(unsigned seed, uint64_t run)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = UINT64_C(1) << 30;
    b = builder_new(opt);
    srand(seed);
    for (uint64_t g = 0, cl = 0; g < b->geo.guest_clusters; g++) {
        cl = g % run ? cl + 1 : (uint64_t)rand() % 1200 + 1000 + g / 65536 * 1300;
        builder_set_l2(b, g, OFLAG_COPIED | cl << opt.cluster_bits, 0);
    }
    builder_truncate(b, (size_t)7000 << opt.cluster_bits);
    return b;
}

static void contested_clusters_are_counted_exactly(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 2; seed++) {
        struct builder *b = contested(seed, seed % 2 ? 1 : 32);
        struct image *img = builder_open(b);
        struct scan_result *one = scan_with(img, 1, 0);

        for (unsigned threads = 2; threads <= 4; threads += 2) {
            struct scan_result *more = scan_with(img, threads, 0);

            same_records(one, more);
            for (uint64_t cl = 0; cl < img->geo.n_clusters; cl++) {
                struct map_cell x, y;

                map_get(one->map, cl, &x);
                map_get(more->map, cl, &y);
                assert_int_equal(x.counted, y.counted);
                assert_int_equal(x.owners, y.owners);
            }
            scan_free(more);
        }
        scan_free(one);
        image_close(img);
        builder_free(b);
    }
}

static void fewer_records_keep_exact_counts(void **state)
{
    struct builder *b = damaged(77, false);
    struct image *img = builder_open(b);
    struct scan_result *all = scan_with(img, 2, 100000), *few = scan_with(img, 2, 3);

    (void)state;
    assert_true(problems_complete(&all->problems));
    assert_false(problems_complete(&few->problems));
    assert_true(few->problems.n < all->problems.n);
    assert_memory_equal(all->problems.count, few->problems.count, sizeof few->problems.count);
    assert_memory_equal(&all->qemu, &few->qemu, sizeof all->qemu);
    scan_free(all);
    scan_free(few);
    image_close(img);
    builder_free(b);
}

/* A consumer that keeps nothing but sums: problems per kind, and the order of the records. */
struct summed { uint64_t count[N_PROBLEMS], qemu[N_PROBLEMS], records, order; };

static void sum_up(void *ctx, const struct problem *p)
{
    struct summed *s = ctx;

    s->count[p->kind] += p->count;
    s->qemu[p->kind] += p->qemu_count;
    s->records++;
    s->order = s->order * UINT64_C(0x100000001b3)
               + (p->kind ^ p->place.i << 8 ^ p->place.j << 32 ^ p->found << 16);
}

static void a_sink_gets_every_record_in_one_order_whatever_is_kept(void **state)
{
    (void)state;
    for (unsigned seed = 20; seed < 26; seed++) {
        struct builder *b = damaged(seed, false);
        struct image *img = builder_open(b);
        struct scan_result *plain = scan_with(img, 3, 2);
        struct summed first = { .records = 0 };

        for (unsigned threads = 1; threads <= 4; threads += 3) {
            struct summed got = { .records = 0 };
            struct problem_sink sink = { sum_up, &got };
            struct scan_options opt = { .threads = threads, .problems_kept = 2,
                                        .sink = &sink };
            struct scan_result *r;

            assert_true(scan_run(img, &opt, NULL, &r, NULL));
            assert_false(problems_complete(&r->problems));
            assert_memory_equal(got.count, plain->problems.count, sizeof got.count);
            assert_memory_equal(got.qemu, plain->problems.qemu_count, sizeof got.qemu);
            assert_memory_equal(got.count, r->problems.count, sizeof got.count);
            assert_true(got.records > r->problems.n);
            if (threads == 1)
                first = got;
            assert_true(got.order == first.order);
            scan_free(r);
        }
        scan_free(plain);
        image_close(img);
        builder_free(b);
    }
}

static void cancelled_scan_is_partial(void **state)
{
    struct builder *b = damaged(5, false);
    struct image *img = builder_open(b);
    struct scan_progress progress = { .cancel = true };
    struct scan_result *r;

    (void)state;
    assert_true(scan_run(img, NULL, &progress, &r, NULL));
    assert_true(r->partial);
    assert_int_equal(scan_exit_status(r), 1);
    assert_int_equal(r->stats.class_clusters[CLASS_LEAKED], 0);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void holes_in_tables_do_not_change_the_result(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    char path[] = "scan_test_XXXXXX";
    int fd = mkstemp(path);
    struct image *dense, *sparse;
    struct scan_result *a, *c;
    struct source *src;

    (void)state;
    assert_true(fd >= 0);
    opt.cluster_bits = 18;
    opt.size = UINT64_C(20) << 30;
    b = builder_new(opt);
    for (uint64_t g = 0; g < 40; g++)
        builder_map(b, g * 1999 + g % 3);
    builder_set_l2(b, 5000, 0x10, 0);
    builder_set_l2(b, 5001, OFLAG_COPIED | builder_map(b, 9999), 0);
    assert_int_equal(ftruncate(fd, (off_t)b->len), 0);
    for (size_t at = 0; at < b->len; at += 4096) {
        static const uint8_t zeros[4096];

        if (memcmp(b->bytes + at, zeros, sizeof zeros) != 0)
            assert_int_equal(pwrite(fd, b->bytes + at, 4096, (off_t)at), 4096);
    }
    dense = builder_open(b);
    assert_true(source_open_file(path, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, &sparse, NULL));
    a = scan_with(dense, 2, 0);
    c = scan_with(sparse, 2, 0);
    assert_true(a->problems.n > 0);
    same_records(a, c);
    assert_memory_equal(&a->stats.active, &c->stats.active, sizeof a->stats.active);
    scan_free(a);
    scan_free(c);
    image_close(dense);
    image_close(sparse);
    builder_free(b);
    close(fd);
    unlink(path);
}

/* --- the map --- */

static void map_answers_agree_with_each_other(void **state)
{
    struct builder *b = damaged(9, false);
    struct image *img = builder_open(b);
    struct scan_result *r = scan_with(img, 2, 0);
    uint64_t n = map_clusters(r->map), at = 0, found;
    struct map_hist whole, part, sum;
    struct map_run run;

    (void)state;
    assert_int_equal(n, img->geo.n_clusters);
    memset(&sum, 0, sizeof sum);
    map_histogram(r->map, 0, UINT64_MAX, &whole);
    while (map_run_at(r->map, at, &run)) {
        assert_int_equal(run.first, at);
        for (uint64_t cl = at; cl < at + run.n; cl++) {
            struct map_cell c;

            map_get(r->map, cl, &c);
            assert_int_equal(c.cls, run.cell.cls);
            assert_int_equal(c.counted, run.cell.counted);
            assert_int_equal(c.problem, run.cell.problem);
        }
        sum.n[run.cell.cls] += run.n;
        sum.problems += run.cell.problem ? run.n : 0;
        map_histogram(r->map, at, run.n, &part);
        assert_int_equal(part.n[run.cell.cls], run.n);
        at += run.n;
    }
    assert_int_equal(at, n);
    assert_memory_equal(&sum, &whole, sizeof sum);
    for (int c = 0; c <= N_CLASSES; c++) {
        uint64_t forth = 0, back = 0, expected = c == N_CLASSES ? whole.problems : whole.n[c];
        struct map_cell first;

        map_get(r->map, 0, &first);
        forth = c == N_CLASSES ? first.problem : first.cls == (enum cluster_class)c;
        for (at = 0; map_find(r->map, at, 1, (enum cluster_class)c, &found); at = found) {
            assert_true(found > at);
            forth++;
        }
        for (at = n; map_find(r->map, at, -1, (enum cluster_class)c, &found); at = found) {
            assert_true(found < at);
            back++;
        }
        if (c != CLASS_BEYOND) {
            assert_int_equal(forth, expected);
            assert_int_equal(back, expected);
        }
    }
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* --- who points here --- */

static void referrers_add_up_to_the_counted_references(void **state)
{
    (void)state;
    for (unsigned seed = 20; seed < 24; seed++) {
        struct builder *b = damaged(seed, seed == 23);
        struct image *img = builder_open(b);
        struct scan_result *r = scan_with(img, 2, 0);

        for (uint64_t cl = 0; cl < map_clusters(r->map); cl += 3) {
            struct referrers with, without;
            struct map_cell cell;
            uint64_t sum = 0;

            map_get(r->map, cl, &cell);
            assert_true(referrers_find(&(struct referrers_query){ img, r, cl, 1, 1000, 2 },
                                   NULL, NULL, &with, NULL));
            assert_true(referrers_find(&(struct referrers_query){ img, NULL, cl, 1, 1000, 1 },
                                   NULL, NULL, &without, NULL));
            assert_int_equal(with.n, without.n);
            for (size_t i = 0; i < with.n; i++) {
                sum += with.list[i].walks;
                assert_true(with.list[i].owner & cell.owners);
                assert_true(place_equal(&with.list[i].place, &without.list[i].place));
            }
            if (sum != cell.counted)
                fail_msg("cluster %llu: %llu by walking, %llu counted",
                         (unsigned long long)cl, (unsigned long long)sum,
                         (unsigned long long)cell.counted);
            referrers_free(&with);
            referrers_free(&without);
        }
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void referrers_over_the_limit_are_counted(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 0);
    struct image *img;
    struct referrers found;

    (void)state;
    for (uint64_t g = 1; g < 50; g++)
        builder_set_l2(b, g, data, 0);
    img = builder_open(b);
    assert_true(referrers_find(&(struct referrers_query){ img, NULL, data >> 12, 1, 4, 2 },
                                   NULL, NULL, &found, NULL));
    assert_int_equal(found.n, 4);
    assert_int_equal(found.total, 50);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(found.list[i].place.j, i);
    referrers_free(&found);
    image_close(img);
    builder_free(b);
}

static void overlaps_name_both_owners(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct scan_result *r;
    bool told = false;

    (void)state;
    builder_map(b, 0);
    builder_set_l2(b, 9, OFLAG_COPIED | b->reftable_off, 0);
    img = builder_open(b);
    r = scan_with(img, 2, 0);
    for (size_t i = 0; i < r->problems.n; i++) {
        const struct problem *p = &r->problems.list[i];

        if (p->kind != PROBLEM_OVERLAP)
            continue;
        told = true;
        assert_int_equal(p->owner.kind, PLACE_HEADER);
        assert_int_equal(p->owner.i, 48);
        assert_int_equal(p->other.kind, PLACE_L2);
        assert_int_equal(p->other.j, 9);
        assert_int_equal(p->guest_off, 9 * 4096);
    }
    assert_true(told);
    assert_int_equal(scan_guest_bytes_damaged(r), 4096);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* --- hostile layouts --- */

/* Tables that lie on one another cost what the file holds, not what they claim. Each one
 * counts all the same. */
static void tables_on_one_another_are_walked_once(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data, entry;
    struct image *img;
    struct scan_result *r;
    struct map_cell cell;

    (void)state;
    data = builder_map(b, 0);
    for (int i = 0; i < 9; i++)
        builder_add_snapshot(b, "x", "y");
    for (size_t i = 0; i < 9; i++) {
        entry = builder_snapshot_off(b, i);
        builder_poke_field(b, "snapshot", entry, "l1_table_offset", b->l1_off);
    }
    img = builder_open(b);
    r = scan_with(img, 2, 0);
    map_get(r->map, data >> 12, &cell);
    assert_int_equal(cell.counted, 10);
    map_get(r->map, b->l1_off >> 12, &cell);
    assert_int_equal(cell.counted, 10);
    assert_int_equal(cell.cls, CLASS_MIXED);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void too_many_misaligned_tables_are_left_out(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct scan_result *r;

    (void)state;
    opt.cluster_bits = 21;
    opt.l1_size = 4000;
    b = builder_new(opt);
    builder_map(b, 0);
    for (uint64_t i = 1; i < 4000; i++)
        builder_poke(b, b->l1_off + i * 8, 8, b->l1_off + i * 512);
    img = builder_open(b);
    r = scan_with(img, 2, 0);
    assert_string_equal(r->refused.id, "too-many-misaligned-tables");
    assert_int_equal(r->problems.count[PROBLEM_L2_MISALIGNED], 3999);
    assert_int_equal(scan_exit_status(r), 1);
    assert_int_equal(scan_strict_status(r), 2);
    assert_true(r->n_l2 * opt.cluster_bits < 4000);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_the_result),
        cmocka_unit_test(an_extent_goes_on_where_only_the_copied_flag_differs),
        cmocka_unit_test(a_damaged_zero_entry_keeps_its_cluster_for_zeros),
        cmocka_unit_test(contested_clusters_are_counted_exactly),
        cmocka_unit_test(fewer_records_keep_exact_counts),
        cmocka_unit_test(a_sink_gets_every_record_in_one_order_whatever_is_kept),
        cmocka_unit_test(cancelled_scan_is_partial),
        cmocka_unit_test(holes_in_tables_do_not_change_the_result),
        cmocka_unit_test(map_answers_agree_with_each_other),
        cmocka_unit_test(referrers_add_up_to_the_counted_references),
        cmocka_unit_test(referrers_over_the_limit_are_counted),
        cmocka_unit_test(overlaps_name_both_owners),
        cmocka_unit_test(tables_on_one_another_are_walked_once),
        cmocka_unit_test(too_many_misaligned_tables_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
