/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "support/image_builder.h"

/* Opening these bytes fails, and the message has this word in it. */
static void assert_fails(const void *bytes, size_t len, const struct image_options *opt,
                         const char *word)
{
    struct source *src = NULL;
    struct image *img = NULL;
    struct error err = { .code = ERR_NONE };

    assert_true(source_open_memory(bytes, len, "a\nfile", &src, NULL));
    assert_false(image_open(src, opt, &img, &err));
    assert_null(img);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
    assert_null(strchr(err.text, '\n'));
    source_close(src);
}

static void what_is_no_qcow2_is_named(void **state)
{
    static const struct { size_t off; const char *bytes; size_t len; const char *word; }
    kinds[] = {
        { 0, "KDMV", 4, "VMDK" },
        { 0, "vhdxfile", 8, "VHDX" },
        { 64, "\x7f\x10\xda\xbe", 4, "VDI" },
        { 0, "conectix", 8, "VHD" },
        { 131072 - 512, "conectix", 8, "VHD" },
        { 0, "\x1f\x8b", 2, "gzip" },
        { 0, "\xfd" "7zXZ\0", 6, "xz" },
        { 0, "\x28\xb5\x2f\xfd", 4, "zstd" },
        { 257, "ustar", 5, "tar" },
        { 32769, "CD001", 5, "ISO 9660" },
        { 510, "\x55\xaa", 2, "MBR" },
        { 512, "EFI PART", 8, "GPT" },
        { 1080, "\x53\xef", 2, "ext2/3/4" },
        { 0, "XFSB", 4, "XFS" },
        { 65600, "_BHRfS_M", 8, "btrfs" },
        { 0, "QED\0", 4, "QED" },
        { 0, "LUKS\xba\xbe", 6, "LUKS" },
        { 0, "hello", 5, "68 65 6c 6c 6f 00" },
        { 0, "", 0, "zeros" },
    };
    uint8_t *file = malloc(131072);

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        memset(file, 0, 131072);
        memcpy(file + kinds[i].off, kinds[i].bytes, kinds[i].len);
        assert_fails(file, 131072, NULL, kinds[i].word);
    }
    free(file);
}

static void tiny_files_are_named(void **state)
{
    (void)state;
    assert_fails("", 0, NULL, "empty");
    assert_fails("Q", 1, NULL, "only 1 byte,");
    assert_fails("QFI", 3, NULL, "only 3 bytes");
    assert_fails("QFI\xfb", 4, NULL, "ends after 4 bytes");
}

static void the_older_format_is_told_from_a_damaged_version(void **state)
{
    uint8_t old[512] = { 'Q', 'F', 'I', 0xfb, 0, 0, 0, 1 };
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;

    (void)state;
    assert_fails(old, sizeof old, NULL, "version 1");
    old[7] = 0;
    assert_fails(old, sizeof old, NULL, "version is 0");
    builder_poke_field(b, "header", 0, "version", 1);
    img = builder_open(b);
    assert_int_equal(img->geo.version, 3);
    assert_string_equal(img->refused.id, "version");
    image_close(img);
    builder_free(b);
}

static void cluster_bits_out_of_range_can_be_replaced(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image_options opt = { .force_cluster_bits = true, .cluster_bits = 12 };
    struct image *img = NULL;

    (void)state;
    builder_poke_field(b, "header", 0, "cluster_bits", 40);
    memset(b->bytes + b->reftable_off, 0x55, b->len - b->reftable_off);
    assert_fails(b->bytes, b->len, NULL, "offset 20 (0x14) is 40");
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(img->geo.cluster_size, 4096);
    image_close(img);
    opt.cluster_bits = 99;
    assert_fails(b->bytes, b->len, &opt, "is 99");
    builder_free(b);
}

static void forced_values_take_the_place_of_the_header(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image_options opt = {
        .force_magic = true, .force_l1_offset = true, .force_l1_size = true,
        .force_reftable = true, .l1_offset = b->l1_off, .l1_size = 2,
        .reftable_offset = b->reftable_off, .reftable_clusters = 1,
    };
    struct image *img = NULL;
    uint64_t count;

    (void)state;
    builder_poke_field(b, "header", 0, "magic", 0);
    builder_poke_field(b, "header", 0, "l1_table_offset", 0x123456);
    builder_poke_field(b, "header", 0, "l1_size", 0);
    builder_poke_field(b, "header", 0, "refcount_table_offset", 0);
    assert_true(image_open(builder_source(b), &opt, &img, NULL));
    assert_int_equal(guesses_taken(&img->guesses), 0);
    assert_int_equal(img->hdr.l1_table_offset, b->l1_off);
    assert_int_equal(img->geo.l1_entries, 2);
    assert_int_equal(image_stored_refcount(img, 0, &count), STORED_OK);
    assert_int_equal(count, 1);
    image_close(img);
    builder_free(b);
}

