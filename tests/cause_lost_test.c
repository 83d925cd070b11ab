/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Data that nothing maps any more: tables that were wiped or lost, beside what they mapped. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/expect_cause.h"

/* n clusters of data whose entries were wiped; two others are mapped, elsewhere in the file. */
static struct builder *mostly_wiped(uint64_t n)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 2, .cluster_bits = 16, .refcount_order = 4, .size = 1 << 30 });

    for (uint64_t k = 0; k < n; k++) {
        uint64_t off = builder_map(b, k);

        memset(b->bytes + off, 0x5a, 65536);
    }
    builder_map(b, 8192);
    builder_map(b, 100);
    for (uint64_t k = 0; k < n; k++)
        builder_poke(b, builder_l2_entry_off(b, k), 8, 0);
    return b;
}

/* A disk whose one table refers to 200 clusters, of which entries from `from` on are wiped. */
static struct builder *wiped_from(uint64_t from)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    for (uint64_t k = 0; k < 200; k++)
        builder_map(b, k);
    for (uint64_t k = from; k < 200; k++)
        builder_poke(b, builder_l2_entry_off(b, k), 8, 0);
    return b;
}

static void a_table_with_few_entries_left_beside_leaks_may_be_lost_data(void **state)
{
    (void)state;
    expect(wiped_from(8), CAUSE_OF_L2_WIPED, ANSWER_PERHAPS, ANSWER_NO);
}

static void many_clusters_with_data_and_no_owner_are_not_harmless(void **state)
{
    (void)state;
    expect(wiped_from(120), CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_NO);
    expect(wiped_from(136), CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_NO);
    expect(mostly_wiped(16), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
    expect(mostly_wiped(17), CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_NO);
}

/* More clusters without an owner than may be read, and a second table with a single entry.
 * *table: where the one is that mapped them. */
static struct builder *many_orphans(uint64_t *table)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 3, .cluster_bits = 18, .refcount_order = 4, .size = UINT64_C(1) << 34 });

    for (uint64_t k = 0; k < 500; k++) {
        uint64_t off = builder_map(b, k);

        memset(b->bytes + off, 0x5a, 4096);
    }
    builder_map(b, UINT64_C(1) << 15);
    *table = builder_l2_entry_off(b, 0);
    memset(b->bytes + *table, 0, UINT64_C(1) << 18);
    return b;
}

static void a_search_among_orphans_leaves_reads_for_the_tables_in_use(void **state)
{
    struct builder *b;
    uint64_t table, noise = 7;

    (void)state;
    expect(many_orphans(&table), CAUSE_OF_L2_WIPED, ANSWER_YES, ANSWER_NO);
    b = many_orphans(&table);
    for (uint64_t k = 0; k < UINT64_C(1) << 15; k++) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        builder_poke(b, table + 8 * k, 8, noise ^ noise >> 29);
    }
    expect(b, CAUSE_OF_L2_OVERWRITTEN, ANSWER_YES, ANSWER_NO);
}

/* Half of one table is lost; the other, which has a single entry, has nothing to do with it. */
static void a_sound_table_with_few_entries_is_not_called_wiped(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    for (uint64_t k = 0; k < 200; k++)
        builder_map(b, k);
    builder_map(b, 600);
    for (uint64_t k = 100; k < 200; k++)
        builder_poke(b, builder_l2_entry_off(b, k), 8, 0);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_PERHAPS, ANSWER_NO);
}

static void flags_over_refcounts_that_are_too_high_are_right(void **state)
{
    struct builder *b = full();
    uint64_t off = builder_map(b, 30);

    (void)state;
    builder_set_refcount(b, off >> 12, 5);
    expect(b, CAUSE_OF_REFCOUNTS_WRONG, ANSWER_NO, ANSWER_NO);
}

