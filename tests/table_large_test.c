/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables of clusters of 2 MiB, which are read in several pieces. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "inspect/table.h"
#include "support/image_builder.h"

static struct builder *large(uint32_t refcount_order)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.cluster_bits = 21;
    opt.refcount_order = refcount_order;
    opt.size = UINT64_C(1) << 40;       /* two L2 tables */
    return builder_new(opt);
}

static void expect_used(const struct image *img, const struct table *t, const uint64_t *index,
                        size_t n)
{
    uint32_t *used;
    size_t got;

    assert_true(table_used(img, t, NULL, &used, &got, NULL));
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(used[i], index[i]);
    free(used);
}

/* Entries at the borders of what is read at once, and at both ends. */
static const uint64_t entry[] = { 0, 1, 131070, 131071, 131072, 131073, 262142, 262143 };
#define N_ENTRIES (sizeof entry / sizeof entry[0])

static void used_entries_of_every_piece_of_an_l2_table_are_found(void **state)
{
    struct builder *b = large(4);
    struct table t = { .kind = TABLE_L2, .i = 1 };
    uint64_t first = b->geo.l2_entries, data = builder_map(b, 0);
    struct image *img;

    (void)state;
    for (size_t i = 0; i < N_ENTRIES; i++)
        builder_set_l2(b, first + entry[i], data | OFLAG_COPIED, 0);
    img = builder_open(b);
    table_resolve(img, &t);
    expect_used(img, &t, entry, N_ENTRIES);
    image_close(img);
    builder_free(b);
}

static void a_search_goes_from_piece_to_piece_in_both_directions(void **state)
{
    struct builder *b = large(4);
    struct table_quest s = { .table = { .kind = TABLE_L2, .i = 1 }, .index = entry[0] };
    struct task_run run = { 0 };
    uint64_t first = b->geo.l2_entries, data = builder_map(b, 0), other = builder_map(b, 7);
    struct image *img;

    (void)state;
    for (size_t i = 0; i < N_ENTRIES; i++)
        builder_set_l2(b, first + entry[i], data | OFLAG_COPIED, 0);
    builder_set_l2(b, first + 500, other | OFLAG_COPIED, 0);
    img = builder_open(b);
    table_resolve(img, &s.table);
    s.wanted = data + 4096;
    s.dir = 1;
    for (size_t i = 1; i < N_ENTRIES; i++) {
        assert_true(table_find(img, &s, &run, NULL));
        assert_int_equal(s.index, entry[i]);
        assert_int_equal(s.table.i, 1);
        assert_false(s.wrapped);
    }
    assert_true(table_find(img, &s, &run, NULL));
    assert_int_equal(s.table.i, 0);                 /* the first table has one as well */
    assert_int_equal(s.index, 0);
    assert_true(s.wrapped);
    s.dir = -1;
    for (size_t i = N_ENTRIES; i-- > 0; ) {
        assert_true(table_find(img, &s, &run, NULL));
        assert_int_equal(s.table.i, 1);
        assert_int_equal(s.index, entry[i]);
        assert_int_equal(s.wrapped, i == N_ENTRIES - 1);
    }
    image_close(img);
    builder_free(b);
}

static void used_entries_of_every_piece_of_a_refcount_block_are_found(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= 6; order++) {
        struct builder *b = large(order);
        uint64_t n = b->geo.refblock_entries, piece = n / 2, used[64];
        struct table t = { .kind = TABLE_REFBLOCK };
        size_t n_used = 0;
        struct image *img;

        builder_set_refcount(b, piece - 1, 1);
        builder_set_refcount(b, piece, 1);
        builder_set_refcount(b, piece + 1, 1);
        builder_set_refcount(b, n - 1, 1);
        img = builder_open(b);
        for (uint64_t c = 0; c < img->geo.n_clusters; c++)
            if (builder_refcount(b, c))
                used[n_used++] = c;
        for (uint64_t c = piece - 1; c <= piece + 1; c++)
            used[n_used++] = c;
        used[n_used++] = n - 1;
        table_resolve(img, &t);
        assert_int_equal(t.n, n);
        expect_used(img, &t, used, n_used);
        image_close(img);
        builder_free(b);
    }
}

static void a_large_refcount_block_is_sorted_by_refcount(void **state)
{
    struct builder *b = large(4);
    struct table t = { .kind = TABLE_REFBLOCK };
    struct table_wish wish = { .order = TABLE_BY_VALUE, .used_only = true };
    uint64_t n = b->geo.refblock_entries;
    struct table_listing rows;
    struct image *img;

    (void)state;
    builder_set_refcount(b, n - 1, 9);
    builder_set_refcount(b, n / 2, 8);
    builder_set_refcount(b, n / 2 - 1, 7);
    img = builder_open(b);
    table_resolve(img, &t);
    assert_true(table_list_rows(img, &t, &wish, NULL, &rows, NULL));
    assert_int_equal(rows.n, img->geo.n_clusters + 3);
    assert_int_equal(rows.row[0], n - 1);
    assert_int_equal(rows.row[1], n / 2);
    assert_int_equal(rows.row[2], n / 2 - 1);
    assert_int_equal(rows.row[3], 0);
    assert_int_equal(rows.row_of[n / 2], 1);
    assert_int_equal(rows.row_of[n - 2], UINT32_MAX);
    table_listing_free(&rows);
    image_close(img);
    builder_free(b);
}

static void a_stopped_search_lists_nothing(void **state)
{
    struct builder *b = large(4);
    struct task_run run = { .cancel = true };
    struct table t = { .kind = TABLE_REFBLOCK };
    struct table_wish wish = { .order = TABLE_BY_VALUE };
    struct table_listing rows;
    struct image *img = builder_open(b);
    struct error err;

    (void)state;
    table_resolve(img, &t);
    for (int order = 0; order < 2; order++) {
        wish.order = order ? TABLE_BY_VALUE : TABLE_BY_INDEX;
        assert_false(table_list_rows(img, &t, &wish, &run, &rows, &err));
        assert_int_equal(err.code, ERR_CANCELLED);
        assert_null(rows.row);
    }
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_entries_of_every_piece_of_an_l2_table_are_found),
        cmocka_unit_test(a_search_goes_from_piece_to_piece_in_both_directions),
        cmocka_unit_test(used_entries_of_every_piece_of_a_refcount_block_are_found),
        cmocka_unit_test(a_large_refcount_block_is_sorted_by_refcount),
        cmocka_unit_test(a_stopped_search_lists_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
