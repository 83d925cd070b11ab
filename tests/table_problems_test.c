/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which rows of which table a problem concerns. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "inspect/table.h"
#include "support/image_builder.h"

#define NONE UINT64_MAX

/* Refcount blocks of 256 clusters; three snapshots, two bitmaps. */
static struct image *open_all(struct builder **b)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.cluster_bits = 9;
    *b = builder_new(opt);
    builder_alloc(*b, 600);
    builder_map(*b, 3);
    builder_add_snapshot(*b, "1", "one");
    builder_add_snapshot(*b, "2", "two");
    builder_add_snapshot(*b, "3", "three");
    builder_add_bitmap(*b, "a", 9, 0);
    builder_add_bitmap(*b, "b", 9, 0);
    return builder_open(*b);
}

static const struct {
    struct table table;
    enum place_kind kind;
    uint32_t layer;
    uint64_t i, j, count;           /* of the problem */
    uint64_t first, last;           /* rows */
} rows[] = {
    { { .kind = TABLE_L1 }, PLACE_L1, 0, 5, 0, 3, 5, 7 },
    { { .kind = TABLE_L1 }, PLACE_L2, 0, 5, 9, 3, 5, 5 },
    { { .kind = TABLE_L1 }, PLACE_L1, 1, 5, 0, 1, NONE, NONE },
    { { .kind = TABLE_L1, .layer = 2 }, PLACE_L2, 2, 6, 9, 3, 6, 6 },
    { { .kind = TABLE_L1 }, PLACE_L1, 0, 127, 0, 9, 127, 127 },
    { { .kind = TABLE_L1 }, PLACE_L1, 0, 128, 0, 1, NONE, NONE },
    { { .kind = TABLE_L1 }, PLACE_CLUSTER, 0, 5, 0, 1, NONE, NONE },
    { { .kind = TABLE_REFTABLE }, PLACE_REFTABLE, 0, 1, 0, 2, 1, 2 },
    { { .kind = TABLE_REFTABLE }, PLACE_REFBLOCK, 0, 1, 99, 2, 1, 1 },
    { { .kind = TABLE_REFTABLE }, PLACE_CLUSTER, 0, 255, 0, 1, 0, 0 },
    { { .kind = TABLE_REFTABLE }, PLACE_CLUSTER, 0, 255, 0, 2, 0, 1 },
    { { .kind = TABLE_REFTABLE }, PLACE_CLUSTER, 0, 256, 0, 256, 1, 1 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_REFBLOCK, 0, 1, 7, 2, 7, 8 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_REFBLOCK, 0, 2, 7, 2, NONE, NONE },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 300, 0, 2, 44, 45 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 250, 0, 10, 0, 3 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 500, 0, 100, 244, 255 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 100, 0, 156, NONE, NONE },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 100, 0, 157, 0, 0 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 511, 0, 1, 255, 255 },
    { { .kind = TABLE_REFBLOCK, .i = 1 }, PLACE_CLUSTER, 0, 512, 0, 1, NONE, NONE },
    { { .kind = TABLE_SNAPSHOTS }, PLACE_SNAPSHOT, 0, 1, 0, 2, 1, 2 },
    { { .kind = TABLE_SNAPSHOTS }, PLACE_L1, 2, 7, 0, 9, 1, 1 },
    { { .kind = TABLE_SNAPSHOTS }, PLACE_L2, 3, 7, 8, 9, 2, 2 },
    { { .kind = TABLE_SNAPSHOTS }, PLACE_L2, 0, 7, 8, 9, NONE, NONE },
    { { .kind = TABLE_SNAPSHOTS }, PLACE_CLUSTER, 2, 1, 0, 1, NONE, NONE },
    { { .kind = TABLE_BITMAPS }, PLACE_BITMAP, 0, 1, 0, 1, 1, 1 },
    { { .kind = TABLE_BITMAPS }, PLACE_BITMAP_TABLE, 0, 0, 5, 7, 0, 0 },
    { { .kind = TABLE_BITMAPS }, PLACE_SNAPSHOT, 0, 0, 0, 1, NONE, NONE },
    { { .kind = TABLE_BITMAP, .i = 1 }, PLACE_BITMAP_TABLE, 0, 1, 0, 1, 0, 0 },
    { { .kind = TABLE_BITMAP, .i = 1 }, PLACE_BITMAP_TABLE, 0, 0, 0, 1, NONE, NONE },
    { { .kind = TABLE_BITMAP, .i = 1 }, PLACE_BITMAP, 0, 1, 0, 1, NONE, NONE },
};

static void the_rows_of_a_problem_are_those_of_its_entries(void **state)
{
    struct builder *b;
    struct image *img = open_all(&b);

    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        struct table t = rows[k].table;
        struct problem p = {
            .kind = PROBLEM_LEAKED, .count = rows[k].count,
            .place = { .kind = rows[k].kind, .layer = rows[k].layer, .i = rows[k].i,
                       .j = rows[k].j, .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS },
        };
        uint64_t first = NONE, last = NONE;

        table_resolve(img, &t);
        assert_true(t.n > 0);
        (void)table_problem_rows(img, &t, &p, &first, &last);
        if (first != rows[k].first || last != rows[k].last)
            fail_msg("row %zu: %llu - %llu", k, (unsigned long long)first,
                     (unsigned long long)last);
    }
    image_close(img);
    builder_free(b);
}

/* L2 tables may be shared by many L1 entries: the place in the file decides. */
static void rows_of_an_l2_table_are_told_by_where_its_entries_lie(void **state)
{
    struct builder *b;
    struct image *img = open_all(&b);
    struct table t = { .kind = TABLE_L2, .i = 0 };
    struct problem p = { .kind = PROBLEM_L2_RESERVED, .count = 2,
                         .place = { .kind = PLACE_L2, .i = 77, .j = 99 } };
    uint64_t first, last;

    (void)state;
    table_resolve(img, &t);
    p.place.file_off = t.off + 5 * 8;
    assert_true(table_problem_rows(img, &t, &p, &first, &last));
    assert_int_equal(first, 5);
    assert_int_equal(last, 6);
    p.place.file_off = t.off + 63 * 8;
    assert_true(table_problem_rows(img, &t, &p, &first, &last));
    assert_int_equal(first, 63);
    assert_int_equal(last, 63);
    p.place.file_off = t.off + 64 * 8;
    assert_false(table_problem_rows(img, &t, &p, &first, &last));
    p.place.file_off = t.off - 8;
    assert_false(table_problem_rows(img, &t, &p, &first, &last));
    p.place.file_off = NO_ADDRESS;
    assert_false(table_problem_rows(img, &t, &p, &first, &last));
    p.place.file_off = t.off;
    p.place.kind = PLACE_L1;
    assert_false(table_problem_rows(img, &t, &p, &first, &last));
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_of_a_problem_are_those_of_its_entries),
        cmocka_unit_test(rows_of_an_l2_table_are_told_by_where_its_entries_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