static void an_image_not_closed_in_order_explains_no_lost_part_of_a_table(void **state)
{
    struct builder *b = wiped_from(120);
    struct scan_result *scan;
    struct image *img;
    struct insight *x;
    bool told = false, kept = false;

    (void)state;
    builder_poke(b, 79, 1, INCOMPAT_DIRTY);
    img = builder_open(b);
    x = look(img, &scan);
    for (size_t i = 0; i < x->n; i++)
        told |= x->list[i].kind == CAUSE_OF_LEFT_OVERS
            && x->list[i].explains[PROBLEM_LEAKED] == 80;
    for (size_t i = 0; i < x->verdict.n_steps; i++)
        kept |= strstr(x->verdict.step[i], "Keep the clusters that have no owner") != NULL;
    assert_true(told && kept);
    assert_int_equal(x->verdict.data_lost, ANSWER_PERHAPS);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void a_few_clusters_without_an_owner_are_left_overs(void **state)
{
    (void)state;
    expect(wiped_from(137), CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

static void an_empty_table_without_leaks_is_a_discard(void **state)
{
    struct builder *b = full();

    (void)state;
    for (uint64_t k = 0; k < 24; k++) {
        uint64_t at = builder_l2_entry_off(b, 512 + k);

        builder_set_refcount(b, (builder_peek(b, at, 8) & ENTRY_OFFSET_MASK) >> 12, 0);
        builder_poke(b, at, 8, 0);
    }
    expect(b, CAUSE_OF_OLD_TAIL, ANSWER_NO, ANSWER_YES);
}

static void an_empty_l1_beside_tables_is_lost_data(void **state)
{
    struct builder *b = full();

    (void)state;
    fill(b, builder_l1_entry_off(b, 0), 16, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_YES, ANSWER_NO);
}

static void an_empty_l1_beside_one_table_is_lost_data(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    for (uint64_t k = 0; k < 24; k++)       /* not counted yet when the machine crashed */
        builder_set_refcount(b, builder_map(b, k) >> 12, 0);
    fill(b, builder_l1_entry_off(b, 0), 8, 0);
    builder_poke_field(b, "header", 0, "incompatible_features", 1);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_YES, ANSWER_NO);
}

static void an_l1_past_the_end_loses_the_disk(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_poke_field(b, "header", 0, "l1_table_offset", UINT64_C(1) << 40);
    expect(b, CAUSE_OF_L1_POINTER, ANSWER_PERHAPS, ANSWER_NO);
}

#define SPAN (UINT64_C(2) << 20)      /* that a table of 4 KiB maps */

/* A disk of 32 places, of which these are written to, in their order; `lost` has
 * no table any more. */
static struct builder *lost_place(const uint64_t *place, size_t n, uint64_t lost)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = 32 * SPAN;
    b = builder_new(opt);
    for (size_t i = 0; i < n; i++)
        for (uint64_t k = 0; k < 24; k++) {
            uint64_t off = builder_map(b, place[i] * 512 + k);

            memset(b->bytes + off, 0x5a, 4096);
        }
    builder_poke(b, builder_l1_entry_off(b, lost), 8, 0);
    return b;
}

static void expect_places(struct builder *b, enum verdict_answer lost, uint64_t start,
                          uint64_t end)
{
    struct image *img = builder_open(b);
    struct scan_result *scan;
    struct insight *x = look(img, &scan);
    const struct guest_spans *s = lost == ANSWER_YES ? &x->verdict.lost : &x->verdict.risk;

    assert_int_equal(x->list[0].kind, CAUSE_OF_MAPPING_VANISHED);
    assert_int_equal(x->verdict.data_lost, lost);
    assert_int_equal(x->verdict.may_write, ANSWER_NO);
    assert_int_equal(s->n, 1);
    assert_int_equal(s->list[0].start, start);
    assert_int_equal(s->list[0].end, end);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void places_that_were_never_written_are_not_lost_with_another(void **state)
{
    const uint64_t all[] = { 0, 1, 2, 3, 9 }, gap[] = { 0, 2, 3, 9 };

    (void)state;
    expect_places(lost_place(all, 5, 2), ANSWER_YES, 2 * SPAN, 3 * SPAN);
    expect_places(lost_place(gap, 4, 2), ANSWER_PERHAPS, SPAN, 3 * SPAN);
}

/* Three kinds of damage at once: each is told, and its leaks are not another's. */
static void a_wiped_and_an_overwritten_table_share_the_leaks(void **state)
{
    const uint64_t all[] = { 0, 1, 2, 3 };
    struct builder *b = lost_place(all, 4, 9);
    struct scan_result *scan;
    struct image *img;
    struct insight *x;
    uint64_t noise = 5, off = table(b, 2);

    (void)state;
    fill(b, table(b, 1), 4096, 0);
    for (uint64_t i = 0; i < 512; i++) {
        noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        builder_poke(b, off + 8 * i, 8, noise ^ noise >> 29);
    }
    for (uint64_t k = 0; k < 24; k++)
        builder_set_refcount(b, (builder_peek(b, builder_l2_entry_off(b, 3 * 512 + k), 8)
                                 & ENTRY_OFFSET_MASK) >> 12, 7);
    img = builder_open(b);
    x = look(img, &scan);
    assert_int_equal(x->n, 3);
    assert_int_equal(x->list[0].kind, CAUSE_OF_L2_OVERWRITTEN);
    assert_int_equal(x->list[1].kind, CAUSE_OF_L2_WIPED);
    assert_int_equal(x->list[2].kind, CAUSE_OF_REFCOUNTS_WRONG);
    assert_int_equal(spans_bytes(&x->verdict.lost), 2 * SPAN);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* --- of snapshots --- */

/* --- by the size of the disk --- */

static void clusters_after_the_end_of_the_disk_are_not_clean(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_poke_field(b, "header", 0, "size", 1 << 20);
    expect(b, NOTHING, ANSWER_PERHAPS, ANSWER_PERHAPS);
}

/* --- with a data file --- */

static struct builder *data_file(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.data_file = "data.raw";
    b = builder_new(opt);
    for (uint64_t t = 0; t < 2; t++)
        for (uint64_t k = 0; k < 24; k++)
            builder_map(b, t * 512 + k);
    return b;
}

static void flags_that_are_off_are_no_other_content_with_a_data_file(void **state)
{
    struct builder *b = data_file();

    (void)state;
    for (uint64_t k = 0; k < 24; k++) {
        uint64_t at = builder_l2_entry_off(b, 512 + k);

        builder_poke(b, at, 8, builder_peek(b, at, 8) & ~OFLAG_COPIED);
    }
    expect(b, CAUSE_OF_COPIED_FLAGS, ANSWER_NO, ANSWER_NO);
}

/* QEMU opens such images for a check only. */
static void images_without_refcount_table_or_snapshots_are_not_opened(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct builder *b = full();
        struct image *img;
        struct scan_result *scan;
        struct insight *x;

        builder_add_snapshot(b, "1", "a");
        if (k == 1)
            builder_poke_field(b, "header", 0, "refcount_table_clusters", 0);
        if (k == 2)
            builder_poke(b, b->snapshots_off + 36, 4, 1 << 30);     /* extra data */
        img = builder_open(b);
        x = look(img, &scan);
        assert_int_equal(x->verdict.may_open, k ? ANSWER_NO : ANSWER_YES);
        insight_free(x);
        scan_free(scan);
        image_close(img);
        builder_free(b);
    }
}

/* Flips the flag of n entries, from k on. */
static void flip_flags(struct builder *b, uint64_t k, uint64_t n)
{
    for (; n--; k++) {
        uint64_t at = builder_l2_entry_off(b, k);

        builder_poke(b, at, 8, builder_peek(b, at, 8) ^ OFLAG_COPIED);
    }
}

/* QEMU copies a cluster without the flag; one with it that a snapshot shares it writes over. */
static void flags_that_are_off_are_harmless_and_those_that_are_on_are_not(void **state)
{
    struct builder *b = full();

    (void)state;
    flip_flags(b, 0, 24);
    expect(b, CAUSE_OF_COPIED_FLAGS, ANSWER_NO, ANSWER_PERHAPS);
    b = full();
    builder_add_snapshot(b, "1", "a");
    builder_map(b, 0);                      /* its own since; others are shared */
    flip_flags(b, 0, 1);
    expect(b, CAUSE_OF_COPIED_FLAGS, ANSWER_NO, ANSWER_PERHAPS);
    b = full();
    builder_add_snapshot(b, "1", "a");
    builder_map(b, 0);
    flip_flags(b, 0, 2);
    expect(b, CAUSE_OF_COPIED_FLAGS, ANSWER_NO, ANSWER_NO);
}

static void a_table_that_the_l1_lost_is_lost_data_with_a_data_file(void **state)
{
    struct builder *b = data_file();

    (void)state;
    expect(data_file(), CAUSE_OF_BASE_NOT_SEEN, ANSWER_NO, ANSWER_PERHAPS);
    builder_poke(b, builder_l1_entry_off(b, 1), 8, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_YES, ANSWER_NO);
}

/* Guest data of a data file lie past the end of this file. */
static void an_empty_l1_beside_tables_is_lost_data_with_a_data_file(void **state)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 3, .cluster_bits = 12, .refcount_order = 4, .size = 64 << 20,
        .data_file = "data.raw" });

    (void)state;
    for (uint64_t k = 0; k < 24; k++)
        builder_set_l2(b, 8192 + k, (8192 + k) << 12 | OFLAG_COPIED, 0);
    for (uint64_t i = 0; i < b->l1_size; i++)
        builder_poke(b, builder_l1_entry_off(b, i), 8, 0);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_YES, ANSWER_NO);
}

