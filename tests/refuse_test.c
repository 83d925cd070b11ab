/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Each rule by which QEMU refuses an image, at its border: once just accepted, once just
 * refused. Those about bitmaps are in refuse_bitmap_test.c. */
#include "config.h"

#include "base/limits.h"
#include "support/refusal.h"

static uint64_t put_ext(struct builder *b, uint64_t at, uint32_t type, uint32_t length)
{
    builder_poke(b, at, 4, type);
    builder_poke(b, at + 4, 4, length);
    return at + 8;
}

static struct builder *with_options(struct builder_options o)
{
    return builder_new(o);
}

static void sound_images_are_accepted(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b = plain();

    (void)state;
    builder_add_snapshot(b, "1", "one");
    builder_add_bitmap(b, "bitmap", 12, 0);
    assert_accepted(b);
    builder_free(b);
    o.version = 2;
    b = with_options(o);
    assert_accepted(b);
    builder_free(b);
}

static void a_forced_magic_and_a_wrong_version_are_refused(void **state)
{
    struct image_options opt = { .force_magic = true };
    struct builder *b = plain();

    (void)state;
    set(b, "magic", 0x12345678);
    assert_refused_with(b, &opt, "magic", "0x12345678", false);
    set(b, "magic", 0x514649fb);
    set(b, "version", 4);
    assert_refused(b, "version", "version 4");
    set(b, "version", 0);
    assert_refused(b, "version", "version 0");
    builder_free(b);
}

static void a_forced_cluster_size_is_refused(void **state)
{
    struct image_options opt = { .force_cluster_bits = true, .cluster_bits = 12 };
    struct builder *b = plain();

    (void)state;
    set(b, "cluster_bits", 22);
    assert_refused_with(b, &opt, "cluster-bits", "22", false);
    set(b, "cluster_bits", 8);
    assert_refused_with(b, &opt, "cluster-bits", "8", false);
    builder_free(b);
}

static void header_length_has_both_bounds(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "header_length", 104);
    assert_accepted(b);
    set(b, "header_length", 103);
    assert_refused(b, "header-too-short", "103");
    set(b, "header_length", 4096);
    assert_accepted(b);
    set(b, "header_length", 4097);
    assert_refused(b, "header-too-long", "4097");
    builder_free(b);
}

static void the_backing_name_has_to_lie_in_the_first_cluster(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "backing_file_offset", 4096);
    assert_accepted(b);
    set(b, "backing_file_offset", 4097);
    assert_refused(b, "backing-offset", "0x1001");
    set(b, "backing_file_offset", 4000);
    set(b, "backing_file_size", 96);
    assert_accepted(b);
    set(b, "backing_file_size", 97);
    assert_refused(b, "backing-name-too-long", "97");
    set(b, "backing_file_offset", 1000);
    set(b, "backing_file_size", 1023);
    assert_accepted(b);
    set(b, "backing_file_size", 1024);
    assert_refused(b, "backing-name-too-long", "1024");
    set(b, "backing_file_offset", 0);
    assert_accepted(b);
    builder_free(b);
}

static void compression_type_and_its_bit_have_to_agree(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "compression_type", 1);
    assert_refused(b, "compression-bit", "clear");
    set(b, "incompatible_features", 8);
    assert_accepted(b);
    set(b, "compression_type", 0);
    assert_refused(b, "compression-bit", "set");
    set(b, "compression_type", 2);
    assert_refused(b, "compression-type", "2");
    builder_free(b);
}

static void unknown_incompatible_features_are_refused_by_name(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "incompatible_features", 3);                 /* dirty and corrupt */
    assert_accepted(b);
    set(b, "incompatible_features", 0x60);
    assert_refused(b, "unknown-feature", "unknown bit 5, unknown bit 6");
    put_ext(b, 112, EXT_FEATURE_NAMES, 48);
    builder_poke(b, 121, 1, 6);
    memcpy(b->bytes + 122, "shiny", 5);
    assert_refused(b, "unknown-feature", "unknown bit 5, shiny");
    set(b, "incompatible_features", UINT64_MAX);        /* text cut, not overrun */
    set(b, "compression_type", 1);
    assert_refused(b, "unknown-feature", "unknown bit 5");
    set(b, "incompatible_features", 0);
    set(b, "compression_type", 0);
    set(b, "compatible_features", UINT64_MAX);
    set(b, "autoclear_features", UINT64_MAX - 2);
    assert_accepted(b);
    builder_free(b);
}

static void subclusters_need_16_kib_clusters(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;

    (void)state;
    o.extended_l2 = true;
    o.cluster_bits = 13;
    b = with_options(o);
    assert_refused(b, "subcluster-size", "8192");
    builder_free(b);
    o.cluster_bits = 14;
    b = with_options(o);
    assert_accepted(b);
    builder_free(b);
}

static void refcount_order_ends_at_6(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "refcount_order", 6);
    assert_accepted(b);
    set(b, "refcount_order", 7);
    assert_refused(b, "refcount-order", "7");
    builder_free(b);
}

