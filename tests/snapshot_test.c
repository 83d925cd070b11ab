/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/image.h"
#include "support/image_builder.h"

static struct builder *with_snapshots(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    builder_map(b, 0);
    builder_add_snapshot(b, "1", "first");
    builder_add_snapshot(b, "2", "the second");
    return b;
}

static void snapshots_are_read_with_names_and_numbers(void **state)
{
    struct builder *b = with_snapshots();
    struct image *img = builder_open(b);
    const struct snapshots *s = &img->snaps;

    (void)state;
    assert_int_equal(s->end, SNAPSHOTS_COMPLETE);
    assert_int_equal(s->n, 2);
    assert_int_equal(s->announced, 2);
    assert_string_equal(s->list[0].id, "1");
    assert_string_equal(s->list[1].name, "the second");
    assert_int_equal(s->list[1].entry_off, builder_snapshot_off(b, 1));
    assert_int_equal(s->list[1].entry_off % 8, 0);
    assert_int_equal(s->list[0].l1_table_offset, b->snapshot[0].l1_off);
    assert_int_equal(s->list[0].l1_size, b->l1_size);
    assert_int_equal(s->list[0].disk_size, b->opt.size);
    assert_int_equal(s->list[0].icount, UINT64_MAX);
    assert_int_equal(s->list[0].date_sec, 1700000000);
    /* the last entry is not rounded up */
    assert_int_equal(s->table_len, s->list[1].entry_off - s->table_off + 64 + 1 + 10);
    assert_int_equal(s->whole_len, s->table_len);
    image_close(img);
    builder_free(b);
}

static void extra_data_counts_only_as_far_as_it_reaches(void **state)
{
    struct builder *b = with_snapshots();
    uint64_t at = builder_snapshot_off(b, 0);
    struct image *img;

    (void)state;
    builder_poke_field(b, "snapshot", at, "vm_state_size", 1000);
    builder_poke_field(b, "snapshot-extra", at + 40, "vm_state_size_large",
                       UINT64_C(5) << 32);
    builder_poke_field(b, "snapshot-extra", at + 40, "disk_size", 77);
    builder_poke_field(b, "snapshot-extra", at + 40, "icount", 88);
    img = builder_open(b);
    assert_int_equal(img->snaps.list[0].vm_state_size, UINT64_C(5) << 32);
    assert_int_equal(img->snaps.list[0].disk_size, 77);
    assert_int_equal(img->snaps.list[0].icount, 88);
    image_close(img);
    builder_poke_field(b, "snapshot", at, "extra_data_size", 15);
    img = builder_open(b);
    assert_int_equal(img->snaps.list[0].vm_state_size, UINT64_C(5) << 32);
    assert_int_equal(img->snaps.list[0].disk_size, b->opt.size);
    assert_int_equal(img->snaps.list[0].icount, UINT64_MAX);
    image_close(img);
    builder_poke_field(b, "snapshot", at, "extra_data_size", 0);
    img = builder_open(b);
    assert_int_equal(img->snaps.list[0].vm_state_size, 1000);
    image_close(img);
    builder_free(b);
}

static void of_too_many_snapshots_those_that_are_there_are_read(void **state)
{
    struct builder *b = with_snapshots();
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "nb_snapshots", SNAPSHOTS_MAX + 1);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_COMPLETE);
    assert_int_equal(img->snaps.n, 2);
    assert_string_equal(img->refused.id, "snapshots-too-many");
    image_close(img);
    memset(b->bytes + b->snapshots_off, 0, 4096);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_TOO_MANY);
    assert_int_equal(img->snaps.n, 0);
    image_close(img);
    builder_free(b);
}

static void announced_snapshots_past_the_file_are_counted_not_kept(void **state)
{
    struct builder *b = with_snapshots();
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "nb_snapshots", SNAPSHOTS_MAX);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_PAST_FILE);
    /* The table is the last cluster: 40 bytes for each zero entry in what is left of
     * it. */
    assert_true(img->snaps.n > 2 && img->snaps.n < 4096 / 40 + 2);
    assert_int_equal(img->snaps.announced, SNAPSHOTS_MAX);
    assert_int_equal(img->snaps.list[2].l1_size, 0);
    assert_int_equal(img->snaps.whole_len,
                     img->snaps.table_len + (SNAPSHOTS_MAX - img->snaps.n) * 40);
    image_close(img);
    builder_free(b);
}

static void a_table_wholly_past_the_file_has_zero_entries(void **state)
{
    struct builder *b = with_snapshots();
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "snapshots_offset", UINT64_C(1) << 40);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_PAST_FILE);
    assert_int_equal(img->snaps.n, 0);
    assert_int_equal(img->snaps.table_len, 0);
    assert_int_equal(img->snaps.whole_len, 80);
    assert_null(img->refused.id);
    image_close(img);
    builder_free(b);
}