static void an_empty_cluster_is_a_left_over_with_a_data_file(void **state)
{
    struct builder *b = data_file();
    struct image *img;
    struct scan_result *scan;
    struct insight *x;

    (void)state;
    builder_alloc(b, 1);
    img = builder_open(b);
    x = look(img, &scan);
    for (size_t i = 0; i < x->n; i++)
        assert_int_not_equal(x->list[i].kind, CAUSE_OF_MAPPING_VANISHED);
    assert_int_equal(x->verdict.data_lost, ANSWER_NO);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* --- entries of the other size --- */

static struct builder *large_clusters(bool extended)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = 16;
    opt.size = 64 << 20;
    opt.extended_l2 = extended;
    b = builder_new(opt);
    for (uint64_t k = 0; k < 24; k++)
        builder_map(b, k);
    return b;
}

static void plain_tables_that_the_header_calls_extended_are_not_harmless(void **state)
{
    struct builder *b = large_clusters(false);

    (void)state;
    builder_poke(b, 79, 1, INCOMPAT_EXTENDED_L2);
    expect(b, CAUSE_OF_HEADER_VALUES, ANSWER_YES, ANSWER_NO);
}

static void extended_tables_beside_left_overs_are_extended(void **state)
{
    struct builder *b = large_clusters(true);

    (void)state;
    builder_alloc(b, 3);
    expect(b, CAUSE_OF_LEFT_OVERS, ANSWER_NO, ANSWER_YES);
}

