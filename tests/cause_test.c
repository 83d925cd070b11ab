/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Causes are found where they are, and only there; one verdict says what is at stake. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/expect_cause.h"

static void a_sound_image_has_no_cause(void **state)
{
    struct builder *b;

    (void)state;
    expect(full(), NOTHING, ANSWER_NO, ANSWER_YES);
    b = full();
    builder_add_snapshot(b, "1", "a");
    builder_map(b, 3);
    expect(b, NOTHING, ANSWER_NO, ANSWER_YES);
}

static void refcounts_over_a_table_are_told(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, table(b, 1), 4096, 0x0001000100010001);
    expect(b, CAUSE_OF_L2_REFCOUNTS, ANSWER_YES, ANSWER_NO);
}

static void text_over_a_table_is_told(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, table(b, 1), 4096, 0x2074686520666f78);
    expect(b, CAUSE_OF_L2_OVERWRITTEN, ANSWER_YES, ANSWER_NO);
}

static void a_wiped_table_beside_leaks_is_lost_data(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, table(b, 1), 4096, 0);
    expect(b, CAUSE_OF_L2_WIPED, ANSWER_YES, ANSWER_NO);
}

static void a_file_cut_short_is_told(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_truncate(b, b->len - 9 * 4096);
    expect(b, CAUSE_OF_CUT_SHORT, ANSWER_YES, ANSWER_NO);
}

static void who_overwrote_the_header_may_have_overwritten_more(void **state)
{
    const char *top = getenv("top_srcdir");
    struct source *src;
    struct image *img;
    struct scan_result *scan;
    struct insight *x;
    char path[4096];

    (void)state;
    snprintf(path, sizeof path, "%s/data/samples/header-gone.qcow2", top ? top : ".");
    assert_true(source_open_file(path, &src, NULL));
    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    x = look(img, &scan);
    assert_int_equal(x->list[0].kind, CAUSE_OF_HEADER_OVERWRITTEN);
    assert_int_equal(x->verdict.data_lost, ANSWER_PERHAPS);
    assert_int_equal(x->verdict.may_write, ANSWER_NO);
    insight_free(x);
    scan_free(scan);
    image_close(img);
}

