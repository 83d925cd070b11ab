/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/address.h"
#include "support/image_builder.h"
#include "inspect/table.h"
#include "ui/where.h"

static struct known known_of(const struct image *img, const struct scan_result *scan)
{
    return (struct known){ .img = img, .scan = scan };
}

static struct ui ui_of(const struct image *img, const struct scan_result *scan)
{
    return (struct ui){ .img = img, .scan = scan, .problem = NO_PROBLEM, .search = "" };
}

static void every_place_leads_to_its_row_and_back(void **state)
{
    static const char *const typed[] = {
        "L1[1]",           "L2[0][3]", "snap 1", "snap 1 L1[0]",
        "snap 1 L2[0][3]", "rt 0",     "rb 0 3", "bitmap 1",
        "L2[1][4]", "snap 2 L2[1][3]", "rt 1", "rb 1 3", "bitmap 2", "bitmap 2 table entry 0",
    };
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct known known;

    (void)state;
    opt.cluster_bits = 9;               /* 64 entries in all tables */
    opt.refcount_order = 6;
    b = builder_new(opt);
    for (uint64_t g = 0; g < 70; g++)
        builder_map(b, g);
    builder_add_snapshot(b, "1", "before");
    builder_add_snapshot(b, "2", "later");
    builder_add_bitmap(b, "daily", 16, 0);
    builder_add_bitmap(b, "weekly", 16, 0);
    img = builder_open(b);
    known = known_of(img, NULL);
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        struct place place;
        struct place again;
        struct table t;
        uint64_t row;
        struct error err;

        if (!address_parse(img, NULL, typed[i], &place, &err))
            fail_msg("%s: %s", typed[i], err.text);
        assert_true(table_of_place(&known, &place, &t, &row));
        again = table_place(img, &t, row);
        if (!place_equal(&place, &again) || place.file_off != again.file_off)
            fail_msg("%s does not come back", typed[i]);
    }
    image_close(img);
    builder_free(b);
}

static void a_guest_offset_without_table_leads_to_the_l1_row(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct known known = known_of(img, NULL);
    struct place p = { .kind = PLACE_GUEST,
                       .guest_off = 3 << 20,
                       .file_off = NO_ADDRESS };
    struct table t;
    uint64_t row;

    (void)state;
    assert_true(table_of_place(&known, &p, &t, &row));
    assert_int_equal(t.kind, TABLE_L1);
    assert_int_equal(row, 1);
    image_close(img);
    builder_free(b);
}

static void a_guest_offset_leads_to_the_row_of_its_l2_table(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct place p = { .kind = PLACE_GUEST, .file_off = NO_ADDRESS };
    struct image *img;
    struct known known;
    struct table t;
    uint64_t row;

    (void)state;
    builder_map(b, 512 + 300);
    img = builder_open(b);
    known = known_of(img, NULL);
    p.guest_off = (512 + 299) << b->geo.cluster_bits;
    assert_true(table_of_place(&known, &p, &t, &row));
    assert_int_equal(t.kind, TABLE_L2);
    assert_int_equal(t.i, 1);
    assert_int_equal(row, 299);
    image_close(img);
    builder_free(b);
}

static void used_entries_are_found_and_no_others(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table t = { .kind = TABLE_L2 };
    struct image *img;
    uint32_t *used;
    size_t n;

    (void)state;
    builder_map(b, 1);
    builder_map_zero(b, 200, false);
    builder_map(b, 511);
    img = builder_open(b);
    table_resolve(img, &t);
    assert_true(table_used(img, &t, NULL, &used, &n, NULL));
    assert_int_equal(n, 3);
    assert_int_equal(used[0], 1);
    assert_int_equal(used[1], 200);
    assert_int_equal(used[2], 511);
    free(used);
    image_close(img);
    builder_free(b);
}

static void hit(const struct image *img, struct table_quest *s, int dir, uint64_t table,
                uint64_t index, bool wrapped)
{
    struct task_run run = { 0 };

    s->dir = dir;
    assert_true(table_find(img, s, &run, NULL));
    assert_int_equal(s->table.i, table);
    assert_int_equal(s->index, index);
    assert_int_equal(s->wrapped, wrapped);
}