/* --- beside a snapshot --- */

/* --- the name of the base --- */

static void expect_base(const char *format, enum verdict_answer lost)
{
    struct builder *b = full();
    struct image *img = builder_open(b);
    struct scan_result *scan;
    struct insight *x;

    img->backing_format = strdup(format);
    x = look(img, &scan);
    assert_int_equal(x->verdict.data_lost, lost);
    assert_int_equal(x->n, lost == ANSWER_NO ? 0 : 1);
    if (x->n)
        assert_int_equal(x->list[0].kind, CAUSE_OF_BASE_MISSING);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void a_format_of_a_base_without_its_name_may_be_a_lost_base(void **state)
{
    (void)state;
    expect_base("raw", ANSWER_PERHAPS);
    expect_base("", ANSWER_NO);
}

/* --- compressed --- */

static void streams_are_decoded_beside_snapshots_too(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t at;

    (void)state;
    for (uint64_t k = 0; k < 8; k++)
        at = builder_map_compressed(b, k);
    builder_add_snapshot(b, "1", "a");
    fill(b, at / 8 * 8, 64, UINT64_MAX);
    expect(b, CAUSE_OF_BROKEN_STREAMS, ANSWER_YES, ANSWER_NO);
}

/* Deflate streams under a header that names zstd. */
static struct builder *called_zstd(uint64_t n)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    for (uint64_t k = 0; k < n; k++)
        builder_map_compressed(b, k);
    b->bytes[79] |= 8;
    b->bytes[104] = 1;
    return b;
}

