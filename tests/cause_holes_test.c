/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters without an owner: what entries have lost, or what a crash or the deletion of a
 * snapshot leaves behind. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "support/expect_cause.h"

/* --- entries between, and beside, their neighbours --- */

static void wipe(struct builder *b, uint64_t from, uint64_t n)
{
    for (uint64_t k = from; k < from + n; k++)
        builder_poke(b, builder_l2_entry_off(b, k), 8, 0);
}

static struct builder *wiped(uint64_t from, uint64_t n)
{
    struct builder *b = full();

    wipe(b, from, n);
    return b;
}

static void entries_that_are_missing_between_neighbours_are_lost_data(void **state)
{
    (void)state;
    expect(wiped(5, 1), CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_NO);
    expect(wiped(5, 2), CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_NO);
    expect(wiped(5, 3), CAUSE_OF_L2_PAGES, ANSWER_YES, ANSWER_NO);
}

/* A disk of 60 clusters of 64 KiB, without the entries of the last n. */
static struct builder *cut_off(uint64_t n)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = 16;
    opt.size = 64 << 20;
    b = builder_new(opt);
    for (uint64_t k = 0; k < 60; k++)
        builder_map(b, k);
    wipe(b, 60 - n, n);
    return b;
}

/* QEMU had counted and written the data of the last writes, and not yet the entries. */
static void a_little_beside_one_neighbour_is_a_left_over(void **state)
{
    (void)state;
    expect(wiped(0, 2), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    expect(wiped(512 + 20, 4), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    expect(cut_off(16), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

/* The neighbour was allocated after them: what a crash leaves comes last. */
static void a_little_before_its_neighbour_may_be_lost_data(void **state)
{
    (void)state;
    expect(wiped(0, 3), CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

static void much_beside_one_neighbour_may_be_lost_data(void **state)
{
    (void)state;
    expect(cut_off(17), CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

static void zeros_that_fit_are_left_overs(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, builder_peek(b, builder_l2_entry_off(b, 5), 8) & ENTRY_OFFSET_MASK, 4096, 0);
    wipe(b, 5, 1);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

/* A discard leaves an entry that says zeros. */
static void what_was_discarded_is_a_left_over(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_poke(b, builder_l2_entry_off(b, 5), 8, OFLAG_ZERO);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

static void a_stream_that_is_missing_between_others_may_be_lost_data(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    for (uint64_t k = 0; k < 60; k++)
        builder_map_compressed(b, k);
    wipe(b, 20, 2);
    expect(b, CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_NO);
}

static void an_entry_that_only_a_snapshot_still_has_may_be_lost_data(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_add_snapshot(b, "1", "a");
    builder_map(b, 4);                      /* now the active disk has its own table */
    builder_map(b, 6);
    wipe(b, 5, 1);
    expect(b, CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_NO);
}

/* --- nothing is mapped at all --- */

static void data_beside_an_empty_l1_may_be_lost(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, table(b, 0), 4096, 0);
    fill(b, table(b, 1), 4096, 0);
    fill(b, builder_l1_entry_off(b, 0), 16, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_PERHAPS, ANSWER_NO);
}

/* The last four entries of a table among 32 are zeros. */
static struct builder *tail_zeroed(uint64_t t)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = 64 << 20;
    b = builder_new(opt);
    for (uint64_t k = 0; k < 32 * 24; k++)
        fill(b, builder_map(b, k / 24 * 512 + k % 24), 4096, UINT64_C(0x6162636465666768));
    fill(b, builder_l2_entry_off(b, t * 512 + 20), 32, 0);
    return b;
}

/* A crash leaves what was taken last. */
static void clusters_amid_the_file_are_not_what_a_crash_left(void **state)
{
    (void)state;
    expect(tail_zeroed(5), CAUSE_OF_L2_PAGES, ANSWER_PERHAPS, ANSWER_PERHAPS);
    expect(tail_zeroed(31), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

/* --- snapshots half deleted --- */

/* Snapshots "a" and "b"; the disk has a table of its own since. The table of both stays at
 * old_off, and the header names another with what is left. */
static struct builder *deleted(size_t left, uint64_t *old_off)
{
    struct builder *b = full();

    builder_add_snapshot(b, "1", "a");
    builder_map(b, 3);
    if (left) {
        builder_add_snapshot(b, "2", "b");
        builder_map(b, 4);
    }
    *old_off = b->snapshots_off;
    builder_poke_field(b, "header", 0, "nb_snapshots", left);
    builder_poke_field(b, "header", 0, "snapshots_offset", 0);
    if (left) {                             /* the entry of "b" goes, "a" comes first */
        uint64_t off = builder_alloc(b, 1);

        memcpy(b->bytes + off, b->bytes + *old_off, 4096);
        fill(b, off + builder_snapshot_off(b, 1) - *old_off, 80, 0);
        builder_poke_field(b, "header", 0, "snapshots_offset", off);
    }
    return b;
}

static void what_a_deleted_snapshot_had_is_a_left_over(void **state)
{
    struct builder *b;
    uint64_t old;

    (void)state;
    expect(deleted(1, &old), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    b = deleted(1, &old);                   /* another was made since */
    builder_add_snapshot(b, "3", "c");
    builder_map(b, 5);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    b = deleted(0, &old);                   /* its table is free */
    builder_set_refcount(b, old >> 12, 0);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    b = deleted(0, &old);                   /* ... or dug out */
    fill(b, old, 4096, 0);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

/* The L1 table of a deleted snapshot, after `n` clusters of its data that read like one. */
static struct builder *deleted_after(uint64_t n)
{
    struct builder *b = full();

    for (uint64_t k = 0; k < n; k++)
        fill(b, builder_map(b, k), 4096, 0x3000);
    builder_add_snapshot(b, "1", "a");
    for (uint64_t k = 0; k < n; k++)
        builder_map(b, k);
    fill(b, b->snapshots_off, 4096, 0);
    builder_poke_field(b, "header", 0, "nb_snapshots", 0);
    builder_poke_field(b, "header", 0, "snapshots_offset", 0);
    return b;
}

static void the_search_for_a_deleted_snapshot_ends(void **state)
{
    (void)state;
    expect(deleted_after(6), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    expect(deleted_after(20), CAUSE_OF_MAPPING_VANISHED, ANSWER_PERHAPS, ANSWER_NO);
}

static void a_snapshot_that_the_header_does_not_name_may_be_lost(void **state)
{
    struct builder *b;
    uint64_t old;

    (void)state;
    expect(deleted(0, &old), CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_PERHAPS);
    b = deleted(0, &old);                   /* QEMU would have cleared the offset as well */
    builder_poke_field(b, "header", 0, "snapshots_offset", old);
    expect(b, CAUSE_OF_HEADER_VALUES, ANSWER_PERHAPS, ANSWER_NO);
    b = deleted(1, &old);                   /* an entry more in the table than the header says */
    builder_set_refcount(b, builder_peek(b, 64, 8) >> 12, 0);
    builder_poke_field(b, "header", 0, "snapshots_offset", old);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

/* --- a data file --- */

#define DATA_SIZE (4u << 20)

/* An image that maps one cluster of its data file, which takes up `allocated` bytes; or, where
 * `bytes` is not NULL, is open and has them. */
static void expect_data_file(uint64_t allocated, const uint8_t *bytes, enum verdict_answer lost,
                             enum verdict_answer write)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct insight_options how = { .name = "x" };
    struct chain chain = CHAIN_INIT;
    struct scan_result *scan;
    struct builder *b;
    struct image *img;
    struct insight *x;

    opt.data_file = "data.raw";
    b = builder_new(opt);
    builder_map(b, 3);
    img = builder_open(b);
    img->data_there = (struct side_file){ SIDE_THERE, false, DATA_SIZE, allocated };
    if (bytes) {
        assert_true(source_open_memory(bytes, DATA_SIZE, "data.raw", &chain.data.src, NULL));
        how.chain = &chain;
    }
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    assert_true(insight_find(scan, &how, &x, NULL));
    if (x->verdict.data_lost != lost || x->verdict.may_write != write)
        fail_msg("%llu allocated: data lost %s, may write %s: %s", (unsigned long long)allocated,
                 answer_name(x->verdict.data_lost), answer_name(x->verdict.may_write),
                 x->verdict.text);
    assert_int_equal(x->n, lost != ANSWER_NO);
    if (x->n)
        assert_int_equal(x->list[0].kind, CAUSE_OF_L2_PAGES);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    source_close(chain.data.src);
    builder_free(b);
}

static void a_data_file_with_more_than_is_mapped_may_be_lost_data(void **state)
{
    (void)state;
    expect_data_file(0, NULL, ANSWER_NO, ANSWER_YES);       /* not known */
    expect_data_file(4096, NULL, ANSWER_NO, ANSWER_YES);
    expect_data_file(4096 + 16384, NULL, ANSWER_NO, ANSWER_YES);
    expect_data_file(4096 + 20480, NULL, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

static void data_that_is_seen_in_a_data_file_and_not_mapped_is_lost(void **state)
{
    uint8_t *bytes = calloc(DATA_SIZE, 1);

    (void)state;
    assert_non_null(bytes);
    bytes[3 << 12] = 1;
    expect_data_file(1 << 20, bytes, ANSWER_NO, ANSWER_YES);
    bytes[(5 << 12) + 4095] = 1;
    expect_data_file(1 << 20, bytes, ANSWER_YES, ANSWER_NO);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_that_are_missing_between_neighbours_are_lost_data),
        cmocka_unit_test(a_little_beside_one_neighbour_is_a_left_over),
        cmocka_unit_test(a_little_before_its_neighbour_may_be_lost_data),
        cmocka_unit_test(much_beside_one_neighbour_may_be_lost_data),
        cmocka_unit_test(zeros_that_fit_are_left_overs),
        cmocka_unit_test(what_was_discarded_is_a_left_over),
        cmocka_unit_test(a_stream_that_is_missing_between_others_may_be_lost_data),
        cmocka_unit_test(an_entry_that_only_a_snapshot_still_has_may_be_lost_data),
        cmocka_unit_test(data_beside_an_empty_l1_may_be_lost),
        cmocka_unit_test(clusters_amid_the_file_are_not_what_a_crash_left),
        cmocka_unit_test(what_a_deleted_snapshot_had_is_a_left_over),
        cmocka_unit_test(the_search_for_a_deleted_snapshot_ends),
        cmocka_unit_test(a_snapshot_that_the_header_does_not_name_may_be_lost),
        cmocka_unit_test(a_data_file_with_more_than_is_mapped_may_be_lost_data),
        cmocka_unit_test(data_that_is_seen_in_a_data_file_and_not_mapped_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
