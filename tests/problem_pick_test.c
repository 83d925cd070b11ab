/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "support/image_builder.h"
#include "ui/problem_pick.h"

static const struct problem_filter open_filter = { .severity = N_SEVERITIES };

static void guest_ranges_are_read_as_people_type_them(void **state)
{
    static const struct { const char *typed; bool ok; uint64_t start, end;
    } row[] = {
        { "guest 1G-2G", true, UINT64_C(1) << 30, UINT64_C(2) << 30 },
        { "  Guest 0x1000 - 8k", true, 4096, 8192 },
        { "guest 1.5G", true, UINT64_C(3) << 29, (UINT64_C(3) << 29) + 1 },
        { "guest 2G-1G", false, 0, 0 },
        { "guest x", false, 0, 0 },
        { "guest ", false, 0, 0 },
        { "guest 1G-", false, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct problem_filter f = open_filter;

        assert_int_equal(filter_parse(row[i].typed, &f), row[i].ok);
        assert_int_equal(f.guest, row[i].ok);
        if (row[i].ok) {
            assert_true(f.guest_start == row[i].start);
            assert_true(f.guest_end == row[i].end);
        }
    }
}

static void other_words_are_text(void **state)
{
    struct problem_filter f = open_filter;

    (void)state;
    assert_true(filter_parse("guesthouse", &f));
    assert_false(f.guest);
    assert_string_equal(f.text, "guesthouse");
    assert_false(filter_is_open(&f));
}

/* A leak, a refcount that is too low, and two guest clusters on one host cluster. */
static struct builder *damaged(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = builder_map(b, 3);

    builder_map(b, 9);
    builder_set_l2(b, 20, data | OFLAG_COPIED, 0);
    builder_alloc(b, 2);
    return b;
}

static void rows_name_the_owners_under_their_record(void **state)
{
    struct builder *b = damaged();
    struct image *img = builder_open(b);
    struct problem_pick pick = { NULL, 0, 0, { 0 }, { 0 } };
    struct scan_result *scan;

    (void)state;
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    pick_make(&pick, scan, NULL, &open_filter, &(struct problem_choice){ .kind = PROBLEM_DOUBLE_ALLOCATION }, ORDER_FILE);
    assert_int_equal(pick.records, 1);
    assert_int_equal(pick.n, 3);
    assert_int_equal(pick.row[1].part, PICK_OWNER);
    assert_int_equal(pick.row[2].part, PICK_OTHER);
    assert_int_equal(pick.count[PROBLEM_LEAKED], 2); /* counted whatever is listed */
    pick_free(&pick);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void filters_and_orders_agree_with_the_records(void **state)
{
    struct builder *b = damaged();
    struct image *img = builder_open(b);
    struct problem_pick pick = { NULL, 0, 0, { 0 }, { 0 } };
    struct problem_filter f = open_filter;
    struct scan_result *scan;

    (void)state;
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    f.severity = SEV_LEAK;
    pick_make(&pick, scan, NULL, &f, &(struct problem_choice){ .kind = N_PROBLEMS }, ORDER_SEVERITY);
    assert_int_equal(pick.records, 1);
    assert_int_equal(pick.kept[PROBLEM_DOUBLE_ALLOCATION], 0);
    f = open_filter;
    assert_true(filter_parse("guest 0-4096", &f));
    pick_make(&pick, scan, NULL, &f, &(struct problem_choice){ .kind = N_PROBLEMS }, ORDER_GUEST);
    assert_int_equal(pick.records, 0);
    pick_make(&pick, scan, NULL, &open_filter, &(struct problem_choice){ .kind = N_PROBLEMS }, ORDER_SEVERITY);
    for (size_t i = 1; i < pick.n; i++)
        assert_true(
            problem_info(scan->problems.list[pick.row[i - 1].problem].kind)->severity <=
            problem_info(scan->problems.list[pick.row[i].problem].kind)->severity);
    pick_free(&pick);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_ranges_are_read_as_people_type_them),
        cmocka_unit_test(other_words_are_text),
        cmocka_unit_test(rows_name_the_owners_under_their_record),
        cmocka_unit_test(filters_and_orders_agree_with_the_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