static void only_streams_that_decode_prove_another_compression_type(void **state)
{
    struct builder *b = called_zstd(4);

    (void)state;
    expect(b, CAUSE_OF_COMPRESSION_TYPE, ANSWER_PERHAPS, ANSWER_NO);
    b = called_zstd(1);
    expect(b, CAUSE_OF_COMPRESSION_TYPE, ANSWER_PERHAPS, ANSWER_NO);
    b = called_zstd(1);
    memset(b->bytes + b->packed_end - b->geo.cluster_size, 0xff, 16);
    expect(b, CAUSE_OF_BROKEN_STREAMS, ANSWER_YES, ANSWER_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_with_few_entries_left_beside_leaks_may_be_lost_data),
        cmocka_unit_test(many_clusters_with_data_and_no_owner_are_not_harmless),
        cmocka_unit_test(a_search_among_orphans_leaves_reads_for_the_tables_in_use),
        cmocka_unit_test(a_sound_table_with_few_entries_is_not_called_wiped),
        cmocka_unit_test(flags_over_refcounts_that_are_too_high_are_right),
        cmocka_unit_test(an_image_not_closed_in_order_explains_no_lost_part_of_a_table),
        cmocka_unit_test(a_few_clusters_without_an_owner_are_left_overs),
        cmocka_unit_test(an_empty_table_without_leaks_is_a_discard),
        cmocka_unit_test(an_empty_l1_beside_tables_is_lost_data),
        cmocka_unit_test(an_empty_l1_beside_one_table_is_lost_data),
        cmocka_unit_test(places_that_were_never_written_are_not_lost_with_another),
        cmocka_unit_test(a_wiped_and_an_overwritten_table_share_the_leaks),
        cmocka_unit_test(an_l1_past_the_end_loses_the_disk),
        cmocka_unit_test(clusters_after_the_end_of_the_disk_are_not_clean),
        cmocka_unit_test(flags_that_are_off_are_no_other_content_with_a_data_file),
        cmocka_unit_test(images_without_refcount_table_or_snapshots_are_not_opened),
        cmocka_unit_test(flags_that_are_off_are_harmless_and_those_that_are_on_are_not),
        cmocka_unit_test(a_table_that_the_l1_lost_is_lost_data_with_a_data_file),
        cmocka_unit_test(an_empty_l1_beside_tables_is_lost_data_with_a_data_file),
        cmocka_unit_test(an_empty_cluster_is_a_left_over_with_a_data_file),
        cmocka_unit_test(plain_tables_that_the_header_calls_extended_are_not_harmless),
        cmocka_unit_test(extended_tables_beside_left_overs_are_extended),
        cmocka_unit_test(a_format_of_a_base_without_its_name_may_be_a_lost_base),
        cmocka_unit_test(streams_are_decoded_beside_snapshots_too),
        cmocka_unit_test(only_streams_that_decode_prove_another_compression_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
