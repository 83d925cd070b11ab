/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Pointers and single entries that lead to the wrong place in the file. */
#include "config.h"

#include <stdio.h>

#include "support/expect_cause.h"

/* The cause of this kind of an image. *scan, *img: to free. */
static const struct cause *cause_of(struct image *img, enum cause_kind kind,
                                    struct scan_result **scan, struct insight **x)
{
    *x = look(img, scan);
    for (size_t i = 0; i < (*x)->n; i++)
        if ((*x)->list[i].kind == kind)
            return &(*x)->list[i];
    fail_msg("no %s", cause_info(kind)->id);
    return NULL;
}

static void says(struct builder *b, enum cause_kind kind, const char *text, const char *step)
{
    struct image *img = builder_open(b);
    struct scan_result *scan;
    struct insight *x;
    const struct cause *c = cause_of(img, kind, &scan, &x);
    bool found = !step;

    if (!strstr(c->text, text))
        fail_msg("'%s' does not say '%s'", c->text, text);
    for (size_t i = 0; i < c->n_steps; i++)
        found |= step && strstr(c->step[i], step);
    if (!found)
        fail_msg("no step names '%s'", step);
    assert_int_equal(x->n, 1);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

/* Four tables, with data of a guest that look like nothing else. */
static struct builder *four_tables(void)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 3, .cluster_bits = 12, .refcount_order = 4, .size = 16 << 20 });
    uint64_t noise = 11;

    for (uint64_t t = 0; t < 4; t++)
        for (uint64_t k = 0; k < 40; k++) {
            uint64_t off = builder_map(b, t * 512 + k);

            for (size_t i = 0; i < 4096; i += 8) {
                noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                builder_poke(b, off + i, 8, noise ^ noise >> 31);
            }
        }
    return b;
}

/* L1[2] with the lowest bit of the cluster changed that leads to data. */
static uint64_t flip_l1(struct builder *b)
{
    uint64_t at = builder_l1_entry_off(b, 2), was = builder_peek(b, at, 8);

    for (unsigned bit = 12; bit < 19; bit++) {
        uint64_t off = (was ^ UINT64_C(1) << bit) & ENTRY_OFFSET_MASK;

        if (off + 4096 <= b->len && off > 0x8000 && off != table(b, 0) && off != table(b, 1)
            && off != table(b, 3)) {
            builder_poke(b, at, 8, was ^ UINT64_C(1) << bit);
            return was;
        }
    }
    fail();
    return 0;
}

static void a_flipped_bit_of_an_l1_entry_is_not_taken_for_an_overwritten_table(void **state)
{
    struct builder *b = four_tables();
    struct image *img;
    struct scan_result *scan;
    struct insight *x;
    const struct cause *c;
    uint64_t was = flip_l1(b);

    (void)state;
    img = builder_open(b);
    c = cause_of(img, CAUSE_OF_BROKEN_ENTRIES, &scan, &x);
    assert_int_equal(c->n_fixes, 1);
    assert_int_equal(c->fix[0].value, was);
    assert_int_equal(c->fix[0].place.file_off, builder_l1_entry_off(b, 2));
    insight_free(x);
    scan_free(scan);
    image_close(img);
    says(b, CAUSE_OF_BROKEN_ENTRIES, "one bit of it is flipped", "plan entries");
    b = four_tables();
    flip_l1(b);
    expect(b, CAUSE_OF_BROKEN_ENTRIES, ANSWER_YES, ANSWER_NO);
}

static void an_overwritten_table_is_not_taken_for_an_entry_that_leads_astray(void **state)
{
    struct builder *b = four_tables();

    (void)state;
    memcpy(b->bytes + table(b, 2), b->bytes + b->len - 4096, 4096);
    expect(b, CAUSE_OF_L2_OVERWRITTEN, ANSWER_YES, ANSWER_NO);
}

/* The header's pointer is wrong, and one of the tables that have no owner is a bit away from what
 * the wrong L1 table leads to. */