static void the_refcount_table_has_a_size_and_a_place(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "refcount_table_clusters", 0);
    assert_accepted(b);
    set(b, "refcount_table_clusters", 2048);
    assert_accepted(b);
    set(b, "refcount_table_clusters", 2049);
    assert_refused(b, "reftable-too-large", "2049");
    set(b, "refcount_table_clusters", 1);
    set(b, "refcount_table_offset", 0x1200);
    assert_refused(b, "reftable-offset", "0x1200");
    set(b, "refcount_table_offset", UINT64_C(1) << 63);
    assert_refused(b, "reftable-offset", "0x8000000000000000");
    set(b, "refcount_table_offset", (UINT64_C(1) << 63) - 4096);
    assert_refused(b, "reftable-offset", "0x7ffffffffffff000");     /* ends at 2^63 */
    set(b, "refcount_table_offset", READ_OFFSET_MAX);
    assert_refused(b, "reftable-unreadable", "0x7fffffffc0000000");
    set(b, "refcount_table_offset", READ_OFFSET_MAX - 4096);
    assert_accepted(b);
    builder_free(b);
}

static void the_l1_table_has_a_size_and_a_place(void **state)
{
    struct builder *b = plain();
    uint64_t needed = b->geo.l1_needed;

    (void)state;
    set(b, "l1_size", needed - 1);
    assert_refused(b, "l1-too-small", "4194304 bytes");
    set(b, "l1_size", 4194304);
    assert_accepted(b);
    set(b, "l1_size", 4194305);
    assert_refused(b, "l1-too-large", "4194305");
    set(b, "l1_size", needed);
    set(b, "l1_table_offset", b->l1_off + 8);
    assert_refused(b, "l1-offset", "0x");
    set(b, "l1_table_offset", UINT64_MAX - 4095);
    assert_refused(b, "l1-offset", "0xfffffffffffff000");
    set(b, "l1_table_offset", READ_OFFSET_MAX);
    assert_refused(b, "l1-unreadable", "0x7fffffffc0000000");
    set(b, "l1_size", 0);                               /* then nothing is read */
    set(b, "size", 0);
    assert_accepted(b);
    builder_free(b);
}

static void the_disk_has_a_greatest_size(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b = plain();
    const uint64_t span = b->geo.l2_span;

    (void)state;
    set(b, "size", span * INT32_MAX + 1);
    assert_refused(b, "disk-too-large", "needs 2147483648 L1 entries");
    set(b, "size", span * INT32_MAX);
    assert_refused(b, "l1-too-small", "needs 2147483647");
    /* near 2^64 the number of entries needed wraps around to nothing */
    set(b, "size", UINT64_MAX);
    assert_refused(b, "disk-size", "18446744073709551615");
    builder_free(b);
    o.cluster_bits = 21;
    b = with_options(o);
    set(b, "l1_size", 4194304);
    set(b, "size", UINT64_C(4194304) << 39);
    assert_accepted(b);
    builder_free(b);
}

static void crypt_method_ends_at_2_and_luks_needs_its_pointer(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b = plain();

    (void)state;
    set(b, "crypt_method", 1);                          /* only lacks a secret */
    assert_accepted(b);
    set(b, "crypt_method", 3);
    assert_refused(b, "crypt-method", "3");
    set(b, "crypt_method", 2);
    assert_refused(b, "crypto-ext-missing", "LUKS");
    builder_free(b);

    o.crypto_len = 10000;
    b = with_options(o);
    assert_accepted(b);
    set(b, "crypt_method", 0);
    assert_refused(b, "crypto-ext-unexpected", "0");
    set(b, "crypt_method", 2);
    builder_poke(b, 116, 4, 17);
    assert_refused(b, "crypto-ext-length", "17");
    builder_poke(b, 116, 4, 16);
    builder_poke_field(b, "crypto-ext", 120, "offset", 0x5200);
    assert_refused(b, "crypto-offset", "0x5200");
    builder_free(b);
}

static void extensions_have_to_fit_and_the_format_name_is_short(void **state)
{
    struct builder *b = plain();

    (void)state;
    put_ext(b, 112, EXT_BACKING_FORMAT, 15);
    assert_accepted(b);
    put_ext(b, 112, EXT_BACKING_FORMAT, 16);
    assert_refused(b, "backing-format-too-long", "16");
    put_ext(b, 112, 0x4242, 4096 - 120);
    assert_accepted(b);
    put_ext(b, 112, 0x4242, 4096 - 119);
    assert_refused(b, "extension-too-large", "112");
    put_ext(b, 112, EXT_END, 4096 - 119);               /* the mark has a length too */
    assert_refused(b, "extension-too-large", "112");
    builder_free(b);
}