static void names_are_read_from_the_first_cluster(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;

    (void)state;
    o.backing_file = "base.qcow2";
    o.data_file = "data.raw";
    b = builder_new(o);
    img = builder_open(b);
    assert_string_equal(img->backing_file, "base.qcow2");
    assert_int_equal(img->backing_file_len, 10);
    assert_string_equal(img->data_file, "data.raw");
    assert_null(img->backing_format);
    image_close(img);
    builder_poke_field(b, "header", 0, "backing_file_size", UINT32_MAX);
    img = builder_open(b);
    assert_int_equal(img->backing_file_len, BACKING_NAME_MAX);
    image_close(img);
    builder_poke_field(b, "header", 0, "backing_file_size", 0);
    img = builder_open(b);
    assert_null(img->backing_file);
    image_close(img);
    builder_poke_field(b, "header", 0, "backing_file_size", 10);
    builder_poke_field(b, "header", 0, "backing_file_offset", UINT64_MAX);
    img = builder_open(b);
    assert_null(img->backing_file);
    image_close(img);
    builder_free(b);
}

/* As QEMU takes it: a format that is said to be "" is not said. */
static void an_empty_name_of_a_backing_format_is_none(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;

    (void)state;
    o.data_file = "data.raw";
    b = builder_new(o);
    img = builder_open(b);
    builder_poke(b, img->ext.data_file->data_off - 8, 4, EXT_BACKING_FORMAT);
    builder_poke(b, img->ext.data_file->data_off, 1, 0);
    image_close(img);
    img = builder_open(b);
    assert_non_null(img->ext.backing_format);
    assert_null(img->backing_format);
    image_close(img);
    builder_free(b);
}

static void a_file_cut_anywhere_opens_or_ends_with_a_message(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;

    (void)state;
    o.cluster_bits = 9;
    b = builder_new(o);
    builder_map(b, 0);
    builder_add_snapshot(b, "1", "one");
    builder_add_bitmap(b, "bm", 16, 0);
    for (size_t len = 0; len < b->len; len += len < 1024 ? 1 : 37) {
        struct source *src = NULL;
        struct image *img = NULL;
        struct error err;

        assert_true(source_open_memory(b->bytes, len, "cut", &src, NULL));
        if (image_open(src, NULL, &img, &err)) {
            uint64_t count;

            assert_true(len >= 24);
            for (uint64_t cl = 0; cl < 10; cl++)
                image_stored_refcount(img, cl, &count);
            image_close(img);
        } else {
            assert_true(len < 24);
            source_close(src);
        }
    }
    builder_free(b);
}

static void random_headers_never_break_anything(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    uint32_t seed = 42;

    (void)state;
    o.cluster_bits = 9;
    b = builder_new(o);
    builder_add_snapshot(b, "1", "one");
    builder_add_bitmap(b, "bm", 16, 0);
    for (int round = 0; round < 3000; round++) {
        uint8_t *bytes = malloc(b->len);
        struct source *src = NULL;
        struct image *img = NULL;

        memcpy(bytes, b->bytes, b->len);
        for (int k = 0; k < 4; k++) {
            static const uint8_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
            size_t at;

            seed = seed * 1664525 + 1013904223;
            at = 8 + (seed >> 8) % (round % 2 ? 192 : b->len - 8);
            bytes[at] = values[(seed >> 28) % 6];
        }
        assert_true(source_open_memory(bytes, b->len, "random", &src, NULL));
        if (image_open(src, NULL, &img, NULL)) {
            uint64_t count, l1[70];
            struct l2_entry l2[70];

            image_stored_refcount(img, seed, &count);
            image_stored_refcount(img, UINT64_MAX, &count);
            assert_true(image_read_l1(img, img->hdr.l1_table_offset, 0, 70, l1, NULL));
            assert_true(image_read_l2(img, l1[0], UINT64_MAX / 8, 70, l2, NULL));
            image_close(img);
        } else {
            source_close(src);
        }
        free(bytes);
    }
    builder_free(b);
}

static void a_header_that_cannot_be_read_is_an_error(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct source *src = NULL;
    struct image *img = NULL;
    struct error err;

    (void)state;
    assert_true(source_open_failing(builder_source(b), 100, 1, &src, NULL));
    assert_false(image_open(src, NULL, &img, &err));
    assert_int_equal(err.code, ERR_IO);
    source_close(src);
    /* behind the header: only what stood there is missing */
    assert_true(source_open_failing(builder_source(b), 1000, 1, &src, NULL));
    assert_true(image_open(src, NULL, &img, &err));
    assert_int_equal(img->head_bad.off, 512);
    assert_int_equal(img->head_bad.len, 512);
    image_close(img);
    image_close(NULL);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_qcow2_is_named),
        cmocka_unit_test(tiny_files_are_named),
        cmocka_unit_test(the_older_format_is_told_from_a_damaged_version),
        cmocka_unit_test(cluster_bits_out_of_range_can_be_replaced),
        cmocka_unit_test(forced_values_take_the_place_of_the_header),
        cmocka_unit_test(names_are_read_from_the_first_cluster),
        cmocka_unit_test(an_empty_name_of_a_backing_format_is_none),
        cmocka_unit_test(a_file_cut_anywhere_opens_or_ends_with_a_message),
        cmocka_unit_test(random_headers_never_break_anything),
        cmocka_unit_test(a_header_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