static void one_flipped_bit_has_its_value_named(void **state)
{
    struct builder *b = full();
    uint64_t at = builder_l2_entry_off(b, 7), was = builder_peek(b, at, 8);
    struct scan_result *scan;
    struct image *img;
    struct insight *x;
    char value[24];

    (void)state;
    builder_poke(b, at, 8, was ^ 1 << 10);
    img = builder_open(b);
    x = look(img, &scan);
    snprintf(value, sizeof value, "%016llx", (unsigned long long)was);
    assert_int_equal(x->list[0].kind, CAUSE_OF_BROKEN_ENTRIES);
    assert_non_null(strstr(x->list[0].evidence[0].text, value));
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void one_cluster_for_two_is_lost_data(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_set_l2(b, 100, OFLAG_COPIED | builder_map(b, 200), 0);
    expect(b, CAUSE_OF_TWICE_USED, ANSWER_YES, ANSWER_NO);
}

static void a_table_that_counts_as_free_is_a_danger(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_set_refcount(b, table(b, 1) >> 12, 0);
    expect(b, CAUSE_OF_ARMED_TABLE, ANSWER_NO, ANSWER_NO);
}

static void data_over_a_table_is_told(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_set_l2(b, 100, OFLAG_COPIED | table(b, 1), 0);
    expect(b, CAUSE_OF_TABLE_REUSED, ANSWER_YES, ANSWER_NO);
}

static void a_refcount_table_that_leads_to_data_may_lose_it(void **state)
{
    struct builder *b = full();
    uint64_t data = builder_map(b, 100);

    (void)state;
    for (unsigned i = 0; i < 512; i++)
        builder_poke(b, data + i * 8, 8, UINT64_C(0x6c6f6f6b203a2d29) + i * 977);
    builder_poke(b, builder_peek(b, 48, 8), 8, data);
    expect(b, CAUSE_OF_REFCOUNTS_LOST, ANSWER_PERHAPS, ANSWER_NO);
}

static void a_run_of_refcounts_in_a_table_loses_that_run_alone(void **state)
{
    struct builder *b = full();
    struct scan_result *scan;
    struct image *img;
    struct insight *x;

    (void)state;
    for (unsigned j = 0; j < 10; j++)
        builder_poke(b, builder_l2_entry_off(b, 3) + j * 8, 8, UINT64_C(0x0001000100010001));
    img = builder_open(b);
    x = look(img, &scan);
    assert_int_equal(x->list[0].kind, CAUSE_OF_L2_REFCOUNTS);
    assert_int_equal(spans_bytes(&x->list[0].lost), 10 * 4096);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void refcounts_behind_with_the_dirty_bit_are_harmless(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_set_refcount(b, builder_map(b, 100) >> 12, 0);
    builder_poke_field(b, "header", 0, "incompatible_features", 1);
    expect(b, CAUSE_OF_REFCOUNTS_BEHIND, ANSWER_NO, ANSWER_YES);
}

static void leaks_alone_are_left_overs(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_alloc(b, 2);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

static void a_part_of_a_file_system_without_an_owner_is_not_freed(void **state)
{
    struct builder *b = full();
    uint64_t at = builder_alloc(b, 1) + 1024;

    (void)state;
    builder_poke(b, at, 8, UINT64_C(0x0010000000400000));       /* inodes, blocks */
    builder_poke(b, at + 32, 4, 0x00800000);                    /* blocks in a group */
    builder_poke(b, at + 56, 2, 0x53ef);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

static void a_backing_file_that_is_gone_is_told(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct scan_result *scan;
    struct image *img;
    struct insight *x;

    (void)state;
    opt.backing_file = "base.qcow2";
    b = builder_new(opt);
    builder_map(b, 3);
    img = builder_open(b);
    img->backing_there.state = SIDE_MISSING;
    x = look(img, &scan);
    assert_int_equal(x->list[0].kind, CAUSE_OF_BASE_MISSING);
    assert_int_equal(x->verdict.may_open, ANSWER_NO);
    assert_int_equal(spans_bytes(&x->list[0].risk), opt.size - 4096);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void names_in_commands_are_quoted(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct scan_result *scan;
    struct builder *b;
    struct image *img;
    struct insight *x;
    bool quoted = false;

    (void)state;
    opt.backing_file = "a'; rm b; '";
    b = builder_new(opt);
    img = builder_open(b);
    free(img->backing_format);
    img->backing_format = NULL;
    x = look(img, &scan);
    for (size_t i = 0; i < x->verdict.n_steps; i++)
        quoted |= strstr(x->verdict.step[i], "-b 'a'\\''; rm b; '\\''' -F") != NULL;
    assert_true(quoted);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* An overlay with its data in another file, which has `size` bytes (0: it is gone). */
static void with_data_file(bool written, uint64_t size, enum verdict_answer lost,
                           enum verdict_answer open, uint64_t lost_bytes)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct scan_result *scan;
    struct image *img;
    struct insight *x;

    opt.data_file = "data.raw";
    b = builder_new(opt);
    if (written)
        builder_map(b, 100);
    img = builder_open(b);
    img->data_there = (struct side_file){ size ? SIDE_SHORT : SIDE_MISSING, false, size, 0 };
    x = look(img, &scan);
    assert_int_equal(x->list[0].kind, CAUSE_OF_DATA_FILE);
    assert_int_equal(x->verdict.data_lost, lost);
    assert_int_equal(x->verdict.may_open, open);
    assert_int_equal(spans_bytes(&x->verdict.lost), lost_bytes);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void of_a_data_file_only_what_was_written_is_lost(void **state)
{
    (void)state;
    with_data_file(true, 0, ANSWER_YES, ANSWER_NO, 4096);
    with_data_file(false, 0, ANSWER_NO, ANSWER_NO, 0);
    with_data_file(true, 100 << 12, ANSWER_YES, ANSWER_PERHAPS, 4096);
    with_data_file(true, (100 << 12) + 512, ANSWER_YES, ANSWER_PERHAPS, 4096 - 512);
    with_data_file(true, 101 << 12, ANSWER_NO, ANSWER_YES, 0);
}

static void nothing_is_harmless_beside_lost_data(void **state)
{
    struct builder *b = full();
    struct scan_result *scan;
    struct image *img;
    struct insight *x;

    (void)state;
    fill(b, table(b, 1), 4096, 0x2074686520666f78);
    builder_set_refcount(b, builder_map(b, 100) >> 12, 0);
    builder_poke_field(b, "header", 0, "incompatible_features", 1);
    img = builder_open(b);
    x = look(img, &scan);
    assert_true(x->n >= 2);
    for (size_t i = 0; i < x->n; i++) {
        assert_int_not_equal(x->list[i].weight, CAUSE_HARMLESS);
        assert_null(strstr(x->list[i].text, "QEMU counts anew"));
    }
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void what_is_lost_in_danger_and_untouched_is_the_disk(void **state)
{
    struct builder *b = full();
    struct scan_result *scan;
    struct image *img;
    struct insight *x;

    (void)state;
    fill(b, table(b, 1), 4096, 0x2074686520666f78);
    builder_set_refcount(b, table(b, 0) >> 12, 0);
    img = builder_open(b);
    x = look(img, &scan);
    for (size_t i = 0; i < x->n; i++)
        assert_int_equal(spans_bytes(&x->list[i].lost) + spans_bytes(&x->list[i].risk) +
                         spans_bytes(&x->list[i].untouched), img->geo.size);
    assert_int_equal(spans_bytes(&x->verdict.lost), img->geo.l2_span);
    assert_int_equal(spans_bytes(&x->verdict.risk), img->geo.l2_span);
    assert_int_equal(spans_bytes(&x->verdict.untouched), img->geo.size - 2 * img->geo.l2_span);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void problems_are_explained_or_left_but_never_twice(void **state)
{
    struct builder *b = full();
    struct scan_result *scan;
    struct image *img;
    struct insight *x;
    uint64_t left = 0;

    (void)state;
    fill(b, table(b, 1), 4096, 0x0001000100010001);
    builder_set_l2(b, 100, OFLAG_COPIED | builder_map(b, 200), 0);
    img = builder_open(b);
    x = look(img, &scan);
    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->severity != SEV_NOTE)
            left += insight_unexplained(x, (enum problem_kind)k);
    assert_true(x->n >= 2);
    assert_int_equal(x->explained + left, x->problems);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void a_scan_that_was_stopped_gives_no_leave(void **state)
{
    struct builder *b = full();
    struct image *img = builder_open(b);
    struct scan_progress progress = { .cancel = true };
    struct scan_result *scan;
    struct insight *x;

    (void)state;
    assert_true(scan_run(img, NULL, &progress, &scan, NULL));
    assert_true(insight_find(scan, NULL, &x, NULL));
    assert_non_null(strstr(x->verdict.text, "stopped"));
    assert_int_equal(x->verdict.may_write, ANSWER_NO);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void every_cause_is_explained_and_has_an_id_of_its_own(void **state)
{
    (void)state;
    for (int k = 0; k < N_CAUSES; k++) {
        const struct cause_info *c = cause_info((enum cause_kind)k);
        enum problem_kind problem;
        enum cause_kind same;

        assert_non_null(c->title);
        assert_non_null(c->happened);
        assert_non_null(c->told);
        assert_non_null(c->next);
        assert_true(cause_by_id(c->id, &same));
        assert_int_equal(same, k);
        if (problem_by_id(c->id, &problem))
            fail_msg("%s is a cause and a kind of problem", c->id);
        assert_null(strstr(c->next, "check -r"));
    }
    for (int k = 0; k < N_PROBLEMS; k++)
        if (strstr(problem_info((enum problem_kind)k)->advice, "check -r"))
            fail_msg("the advice of %s names a repair", problem_info((enum problem_kind)k)->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_image_has_no_cause),
        cmocka_unit_test(refcounts_over_a_table_are_told),
        cmocka_unit_test(text_over_a_table_is_told),
        cmocka_unit_test(a_wiped_table_beside_leaks_is_lost_data),
        cmocka_unit_test(a_file_cut_short_is_told),
        cmocka_unit_test(who_overwrote_the_header_may_have_overwritten_more),
        cmocka_unit_test(one_flipped_bit_has_its_value_named),
        cmocka_unit_test(one_cluster_for_two_is_lost_data),
        cmocka_unit_test(a_table_that_counts_as_free_is_a_danger),
        cmocka_unit_test(data_over_a_table_is_told),
        cmocka_unit_test(a_refcount_table_that_leads_to_data_may_lose_it),
        cmocka_unit_test(a_run_of_refcounts_in_a_table_loses_that_run_alone),
        cmocka_unit_test(refcounts_behind_with_the_dirty_bit_are_harmless),
        cmocka_unit_test(leaks_alone_are_left_overs),
        cmocka_unit_test(a_part_of_a_file_system_without_an_owner_is_not_freed),
        cmocka_unit_test(a_backing_file_that_is_gone_is_told),
        cmocka_unit_test(names_in_commands_are_quoted),
        cmocka_unit_test(of_a_data_file_only_what_was_written_is_lost),
        cmocka_unit_test(nothing_is_harmless_beside_lost_data),
        cmocka_unit_test(what_is_lost_in_danger_and_untouched_is_the_disk),
        cmocka_unit_test(problems_are_explained_or_left_but_never_twice),
        cmocka_unit_test(a_scan_that_was_stopped_gives_no_leave),
        cmocka_unit_test(every_cause_is_explained_and_has_an_id_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