static void extensions_past_our_own_limit_are_judged_as_well(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    uint64_t at = 112;

    (void)state;
    o.cluster_bits = 16;
    b = with_options(o);
    for (int i = 0; i < EXTENSIONS_MAX + 5; i++)
        at = put_ext(b, at, 0x7777, 0);
    put_ext(b, at, EXT_BACKING_FORMAT, 16);
    assert_refused(b, "backing-format-too-long", "16");
    builder_free(b);
}

static void an_external_data_file_needs_a_name_and_raw_needs_the_file(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;

    (void)state;
    o.data_file = "data.raw";
    b = with_options(o);
    set(b, "autoclear_features", 2);
    assert_accepted(b);
    put_ext(b, 112, 0x4242, 8);
    assert_refused(b, "data-file-name", "external");
    builder_free(b);
    b = with_options(o);
    builder_poke(b, 120, 1, 0);                     /* an empty name */
    assert_refused(b, "data-file-name", "external");
    builder_free(b);
    b = plain();
    set(b, "autoclear_features", 2);
    assert_refused(b, "data-file-raw", "raw");
    builder_free(b);
}

static void disk_sizes_past_all_addresses_are_refused(void **state)
{
    struct builder *b = plain();

    (void)state;
    /* wraps around to few entries, so that only this rule is left */
    set(b, "size", UINT64_MAX - 511);
    assert_refused(b, "disk-size", "18446744073709551104");
    builder_free(b);
}

static void the_snapshot_table_is_judged_by_the_check(void **state)
{
    struct builder *b = plain();
    uint64_t at;

    (void)state;
    set(b, "snapshots_offset", 0x123);                  /* even without snapshots */
    assert_check_refused(b, "snapshot-table-offset", "although there are no");
    builder_add_snapshot(b, "1", "one");
    at = builder_snapshot_off(b, 0);
    assert_accepted(b);
    builder_poke_field(b, "snapshot", at, "extra_data_size", 1025);
    assert_check_refused(b, "snapshot-extra-data", "snapshot 1");
    builder_poke_field(b, "snapshot", at, "extra_data_size", 1024);
    assert_accepted(b);
    set(b, "nb_snapshots", SNAPSHOTS_MAX + 1);
    assert_check_refused(b, "snapshots-too-many", "65537");
    set(b, "nb_snapshots", SNAPSHOTS_MAX);
    assert_accepted(b);
    set(b, "snapshots_offset", READ_OFFSET_MAX);
    assert_check_refused(b, "snapshot-table-unreadable", "past all");
    set(b, "snapshots_offset", (uint64_t)INT64_MAX / 4096 * 4096);
    assert_check_refused(b, "snapshot-table-offset", "too large");
    builder_free(b);
}

static void opening_rules_come_before_those_of_the_check(void **state)
{
    struct builder *b = plain();

    (void)state;
    set(b, "snapshots_offset", 0x123);
    set(b, "l1_size", 0);
    assert_refused(b, "l1-too-small", "has 0 entries");
    set(b, "refcount_order", 7);
    assert_refused(b, "refcount-order", "7");
    set(b, "header_length", 0);
    assert_refused(b, "header-too-short", "0");
    builder_free(b);
}

static void an_unreadable_refcount_table_is_refused(void **state)
{
    struct builder *b = plain();
    struct source *src = NULL;
    struct image *img = NULL;

    (void)state;
    assert_true(source_open_failing(builder_source(b), b->reftable_off + 64, 1, &src,
                                    NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_true(img->reftable_bad.len > 0);
    assert_string_equal(img->refused.id, "reftable-unreadable");
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_images_are_accepted),
        cmocka_unit_test(a_forced_magic_and_a_wrong_version_are_refused),
        cmocka_unit_test(a_forced_cluster_size_is_refused),
        cmocka_unit_test(header_length_has_both_bounds),
        cmocka_unit_test(the_backing_name_has_to_lie_in_the_first_cluster),
        cmocka_unit_test(compression_type_and_its_bit_have_to_agree),
        cmocka_unit_test(unknown_incompatible_features_are_refused_by_name),
        cmocka_unit_test(subclusters_need_16_kib_clusters),
        cmocka_unit_test(refcount_order_ends_at_6),
        cmocka_unit_test(the_refcount_table_has_a_size_and_a_place),
        cmocka_unit_test(the_l1_table_has_a_size_and_a_place),
        cmocka_unit_test(the_disk_has_a_greatest_size),
        cmocka_unit_test(crypt_method_ends_at_2_and_luks_needs_its_pointer),
        cmocka_unit_test(extensions_have_to_fit_and_the_format_name_is_short),
        cmocka_unit_test(extensions_past_our_own_limit_are_judged_as_well),
        cmocka_unit_test(an_external_data_file_needs_a_name_and_raw_needs_the_file),
        cmocka_unit_test(disk_sizes_past_all_addresses_are_refused),
        cmocka_unit_test(the_snapshot_table_is_judged_by_the_check),
        cmocka_unit_test(opening_rules_come_before_those_of_the_check),
        cmocka_unit_test(an_unreadable_refcount_table_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
