/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Rows of tables in their orders, and how full what they lead to is. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/table.h"
#include "support/image_builder.h"

static struct known known_of(const struct image *img, const struct scan_result *scan)
{
    return (struct known){ .img = img, .scan = scan };
}

static void rows_are_sorted_by_what_entries_point_to_or_by_problems(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table t = { .kind = TABLE_L2 };
    struct table_span spans[] = { { 7, 7 }, { 5, 7 }, { 400, UINT64_MAX } };
    struct table_wish by_value = { .used_only = true, .order = TABLE_BY_VALUE };
    struct table_wish by_problems = { .order = TABLE_BY_PROBLEMS, .spans = spans, .n_spans = 3 };
    struct table_listing l;
    struct image *img;

    (void)state;
    builder_map(b, 511);
    builder_map(b, 1);
    builder_map_zero(b, 0, false);
    img = builder_open(b);
    table_resolve(img, &t);
    assert_true(table_list_rows(img, &t, &by_value, NULL, &l, NULL));
    assert_int_equal(l.n, 3);
    assert_int_equal(l.row[0], 511);
    assert_int_equal(l.row[1], 1);
    assert_int_equal(l.row[2], 0);
    assert_int_equal(l.row_of[1], 1);
    assert_int_equal(l.row_of[2], UINT32_MAX);
    table_listing_free(&l);
    assert_true(table_list_rows(img, &t, &by_problems, NULL, &l, NULL));
    assert_int_equal(l.n, t.n);
    assert_int_equal(l.row[0], 7);
    assert_int_equal(l.row[1], 5);
    assert_int_equal(l.row[2], 6);
    assert_int_equal(l.row[3], 400);
    table_listing_free(&l);
    image_close(img);
    builder_free(b);
}

static void rows_are_sorted_by_raw_value_refcount_and_fullness(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table l2 = { .kind = TABLE_L2 }, l1 = { .kind = TABLE_L1 };
    struct table_wish wish = { .used_only = true };
    struct table_listing l;
    struct image *img;
    uint64_t data;

    (void)state;
    builder_map(b, 2);
    data = builder_map(b, 1);
    builder_map_zero(b, 0, false);
    for (uint64_t i = 600; i < 1000; i++)
        builder_map(b, i);
    builder_set_refcount(b, data >> 12, 3);
    img = builder_open(b);
    table_resolve(img, &l2);
    table_resolve(img, &l1);
    wish.order = TABLE_BY_RAW;          /* 0 has no COPIED flag; 2 lies before 1 */
    assert_true(table_list_rows(img, &l2, &wish, NULL, &l, NULL));
    assert_int_equal(l.n, 3);
    assert_int_equal(l.row[0], 0);
    assert_int_equal(l.row[1], 2);
    assert_int_equal(l.row[2], 1);
    table_listing_free(&l);
    wish.order = TABLE_BY_REFCOUNT;
    assert_true(table_list_rows(img, &l2, &wish, NULL, &l, NULL));
    assert_int_equal(l.row[0], 1);
    assert_int_equal(l.row[1], 2);
    assert_int_equal(l.row[2], 0);
    table_listing_free(&l);
    wish.order = TABLE_BY_FULLNESS;     /* the second L2 table has 400 entries, the first 3 */
    assert_true(table_list_rows(img, &l1, &wish, NULL, &l, NULL));
    assert_int_equal(l.n, 2);
    assert_int_equal(l.row[0], 1);
    assert_int_equal(l.row[1], 0);
    table_listing_free(&l);
    assert_false(table_has_order(img, TABLE_L2, TABLE_BY_FULLNESS));
    assert_false(table_has_order(img, TABLE_REFBLOCK, TABLE_BY_REFCOUNT));
    image_close(img);
    builder_free(b);
}

static void a_strip_shows_where_an_l2_table_is_full(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table t = { .kind = TABLE_L1 };
    struct image *img;
    struct table_row row;
    struct known known;
    uint64_t index = 0;

    (void)state;
    for (uint64_t i = 0; i < 32; i++)
        builder_map_zero(b, i, false);
    builder_map_zero(b, 511, false);
    img = builder_open(b);
    known = known_of(img, NULL);
    table_resolve(img, &t);
    table_read(&known, &t, &index, 1, &row);
    assert_true(row.has_strip);
    assert_int_equal(row.strip[0], 8);
    for (int i = 1; i < STRIP - 1; i++)
        assert_int_equal(row.strip[i], 0);
    assert_int_equal(row.strip[STRIP - 1], 1); /* one entry is little, but not nothing */
    image_close(img);
    builder_free(b);
}

static void a_strip_of_a_large_table_looks_into_each_of_its_parts(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct table t = { .kind = TABLE_L1 };
    struct image *img;
    struct table_row row;
    struct builder *b;
    struct known known;
    uint64_t index = 0;

    (void)state;
    opt.cluster_bits = 21;
    b = builder_new(opt);
    for (uint64_t i = 0; i < b->geo.l2_entries / STRIP; i++)
        builder_set_l2(b, 5 * b->geo.l2_entries / STRIP + i, OFLAG_ZERO, 0);
    img = builder_open(b);
    known = known_of(img, NULL);
    table_resolve(img, &t);
    table_read(&known, &t, &index, 1, &row);
    assert_true(row.has_strip);
    for (int i = 0; i < STRIP; i++)
        assert_int_equal(row.strip[i], i == 5 ? 8 : 0);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_by_what_entries_point_to_or_by_problems),
        cmocka_unit_test(rows_are_sorted_by_raw_value_refcount_and_fullness),
        cmocka_unit_test(a_strip_shows_where_an_l2_table_is_full),
        cmocka_unit_test(a_strip_of_a_large_table_looks_into_each_of_its_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