static void one_flip_among_many_tables_without_an_owner_is_chance(void **state)
{
    struct builder *b = four_tables();
    struct image *img;
    struct scan_result *scan;
    struct insight *x;
    uint64_t fake = builder_alloc(b, 1);

    (void)state;
    for (uint64_t i = 0; i < 4; i++)        /* data, the first a bit away from a table */
        builder_poke(b, fake + 8 * i, 8, OFLAG_COPIED | (i ? b->len - 4096 * (i + 2)
                                                           : table(b, 0) ^ 0x4000));
    builder_poke_field(b, "header", 0, "l1_table_offset", fake);
    img = builder_open(b);
    x = look(img, &scan);
    for (size_t i = 0; i < x->n; i++)
        assert_int_equal(x->list[i].n_fixes, 0);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

static void two_l1_entries_with_one_table_are_no_two_writers(void **state)
{
    struct builder *b = four_tables();

    (void)state;
    builder_poke(b, builder_l1_entry_off(b, 1), 8, builder_peek(b, builder_l1_entry_off(b, 2), 8));
    says(b, CAUSE_OF_BROKEN_ENTRIES, "L1[1] and L1[2] lead to the same L2 table", "set 'l1[");
}

/* Four tables side by side: they are a bit or two apart. */
static struct builder *tables_side_by_side(void)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 3, .cluster_bits = 12, .refcount_order = 4, .size = 16 << 20 });

    for (uint64_t k = 0; k < 40; k++)
        for (uint64_t t = 0; t < 4; t++)
            {
            uint64_t off = builder_map(b, t * 512 + k);

            memset(b->bytes + off, (int)(t + 1), 4096);
        }
    return b;
}

static void of_two_l1_entries_with_one_table_none_is_put_back_as_proved(void **state)
{
    (void)state;
    for (uint64_t wrong = 0; wrong < 4; wrong++)
        for (uint64_t as = 0; as < 4; as++) {
            struct builder *b = tables_side_by_side();
            struct image *img;
            struct scan_result *scan;
            struct insight *x;

            builder_poke(b, builder_l1_entry_off(b, wrong), 8,
                         builder_peek(b, builder_l1_entry_off(b, as), 8));
            img = builder_open(b);
            x = look(img, &scan);
            for (size_t i = 0; i < x->n; i++)
                assert_int_equal(x->list[i].n_fixes, 0);
            insight_free(x);
            scan_free(scan);
            image_close(img);
            builder_free(b);
        }
}

static void a_header_that_names_another_place_for_the_l1_table_is_found(void **state)
{
    struct builder *b = four_tables();
    char set[64];

    (void)state;
    snprintf(set, sizeof set, "set l1_table_offset=0x%llx", (unsigned long long)b->l1_off);
    builder_poke_field(b, "header", 0, "l1_table_offset", table(b, 0));
    says(b, CAUSE_OF_L1_POINTER, "which nobody refers to, leads to L2 tables", set);
    b = four_tables();
    builder_poke_field(b, "header", 0, "l1_table_offset", table(b, 0));
    expect(b, CAUSE_OF_L1_POINTER, ANSWER_YES, ANSWER_NO);
    b = four_tables();                      /* an L2 table that begins with empty entries */
    for (uint64_t k = 0; k < 4; k++)
        builder_set_l2(b, k, 0, 0);
    builder_poke_field(b, "header", 0, "l1_table_offset", table(b, 0));
    expect(b, CAUSE_OF_L1_POINTER, ANSWER_YES, ANSWER_NO);
}

static void a_wiped_l1_table_is_not_a_pointer_that_leads_astray(void **state)
{
    struct builder *b = four_tables();

    (void)state;
    memset(b->bytes + b->l1_off, 0, 4096);
    expect(b, CAUSE_OF_MAPPING_VANISHED, ANSWER_YES, ANSWER_NO);
}

static void an_entry_with_several_faults_is_counted_once(void **state)
{
    struct builder *b = four_tables();

    (void)state;
    for (uint64_t k = 10; k < 13; k++)      /* reserved bits, misaligned, COPIED */
        builder_poke(b, builder_l2_entry_off(b, k), 8, UINT64_C(0x8f04000000009a01) + k * 0x2002);
    says(b, CAUSE_OF_BROKEN_ENTRIES, "3 entries of tables that are otherwise in order", NULL);
}

static void a_reserved_bit_does_not_hide_what_the_entry_should_say(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t at;

    (void)state;
    builder_map(b, 7);
    at = builder_l2_entry_off(b, 7);
    builder_poke(b, at, 8, builder_peek(b, at, 8) | UINT64_C(1) << 58);
    says(b, CAUSE_OF_BROKEN_ENTRIES, "say what should stand in 1 of them", "plan entries");
}