static void search_finds_what_points_to_an_offset_in_all_tables_and_wraps(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table_quest s = { .table = { .kind = TABLE_L2 } };
    struct task_run run = { 0 };
    struct image *img;
    struct error err;
    uint64_t data;

    (void)state;
    builder_map(b, 1);
    data = builder_map(b, 40);
    builder_set_l2(b, 90, data, 0);
    builder_map(b, 512 + 7);
    builder_set_l2(b, 512 + 7, data, 0);
    img = builder_open(b);
    table_resolve(img, &s.table);
    s.wanted = data + 5;
    hit(img, &s, 1, 0, 40, false);
    hit(img, &s, 1, 0, 90, false);
    hit(img, &s, 1, 1, 7, false);
    hit(img, &s, 1, 0, 40, true);
    hit(img, &s, -1, 1, 7, true);
    hit(img, &s, -1, 0, 90, false);
    hit(img, &s, -1, 0, 40, false);
    s.wanted = data + b->geo.cluster_size;      /* the end is no part of it */
    assert_false(table_find(img, &s, &run, &err));
    s.wanted = 0x7ffffff000;
    assert_false(table_find(img, &s, &run, &err));
    run.cancel = true;
    assert_false(table_find(img, &s, &run, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    image_close(img);
    builder_free(b);
}

static void a_row_shows_stored_and_counted_refcounts(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table t = { .kind = TABLE_L2 };
    struct problem_index *found;
    struct scan_result *scan;
    struct image *img;
    struct table_row row;
    struct known known;
    uint64_t data;
    uint64_t index = 3;

    (void)state;
    data = builder_map(b, 3);
    builder_set_refcount(b, data >> 12, 5);
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    assert_true(problem_index_new(scan, &found, NULL));
    known = known_of(img, scan);
    known.index = found;
    table_resolve(img, &t);
    table_read(&known, &t, &index, 1, &row);
    assert_int_equal(row.type, L2_NORMAL);
    assert_int_equal(row.target_off, data);
    assert_int_equal(row.stored, 5);
    assert_int_equal(row.counted, 1);
    assert_true(row.problems > 0);
    problem_index_free(found);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void entries_that_cannot_be_read_say_so(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table t = { .kind = TABLE_L1 };
    struct source *src;
    struct image *img;
    struct table_row row[2];
    struct known known;
    const uint64_t index[] = { 0, 1 };

    (void)state;
    builder_map(b, 0);
    assert_true(source_open_failing(builder_source(b), b->l1_off, 8, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    known = known_of(img, NULL);
    table_resolve(img, &t);
    table_read(&known, &t, index, 2, row);
    assert_true(row[0].unreadable);
    assert_false(row[1].unreadable);
    image_close(img);
    builder_free(b);
}

static void tables_that_cannot_be_entered_say_why(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct table t;

    (void)state;
    builder_poke(b, builder_l1_entry_off(b, 1), 8, UINT64_C(0x8000007fffff0000));
    img = builder_open(b);
    t = (struct table){ .kind = TABLE_L2, .i = 0 };
    table_resolve(img, &t);
    assert_true(t.off == NO_ADDRESS);
    assert_non_null(strstr(t.why, "empty"));
    t = (struct table){ .kind = TABLE_L2, .i = 1 };
    table_resolve(img, &t);
    assert_non_null(strstr(t.why, "past the end"));
    t = (struct table){ .kind = TABLE_L1, .layer = 7 };
    table_resolve(img, &t);
    assert_non_null(strstr(t.why, "no such snapshot"));
    t = (struct table){ .kind = TABLE_REFBLOCK, .i = 1 };
    table_resolve(img, &t);
    assert_true(t.off == NO_ADDRESS);
    image_close(img);
    builder_free(b);
}

static void problems_are_marked_on_the_rows_they_concern(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct table l1 = { .kind = TABLE_L1 };
    struct table l2 = { .kind = TABLE_L2, .i = 1 };
    struct table block = { .kind = TABLE_REFBLOCK };
    struct scan_result *scan;
    struct image *img;
    uint64_t first;
    uint64_t last;
    size_t seen_l1 = 0;
    size_t seen_l2 = 0;
    size_t seen_block = 0;
    uint64_t leak;

    (void)state;
    builder_map(b, 512 + 9);
    builder_poke(b, builder_l2_entry_off(b, 512 + 20), 8, UINT64_C(0x80000000000010fe));
    leak = builder_alloc(b, 2) >> 12;
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    table_resolve(img, &l1);
    table_resolve(img, &l2);
    table_resolve(img, &block);
    for (size_t i = 0; i < scan->problems.n; i++) {
        const struct problem *p = &scan->problems.list[i];

        if (table_problem_rows(img, &l1, p, &first, &last)) {
            assert_int_equal(first, 1);
            seen_l1++;
        }
        if (table_problem_rows(img, &l2, p, &first, &last)) {
            assert_int_equal(first, 20);
            assert_int_equal(last, 20);
            seen_l2++;
        }
        if (p->kind == PROBLEM_LEAKED &&
            table_problem_rows(img, &block, p, &first, &last)) {
            assert_int_equal(first, leak);
            assert_int_equal(last, leak + 1);
            seen_block++;
        }
    }
    assert_true(seen_l1 > 0 && seen_l2 > 0);
    assert_int_equal(seen_block, 1);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* Problems that the row of this entry tells. */
static size_t problems_of(const struct known *k, struct table t, uint64_t index)
{
    struct table_row row;

    table_resolve(k->img, &t);
    table_read(k, &t, &index, 1, &row);
    assert_true(row.problems == 0 ||
                row.problem < k->scan->problems.n);
    return row.problems;
}

static void a_row_tells_the_problems_of_what_it_leads_to(void **state)
{
    const struct table l1 = { .kind = TABLE_L1 }, reftable = { .kind = TABLE_REFTABLE },
                       first = { .kind = TABLE_L2, .i = 0 }, second = { .kind = TABLE_L2, .i = 1 },
                       block = { .kind = TABLE_REFBLOCK, .i = 0 };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct problem_index *index;
    struct scan_result *scan;
    struct image *img;
    struct known known;
    uint64_t lost;

    (void)state;
    builder_map(b, 0);
    builder_map(b, 512);
    lost = builder_map(b, 514);
    builder_set_l2(b, 513, UINT64_C(1) << 40, 0);       /* past the end */
    builder_set_refcount(b, lost >> 12, 0);
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    assert_true(problem_index_new(scan, &index, NULL));
    known = (struct known){ img, scan, index };
    assert_int_equal(problems_of(&known, l1, 0), 0);
    assert_true(problems_of(&known, l1, 1) > 0);        /* in the table it points to */
    assert_int_equal(problems_of(&known, first, 0), 0);
    assert_int_equal(problems_of(&known, second, 0), 0);
    assert_true(problems_of(&known, second, 1) > 0);    /* the entry */
    assert_true(problems_of(&known, second, 2) > 0);    /* the cluster */
    assert_true(problems_of(&known, block, lost >> 12) > 0);
    assert_int_equal(problems_of(&known, block, (lost >> 12) - 1), 0);
    assert_int_equal(problems_of(&known, reftable, 0), 0);
    problem_index_free(index);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void the_owner_of_guest_data_is_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct scan_result *scan;
    struct image *img;
    struct referrers found;
    struct place owner;
    struct ui ui;
    uint64_t data;

    (void)state;
    data = builder_map(b, 512 + 9);
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    ui = ui_of(img, scan);
    assert_true(where_owned(&ui, data >> 12));
    assert_true(referrers_find(&(struct referrers_query){ img, scan, data >> 12, 1, 16, 1 },
                                   NULL, NULL, &found, NULL));
    assert_true(where_owner(&found, &owner));
    assert_int_equal(owner.i, 1);
    assert_int_equal(owner.j, 9);
    assert_false(where_owned(&ui, 0));
    assert_false(where_owned(&ui, UINT64_MAX));
    referrers_free(&found);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_leads_to_its_row_and_back),
        cmocka_unit_test(a_guest_offset_without_table_leads_to_the_l1_row),
        cmocka_unit_test(a_guest_offset_leads_to_the_row_of_its_l2_table),
        cmocka_unit_test(used_entries_are_found_and_no_others),
        cmocka_unit_test(search_finds_what_points_to_an_offset_in_all_tables_and_wraps),
        cmocka_unit_test(a_row_shows_stored_and_counted_refcounts),
        cmocka_unit_test(entries_that_cannot_be_read_say_so),
        cmocka_unit_test(tables_that_cannot_be_entered_say_why),
        cmocka_unit_test(problems_are_marked_on_the_rows_they_concern),
        cmocka_unit_test(a_row_tells_the_problems_of_what_it_leads_to),
        cmocka_unit_test(the_owner_of_guest_data_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
