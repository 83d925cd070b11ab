/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables of an image that is open. */
#include "config.h"

#include "qcow2/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/luks.h"
#include "support/image_builder.h"

static void tables_read_as_zeros_past_the_end(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    uint64_t l1[1000];
    struct l2_entry l2[1000];

    (void)state;
    builder_map(b, 0);
    builder_map(b, 511);
    img = builder_open(b);
    assert_true(image_read_l1(img, b->l1_off, 0, 1000, l1, NULL));
    assert_true(l1[0] & OFLAG_COPIED);
    assert_int_equal(l1[1], 0);
    assert_true(image_read_l2(img, l1[0] & ENTRY_OFFSET_MASK, 0, 1000, l2, NULL));
    assert_int_equal(l2[0].type, L2_NORMAL);
    assert_int_equal(l2[511].type, L2_NORMAL);
    assert_int_equal(l2[1].type, L2_UNALLOCATED);
    assert_true(image_read_l2(img, l1[0] & ENTRY_OFFSET_MASK, 511, 1, l2, NULL));
    assert_int_equal(l2[0].type, L2_NORMAL);
    assert_true(image_read_l1(img, b->len - 8, 0, 3, l1, NULL));
    assert_int_equal(l1[1], 0);
    assert_true(image_read_l1(img, UINT64_MAX, UINT64_MAX, 3, l1, NULL));
    assert_int_equal(l1[0], 0);
    image_close(img);
    builder_free(b);
}

static void entries_are_present_as_far_as_the_file_goes(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);

    (void)state;
    assert_int_equal(image_entries_present(img, b->len - 24, 3), 3);
    assert_int_equal(image_entries_present(img, b->len - 24, 4), 3);
    assert_int_equal(image_entries_present(img, b->len - 25, UINT64_MAX), 4);
    assert_int_equal(image_entries_present(img, b->len, 1), 0);
    assert_int_equal(image_entries_present(img, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(image_entries_present(img, 0, 0), 0);
    image_close(img);
    builder_free(b);
}

static void stored_refcounts_of_every_width_are_found(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= 6; order++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;
        struct image *img;
        uint64_t count = 9;

        o.cluster_bits = 9;
        o.refcount_order = order;
        b = builder_new(o);
        builder_alloc(b, 200);
        builder_set_refcount(b, 150, b->geo.refcount_max);
        builder_set_refcount(b, 151, 0);
        img = builder_open(b);
        for (uint64_t cl = 0; cl < 150; cl++) {
            assert_int_equal(image_stored_refcount(img, cl, &count), STORED_OK);
            assert_int_equal(count, 1);
        }
        assert_int_equal(image_stored_refcount(img, 150, &count), STORED_OK);
        assert_int_equal(count, b->geo.refcount_max);
        assert_int_equal(image_stored_refcount(img, 151, &count), STORED_OK);
        assert_int_equal(count, 0);
        assert_int_equal(image_stored_refcount(img, UINT64_MAX >> 9, &count),
                         STORED_NO_BLOCK);
        image_close(img);
        builder_free(b);
    }
}

static void bad_refcount_blocks_are_told_apart(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct source *src = NULL;
    struct image *img = NULL;
    uint64_t block = builder_refblock_off(b, 0), count = 9;

    (void)state;
    assert_true(source_open_failing(builder_source(b), block, 1, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_UNREADABLE);
    assert_int_equal(count, 0);
    image_close(img);
    builder_poke(b, b->reftable_off, 8, block + 0x200);
    img = builder_open(b);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_BAD_BLOCK);
    image_close(img);
    builder_poke(b, b->reftable_off, 8, block | 0x1ff);     /* reserved bits are masked */
    img = builder_open(b);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_OK);
    assert_int_equal(count, 1);
    image_close(img);
    builder_poke(b, b->reftable_off, 8, UINT64_C(1) << 40);
    img = builder_open(b);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_OK);
    assert_int_equal(count, 0);
    image_close(img);
    builder_poke(b, b->reftable_off, 8, UINT64_C(1) << 63);
    img = builder_open(b);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_UNREADABLE);
    image_close(img);
    builder_poke(b, b->reftable_off, 8, 0);
    img = builder_open(b);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_NO_BLOCK);
    image_close(img);
    builder_free(b);
}

static void the_refcount_table_is_held_only_as_far_as_the_file_goes(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "refcount_table_clusters", 2048);
    img = builder_open(b);
    assert_int_equal(img->geo.reftable_entries, 1048576);
    assert_int_equal(img->reftable_n, (b->len - b->reftable_off) / 8);
    image_close(img);
    builder_poke_field(b, "header", 0, "refcount_table_offset", UINT64_C(1) << 50);
    img = builder_open(b);
    assert_int_equal(img->reftable_n, 0);
    image_close(img);
    builder_free(b);
}