static void a_cluster_at_other_places_of_disk_and_snapshot_is_used_twice(void **state)
{
    struct builder *b = full();
    uint64_t at, kept;

    (void)state;
    builder_add_snapshot(b, "1", "one");
    builder_map(b, 3);                      /* the snapshot keeps the old cluster */
    kept = builder_peek(b, b->snapshot[0].l1_off, 8) & ENTRY_OFFSET_MASK;
    kept = builder_peek(b, kept + 3 * 8, 8) & ENTRY_OFFSET_MASK;
    at = builder_l2_entry_off(b, 9);
    builder_poke(b, at, 8, kept);
    says(b, CAUSE_OF_TWICE_USED, "at one place of the disk and at another of a snapshot", NULL);
}

static void a_page_of_refcounts_that_is_lost_is_no_table_that_counts_as_free(void **state)
{
    struct builder *b = full();

    (void)state;
    for (uint64_t cl = 0; cl < 30; cl++)
        builder_set_refcount(b, cl, 0);
    expect(b, CAUSE_OF_REFCOUNTS_LOST, ANSWER_NO, ANSWER_NO);
    b = four_tables();
    for (uint64_t cl = 0; cl < 32; cl++)
        builder_set_refcount(b, cl, 0);
    says(b, CAUSE_OF_REFCOUNTS_WRONG, "or a table", NULL);
}

static void snapshots_that_the_header_does_not_count_are_no_left_overs(void **state)
{
    struct builder *b = full();

    (void)state;
    builder_add_snapshot(b, "1", "one");
    builder_map(b, 3);
    builder_poke_field(b, "header", 0, "nb_snapshots", 0);
    says(b, CAUSE_OF_HEADER_VALUES, "What only those snapshots hold", "Keep the clusters");
}

/* A block of refcounts that is nonsense makes clusters look as if others had them, too. */
static void nonsense_in_refcounts_is_no_proof_of_lost_streams(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    for (uint64_t k = 0; k < 60; k++)
        builder_map_compressed(b, k * 2);
    builder_map(b, 300);
    for (uint64_t cl = 4; cl < 40; cl++)
        if (builder_refcount(b, cl))
            builder_set_refcount(b, cl, builder_refcount(b, cl) + 1000 + cl);
    expect(b, CAUSE_OF_REFCOUNTS_WRONG, ANSWER_NO, ANSWER_NO);
}

static void entries_of_the_other_size_are_one_cause_of_the_header(void **state)
{
    struct builder *b = full();
    struct image *img;
    struct scan_result *scan;
    struct insight *x;

    (void)state;
    builder_poke(b, 79, 1, INCOMPAT_EXTENDED_L2);
    img = builder_open(b);
    x = look(img, &scan);
    for (size_t i = 1; i < x->n; i++)
        assert_int_not_equal(x->list[i].kind, x->list[i - 1].kind);
    assert_int_equal(x->list[0].kind, CAUSE_OF_HEADER_VALUES);
    insight_free(x);
    scan_free(scan);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_of_an_l1_entry_is_not_taken_for_an_overwritten_table),
        cmocka_unit_test(an_overwritten_table_is_not_taken_for_an_entry_that_leads_astray),
        cmocka_unit_test(one_flip_among_many_tables_without_an_owner_is_chance),
        cmocka_unit_test(two_l1_entries_with_one_table_are_no_two_writers),
        cmocka_unit_test(of_two_l1_entries_with_one_table_none_is_put_back_as_proved),
        cmocka_unit_test(a_header_that_names_another_place_for_the_l1_table_is_found),
        cmocka_unit_test(a_wiped_l1_table_is_not_a_pointer_that_leads_astray),
        cmocka_unit_test(an_entry_with_several_faults_is_counted_once),
        cmocka_unit_test(a_reserved_bit_does_not_hide_what_the_entry_should_say),
        cmocka_unit_test(a_cluster_at_other_places_of_disk_and_snapshot_is_used_twice),
        cmocka_unit_test(snapshots_that_the_header_does_not_count_are_no_left_overs),
        cmocka_unit_test(nonsense_in_refcounts_is_no_proof_of_lost_streams),
        cmocka_unit_test(entries_of_the_other_size_are_one_cause_of_the_header),
        cmocka_unit_test(a_page_of_refcounts_that_is_lost_is_no_table_that_counts_as_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
