/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What snapshots lost, beside what the disk still has. */
#include "config.h"

#include "support/expect_cause.h"

/* Two tables of a snapshot, of which the active disk has copies: the data of both differ. */
static struct builder *with_snapshot(void)
{
    struct builder *b = full();

    builder_add_snapshot(b, "1", "a");
    for (uint64_t t = 0; t < 2; t++)
        for (uint64_t k = 0; k < 24; k++)
            builder_map(b, t * 512 + k);
    return b;
}

static uint64_t snapshot_l1_entry(struct builder *b, uint64_t i)
{
    return b->snapshot[0].l1_off + i * 8;
}

static void a_wiped_table_of_a_snapshot_is_not_harmless(void **state)
{
    struct builder *b = with_snapshot();

    (void)state;
    fill(b, builder_peek(b, snapshot_l1_entry(b, 1), 8) & ENTRY_OFFSET_MASK, 4096, 0);
    expect(b, CAUSE_OF_L2_WIPED, ANSWER_PERHAPS, ANSWER_NO);
}

static void tables_that_a_snapshot_lost_are_not_harmless(void **state)
{
    struct builder *b = with_snapshot();

    (void)state;
    expect(with_snapshot(), NOTHING, ANSWER_NO, ANSWER_YES);
    builder_poke(b, snapshot_l1_entry(b, 1), 8, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_PERHAPS, ANSWER_NO);
}

/* Nothing lacks an owner then, as the disk shares all; but refcounts tell. */
static void a_snapshot_whose_l1_table_was_zeroed_is_not_harmless(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_add_snapshot(b, "1", "a");
    fill(b, snapshot_l1_entry(b, 0), 16, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_PERHAPS, ANSWER_NO);
    b = builder_new(BUILDER_DEFAULTS);      /* of an empty disk it is so, and nothing is counted */
    builder_add_snapshot(b, "1", "a");
    for (uint64_t k = 0; k < 24; k++)
        builder_map(b, k);
    expect(b, NOTHING, ANSWER_NO, ANSWER_YES);
}

/* A disk with places that were never written. Its snapshot differs in a part of its data, or
 * in all. */
static struct builder *with_snapshot_and_room(uint64_t differ)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = 16 << 20;
    b = builder_new(opt);
    for (uint64_t k = 0; k < 24; k++)
        builder_map(b, k);
    builder_add_snapshot(b, "1", "a");
    for (uint64_t k = 0; k < differ; k++)
        builder_map(b, k);
    return b;
}

static void tables_that_a_snapshot_lost_take_nothing_from_the_disk(void **state)
{
    const uint64_t differ[] = { 8, 24 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct builder *b = with_snapshot_and_room(differ[i]);
        struct scan_result *scan;
        struct image *img;
        struct insight *x;

        builder_poke(b, snapshot_l1_entry(b, 0), 8, 0);
        img = builder_open(b);
        x = look(img, &scan);
        assert_int_equal(x->verdict.data_lost, ANSWER_PERHAPS);
        assert_int_equal(x->verdict.may_write, ANSWER_NO);
        assert_int_equal(x->verdict.lost.n, 0);
        insight_free(x);
        scan_free(scan);
        image_close(img);
        builder_free(b);
    }
}

/* The last copy of a table that was written before a crash maps what the old one maps. */
static void a_copy_of_a_table_that_is_in_use_is_a_left_over(void **state)
{
    struct builder *b = full();
    uint64_t copy = builder_alloc(b, 1);

    (void)state;
    for (uint64_t i = 0; i < 4096; i += 8)
        builder_poke(b, copy + i, 8, builder_peek(b, table(b, 1) + i, 8));
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

static void a_table_replaced_by_that_of_a_snapshot_is_not_harmless(void **state)
{
    struct builder *b = with_snapshot();
    uint64_t old = builder_peek(b, snapshot_l1_entry(b, 1), 8) & ENTRY_OFFSET_MASK;

    (void)state;
    for (uint64_t i = 0; i < 4096; i += 8)
        builder_poke(b, table(b, 1) + i, 8, builder_peek(b, old + i, 8));
    expect(b, CAUSE_OF_REFCOUNTS_WRONG, ANSWER_PERHAPS, ANSWER_NO);
    b = with_snapshot();
    old = builder_peek(b, snapshot_l1_entry(b, 1), 8);
    builder_poke(b, builder_l1_entry_off(b, 1), 8, old);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_PERHAPS, ANSWER_NO);
}

/* Refcounts of what a snapshot shares that are too low, and no newer data that lacks an owner;
 * and such data without those. */
static void low_refcounts_beside_a_snapshot_lose_nothing(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_add_snapshot(b, "1", "a");
    for (uint64_t k = 0; k < 8; k++)
        builder_set_refcount(b, (builder_peek(b, builder_l2_entry_off(b, k), 8) &
                                 ENTRY_OFFSET_MASK) >> 12, 1);
    expect(b, CAUSE_OF_REFCOUNTS_WRONG, ANSWER_NO, ANSWER_NO);
    b = with_snapshot();
    fill(b, builder_alloc(b, 3), 3 * 4096, UINT64_C(0x6162636465666768));
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wiped_table_of_a_snapshot_is_not_harmless),
        cmocka_unit_test(tables_that_a_snapshot_lost_are_not_harmless),
        cmocka_unit_test(a_snapshot_whose_l1_table_was_zeroed_is_not_harmless),
        cmocka_unit_test(tables_that_a_snapshot_lost_take_nothing_from_the_disk),
        cmocka_unit_test(a_copy_of_a_table_that_is_in_use_is_a_left_over),
        cmocka_unit_test(a_table_replaced_by_that_of_a_snapshot_is_not_harmless),
        cmocka_unit_test(low_refcounts_beside_a_snapshot_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