static void each_layer_has_its_l1_table(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct layer_l1 l1;
    struct image *img;
    uint64_t at;

    (void)state;
    builder_map(b, 3);
    at = builder_snapshot_off(b, builder_add_snapshot(b, "1", "a"));
    img = builder_open(b);
    assert_true(image_layer_l1(img, LAYER_ACTIVE, &l1));
    assert_int_equal(l1.off, b->l1_off);
    assert_int_equal(l1.n, b->l1_size);
    assert_int_equal(l1.present, b->l1_size);
    assert_int_equal(l1.guest_size, 4 << 20);
    assert_true(l1.sound);
    assert_true(image_layer_l1(img, 1, &l1));
    assert_int_equal(l1.off, b->snapshot[0].l1_off);
    assert_int_equal(l1.n, b->snapshot[0].l1_size);
    assert_true(l1.sound);
    assert_false(image_layer_l1(img, 2, &l1));
    assert_int_equal(l1.n, 0);
    image_close(img);

    builder_poke_field(b, "snapshot", at, "l1_size", L1_ENTRIES_MAX);
    img = builder_open(b);
    assert_true(image_layer_l1(img, 1, &l1));
    assert_int_equal(l1.n, L1_ENTRIES_MAX);
    assert_int_equal(l1.present, (b->len - b->snapshot[0].l1_off) / 8);
    assert_true(l1.sound);
    image_close(img);

    builder_poke_field(b, "snapshot", at, "l1_size", L1_ENTRIES_MAX + 1);
    img = builder_open(b);
    assert_true(image_layer_l1(img, 1, &l1));
    assert_int_equal(l1.n, L1_ENTRIES_MAX);
    assert_false(l1.sound);
    image_close(img);

    builder_poke_field(b, "snapshot", at, "l1_size", 1);
    builder_poke_field(b, "snapshot", at, "l1_table_offset", b->snapshot[0].l1_off + 8);
    img = builder_open(b);
    assert_true(image_layer_l1(img, 1, &l1));
    assert_false(l1.sound);
    image_close(img);
    builder_free(b);
}

static void structures_are_found_by_offset_in_the_order_of_kinds(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    const struct structure *x;
    struct image *img;
    uint64_t at;

    (void)state;
    builder_add_bitmap(b, "b", 16, 0);
    at = builder_snapshot_off(b, builder_add_snapshot(b, "1", "a"));
    img = builder_open(b);
    for (size_t i = 0; i < img->structures.n; i++) {
        x = &img->structures.list[i];
        assert_true(i == 0 || x[-1].off <= x->off);
        assert_ptr_equal(structures_find(&img->structures, x->off, NULL), x);
        assert_ptr_equal(structures_find(&img->structures, x->off + x->len - 1, NULL), x);
        assert_null(structures_find(&img->structures, x->off, x));
        assert_true(x->counted);
    }
    assert_int_equal(img->structures.n, 7);     /* all kinds but LUKS; two L1 tables */
    assert_null(structures_find(&img->structures, b->len, NULL));
    image_close(img);

    /* An L1 table of a snapshot that lies over the whole file is found last of its kind. */
    builder_poke_field(b, "snapshot", at, "l1_table_offset", 8);
    builder_poke_field(b, "snapshot", at, "l1_size", b->len / 8);
    img = builder_open(b);
    x = structures_find(&img->structures, b->l1_off, NULL);
    assert_int_equal(x->kind, STRUCTURE_L1);
    assert_int_equal(x->i, LAYER_ACTIVE);
    x = structures_find(&img->structures, b->l1_off, x);
    assert_int_equal(x->kind, STRUCTURE_L1);
    assert_int_equal(x->i, 1);
    assert_false(x->counted);
    assert_null(structures_find(&img->structures, b->l1_off, x));
    image_close(img);
    builder_free(b);
}

static void long_l1_tables_are_read_whole(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    uint64_t l1[1600];
    struct builder *b;
    struct image *img;

    (void)state;
    o.cluster_bits = 9;
    o.size = UINT64_C(1600) << 15;
    b = builder_new(o);
    for (unsigned i = 0; i < 1600; i++)
        builder_poke(b, b->l1_off + i * 8, 8, i + 1);
    img = builder_open(b);
    for (size_t n = 1; n <= 1600; n += 41) {
        memset(l1, 0, sizeof l1);
        assert_true(image_read_l1(img, b->l1_off, 0, n, l1, NULL));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(l1[i], i + 1);
    }
    image_close(img);
    builder_free(b);
}

static void a_luks_header_says_what_its_key_is(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct luks luks;
    uint64_t at;

    (void)state;
    o.crypto_len = 5000;
    b = builder_new(o);
    img = builder_open(b);
    at = img->ext.crypto.offset;
    builder_poke(b, at, 8, UINT64_C(0x4c554b53babe0001));
    builder_poke(b, at + 104, 4, 4040);
    builder_poke(b, at + 108, 4, 64);
    builder_poke(b, at + 164, 4, 1000);
    builder_poke(b, at + 208, 4, 0x00ac71f3);
    builder_poke(b, at + 212, 4, 2000);
    builder_poke(b, at + 248, 4, 8);
    builder_poke(b, at + 252, 4, 4000);
    assert_true(luks_read(img->src, at, &luks));
    assert_int_equal(luks.payload_offset, 4040 * 512);
    assert_int_equal(luks.key_bytes, 64);
    assert_int_equal(luks.master_key_iterations, 1000);
    assert_true(luks.slot[0].active && !luks.slot[1].active);
    assert_int_equal(luks.slot[0].iterations, 2000);
    assert_int_equal(luks.slot[0].key_offset, 8 * 512);
    assert_int_equal(luks.slot[0].stripes, 4000);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_read_as_zeros_past_the_end),
        cmocka_unit_test(entries_are_present_as_far_as_the_file_goes),
        cmocka_unit_test(stored_refcounts_of_every_width_are_found),
        cmocka_unit_test(bad_refcount_blocks_are_told_apart),
        cmocka_unit_test(the_refcount_table_is_held_only_as_far_as_the_file_goes),
        cmocka_unit_test(each_layer_has_its_l1_table),
        cmocka_unit_test(structures_are_found_by_offset_in_the_order_of_kinds),
        cmocka_unit_test(long_l1_tables_are_read_whole),
        cmocka_unit_test(a_luks_header_says_what_its_key_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