static void a_misplaced_table_is_found(void **state)
{
    static const uint64_t bad[] = { 1, 0x200, UINT64_C(1) << 63, UINT64_MAX - 4095 };
    struct builder *b = with_snapshots();

    (void)state;
    for (size_t lost = 0; lost < 2; lost++) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            struct image *img;

            builder_poke_field(b, "header", 0, "snapshots_offset", bad[i]);
            img = builder_open(b);
            assert_int_equal(img->snaps.end, lost ? SNAPSHOTS_BAD_OFFSET
                                                  : SNAPSHOTS_COMPLETE);
            assert_int_equal(img->snaps.n, lost ? 0 : 2);
            assert_string_equal(img->refused.id, "snapshot-table-offset");
            image_close(img);
        }
        memset(b->bytes + b->snapshots_off, 0, 4096);
    }
    builder_free(b);
}

static void extra_data_past_its_limit_is_stepped_over_where_the_entry_makes_sense(void **state)
{
    struct builder *b = with_snapshots();
    uint64_t at = builder_snapshot_off(b, 1);
    struct image *img;

    (void)state;
    builder_poke_field(b, "snapshot", at, "extra_data_size", SNAPSHOT_EXTRA_MAX);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_COMPLETE);
    assert_int_equal(img->snaps.n, 2);
    image_close(img);
    builder_poke_field(b, "snapshot", at, "extra_data_size", SNAPSHOT_EXTRA_MAX + 1);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_EXTRA_TOO_LARGE);
    assert_int_equal(img->snaps.fault, 1);
    assert_int_equal(img->snaps.n, 2);
    assert_string_equal(img->snaps.list[1].name, "the second");
    image_close(img);
    builder_poke_field(b, "snapshot", at, "l1_table_offset", 1);    /* nothing fits */
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_EXTRA_TOO_LARGE);
    assert_int_equal(img->snaps.n, 1);
    image_close(img);
    builder_poke_field(b, "snapshot", at, "extra_data_size", UINT32_MAX);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_EXTRA_TOO_LARGE);
    image_close(img);
    builder_free(b);
}

static void a_name_past_the_end_of_the_file_is_cut(void **state)
{
    struct builder *b = with_snapshots();
    uint64_t at = builder_snapshot_off(b, 1);
    struct image *img;

    (void)state;
    builder_truncate(b, (size_t)at + 64 + 1 + 3);
    img = builder_open(b);
    assert_int_equal(img->snaps.n, 2);
    assert_true(img->snaps.list[1].id_cut);
    assert_string_equal(img->snaps.list[1].name, "the");
    assert_int_equal(img->snaps.list[1].name_size, 10);
    assert_false(img->snaps.list[0].id_cut);
    image_close(img);
    builder_free(b);
}

/* Entries of the greatest length, one after the other, until the table is too long. */
static void a_table_over_64_mib_is_left_where_the_limit_is_reached(void **state)
{
    struct builder *b = with_snapshots();
    const uint64_t entry = 40 + 1024 + 65535 + 65535, padded = (entry + 7) / 8 * 8;
    const uint64_t fit = SNAPSHOT_TABLE_MAX / padded;
    struct image *img;

    (void)state;
    builder_truncate(b, (size_t)(b->snapshots_off + (fit + 3) * padded));
    for (uint64_t i = 0; i < fit + 2; i++) {
        uint64_t at = b->snapshots_off + i * padded;

        builder_poke_field(b, "snapshot", at, "extra_data_size", 1024);
        builder_poke_field(b, "snapshot", at, "id_str_size", 65535);
        builder_poke_field(b, "snapshot", at, "name_size", 65535);
    }
    builder_poke_field(b, "header", 0, "nb_snapshots", fit + 2);
    img = builder_open(b);
    assert_int_equal(img->snaps.end, SNAPSHOTS_TABLE_TOO_LARGE);
    assert_int_equal(img->snaps.n, fit);
    assert_true(img->snaps.table_len <= SNAPSHOT_TABLE_MAX);
    image_close(img);
    builder_free(b);
}

static void an_unreadable_entry_ends_the_list(void **state)
{
    struct builder *b = with_snapshots();
    struct source *src = NULL;
    struct image *img = NULL;

    (void)state;
    assert_true(source_open_failing(builder_source(b), b->snapshots_off, 1, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_int_equal(img->snaps.end, SNAPSHOTS_UNREADABLE);
    assert_int_equal(img->snaps.n, 0);
    assert_string_equal(img->refused.id, "snapshot-table-unreadable");
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_are_read_with_names_and_numbers),
        cmocka_unit_test(extra_data_counts_only_as_far_as_it_reaches),
        cmocka_unit_test(of_too_many_snapshots_those_that_are_there_are_read),
        cmocka_unit_test(announced_snapshots_past_the_file_are_counted_not_kept),
        cmocka_unit_test(a_table_wholly_past_the_file_has_zero_entries),
        cmocka_unit_test(a_misplaced_table_is_found),
        cmocka_unit_test(extra_data_past_its_limit_is_stepped_over_where_the_entry_makes_sense),
        cmocka_unit_test(a_name_past_the_end_of_the_file_is_cut),
        cmocka_unit_test(a_table_over_64_mib_is_left_where_the_limit_is_reached),
        cmocka_unit_test(an_unreadable_entry_ends_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
