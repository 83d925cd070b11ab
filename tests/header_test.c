/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"
#include "qcow2/spec.h"
#include "support/image_builder.h"

/* Puts into every field of the header its own number, so that a mixed-up offset shows. */
static void every_field_is_read_from_its_place(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    const struct field_table *t = field_table("header");
    struct header h;

    (void)state;
    for (size_t i = 0; i < t->n; i++)
        if (t->field[i].width && t->field[i].width <= 8)
            builder_poke_field(b, "header", 0, t->field[i].name, i + 1);
    builder_poke_field(b, "header", 0, "version", 3);
    builder_poke_field(b, "header", 0, "header_length", 112);
    header_decode(b->bytes, b->len, &h);
    assert_int_equal(h.magic, 1);
    assert_int_equal(h.backing_file_offset, 3);
    assert_int_equal(h.backing_file_size, 4);
    assert_int_equal(h.cluster_bits, 5);
    assert_int_equal(h.size, 6);
    assert_int_equal(h.crypt_method, 7);
    assert_int_equal(h.l1_size, 8);
    assert_int_equal(h.l1_table_offset, 9);
    assert_int_equal(h.refcount_table_offset, 10);
    assert_int_equal(h.refcount_table_clusters, 11);
    assert_int_equal(h.nb_snapshots, 12);
    assert_int_equal(h.snapshots_offset, 13);
    assert_int_equal(h.incompatible_features, 14);
    assert_int_equal(h.compatible_features, 15);
    assert_int_equal(h.autoclear_features, 16);
    assert_int_equal(h.refcount_order, 17);
    assert_int_equal(h.header_length, 112);
    assert_int_equal(h.compression_type, 19);
    builder_free(b);
}

static void the_table_has_the_offsets_of_the_specification(void **state)
{
    static const struct { const char *name; unsigned off, width; } wanted[] = {
        { "magic", 0, 4 }, { "version", 4, 4 }, { "backing_file_offset", 8, 8 },
        { "backing_file_size", 16, 4 }, { "cluster_bits", 20, 4 }, { "size", 24, 8 },
        { "crypt_method", 32, 4 }, { "l1_size", 36, 4 }, { "l1_table_offset", 40, 8 },
        { "refcount_table_offset", 48, 8 }, { "refcount_table_clusters", 56, 4 },
        { "nb_snapshots", 60, 4 }, { "snapshots_offset", 64, 8 },
        { "incompatible_features", 72, 8 }, { "compatible_features", 80, 8 },
        { "autoclear_features", 88, 8 }, { "refcount_order", 96, 4 },
        { "header_length", 100, 4 }, { "compression_type", 104, 1 },
    };
    const struct field_table *t = field_table("header");

    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct field *f = field_named(t, wanted[i].name);

        assert_non_null(f);
        assert_int_equal(f->off, wanted[i].off);
        assert_int_equal(f->width, wanted[i].width);
    }
}

static void version_2_has_default_values_for_what_it_lacks(void **state)
{
    uint8_t bytes[112];
    struct header h;

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    memcpy(bytes + 4, "\0\0\0\2", 4);
    header_decode(bytes, sizeof bytes, &h);
    assert_int_equal(h.version, 2);
    assert_int_equal(h.incompatible_features, 0);
    assert_int_equal(h.compatible_features, 0);
    assert_int_equal(h.autoclear_features, 0);
    assert_int_equal(h.refcount_order, 4);
    assert_int_equal(h.header_length, 72);
    assert_int_equal(h.compression_type, 0);
    assert_int_equal(h.snapshots_offset, UINT64_MAX);
}

static void compression_type_exists_from_header_length_105_on(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct header h;

    (void)state;
    builder_poke_field(b, "header", 0, "compression_type", 1);
    builder_poke_field(b, "header", 0, "header_length", 104);
    header_decode(b->bytes, b->len, &h);
    assert_int_equal(h.compression_type, 0);
    builder_poke_field(b, "header", 0, "header_length", 105);
    header_decode(b->bytes, b->len, &h);
    assert_int_equal(h.compression_type, 1);
    builder_free(b);
}

static void a_short_file_reads_as_zeros_after_its_end(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct header h;

    (void)state;
    header_decode(b->bytes, 26, &h);
    assert_int_equal(h.cluster_bits, 12);
    assert_int_equal(h.size, 0);
    assert_int_equal(h.l1_size, 0);
    header_decode(b->bytes, 0, &h);
    assert_int_equal(h.magic, 0);
    builder_free(b);
}

/* --- extensions --- */

static struct extensions decode(const struct builder *b)
{
    struct extensions ext;
    struct header h;

    header_decode(b->bytes, b->len, &h);
    assert_true(extensions_decode(b->bytes, (size_t)b->geo.cluster_size, &h,
                                  b->geo.cluster_size, &ext));
    return ext;
}

static uint64_t put_ext(struct builder *b, uint64_t at, uint32_t type, uint32_t length)
{
    builder_poke(b, at, 4, type);
    builder_poke(b, at + 4, 4, length);
    return at + 8 + (length + 7) / 8 * 8;
}

static void extensions_are_listed_in_order_and_known_ones_are_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extensions ext;
    uint64_t at = 112;

    (void)state;
    at = put_ext(b, at, EXT_BACKING_FORMAT, 3);
    at = put_ext(b, at, 0x12345678, 0);
    at = put_ext(b, at, EXT_CRYPTO, 16);
    builder_poke(b, at - 16, 8, 0x5000);
    builder_poke(b, at - 8, 8, 99);
    at = put_ext(b, at, EXT_DATA_FILE, 5);
    put_ext(b, at, EXT_END, 0);
    ext = decode(b);
    assert_int_equal(ext.n, 4);
    assert_int_equal(ext.end, EXT_ENDED_MARK);
    assert_int_equal(ext.end_off, at);
    assert_int_equal(ext.list[0].data_off, 120);
    assert_int_equal(ext.list[1].data_off, 136);
    assert_ptr_equal(ext.backing_format, &ext.list[0]);
    assert_ptr_equal(ext.data_file, &ext.list[3]);
    assert_true(ext.has_crypto);
    assert_int_equal(ext.crypto.offset, 0x5000);
    assert_int_equal(ext.crypto.length, 99);
    assert_null(ext.bitmaps_at);
    assert_false(ext.has_bitmaps);
    extensions_free(&ext);
    builder_free(b);
}

static void a_repeated_extension_overrides_the_earlier_one(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extensions ext;
    uint64_t at = put_ext(b, 112, EXT_BACKING_FORMAT, 3);

    (void)state;
    at = put_ext(b, at, EXT_BACKING_FORMAT, 5);
    ext = decode(b);
    assert_int_equal(ext.n, 2);
    assert_int_equal(ext.backing_format->length, 5);
    extensions_free(&ext);
    builder_free(b);
}

static void an_extension_too_long_ends_the_list(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extensions ext;
    uint64_t at = put_ext(b, 112, EXT_BACKING_FORMAT, 3);

    (void)state;
    put_ext(b, at, EXT_DATA_FILE, 4096 - (uint32_t)at - 8);
    ext = decode(b);
    assert_int_equal(ext.n, 2);                         /* just fits */
    assert_int_equal(ext.end, EXT_ENDED_AREA);
    extensions_free(&ext);
    builder_poke(b, at + 4, 4, 4096 - at - 7);          /* one byte more */
    ext = decode(b);
    assert_int_equal(ext.n, 1);
    assert_int_equal(ext.end, EXT_ENDED_TOO_LONG);
    assert_int_equal(ext.end_off, at);
    assert_null(ext.data_file);
    extensions_free(&ext);
    builder_poke(b, at + 4, 4, UINT32_MAX);
    ext = decode(b);
    assert_int_equal(ext.end, EXT_ENDED_TOO_LONG);
    extensions_free(&ext);
    builder_free(b);
}

static void the_backing_file_name_ends_the_area(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extensions ext;

    (void)state;
    put_ext(b, 112, 0x1111, 0);
    put_ext(b, 120, 0x2222, 0);
    builder_poke_field(b, "header", 0, "backing_file_offset", 120);
    ext = decode(b);
    assert_int_equal(ext.n, 1);
    assert_int_equal(ext.end, EXT_ENDED_AREA);
    extensions_free(&ext);
    builder_poke_field(b, "header", 0, "backing_file_offset", 124);
    ext = decode(b);                                    /* a head does not fit */
    assert_int_equal(ext.n, 1);
    assert_int_equal(ext.end, EXT_ENDED_TOO_LONG);
    extensions_free(&ext);
    builder_poke_field(b, "header", 0, "backing_file_offset", 8);
    ext = decode(b);
    assert_int_equal(ext.n, 0);
    extensions_free(&ext);
    builder_free(b);
}

static void no_more_extensions_are_kept_than_the_limit(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct extensions ext;
    uint64_t at = 112;

    (void)state;
    o.cluster_bits = 14;
    b = builder_new(o);
    for (int i = 0; i < EXTENSIONS_MAX; i++)
        at = put_ext(b, at, 0x7777, 0);
    ext = decode(b);
    assert_int_equal(ext.n, EXTENSIONS_MAX);
    assert_int_equal(ext.end, EXT_ENDED_MARK);
    extensions_free(&ext);
    put_ext(b, at, 0x7777, 0);
    ext = decode(b);
    assert_int_equal(ext.n, EXTENSIONS_MAX);
    assert_int_equal(ext.end, EXT_ENDED_OUR_LIMIT);
    extensions_free(&ext);
    builder_free(b);
}

static void short_extensions_give_no_values(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extensions ext;
    uint64_t at = put_ext(b, 112, EXT_BITMAPS, 23);

    (void)state;
    put_ext(b, at, EXT_CRYPTO, 15);
    ext = decode(b);
    assert_non_null(ext.bitmaps_at);
    assert_false(ext.has_bitmaps);
    assert_non_null(ext.crypto_at);
    assert_false(ext.has_crypto);
    extensions_free(&ext);
    builder_free(b);
}

static void assert_bit(const struct builder *b, int type, int bit, const char *wanted)
{
    struct extensions ext = decode(b);
    struct buf name = BUF_INIT;

    feature_bit_name(b->bytes, (size_t)b->geo.cluster_size, &ext, type, bit, &name);
    assert_string_equal(buf_str(&name), wanted);
    buf_free(&name);
    extensions_free(&ext);
}

static void feature_bits_are_named_by_specification_then_image(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t data = 120;

    (void)state;
    assert_bit(b, 0, 0, "dirty");
    assert_bit(b, 2, 1, "raw external data");
    assert_bit(b, 0, 9, "unknown bit 9");
    put_ext(b, 112, EXT_FEATURE_NAMES, 96);
    builder_poke(b, data + 1, 1, 9);
    memcpy(b->bytes + data + 2, "time \x1b travel", 13);
    builder_poke(b, data + 48, 1, 1);
    builder_poke(b, data + 49, 1, 7);
    memset(b->bytes + data + 50, 'x', 46);              /* all of the room: no NUL */
    assert_bit(b, 0, 9, "time \\x1b travel");
    assert_bit(b, 1, 9, "unknown bit 9");
    assert_bit(b, 1, 7, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    assert_bit(b, 0, 0, "dirty");
    builder_free(b);
}

static void extension_types_have_names(void **state)
{
    (void)state;
    assert_string_equal(extension_name(EXT_BITMAPS), "bitmaps");
    assert_string_equal(extension_name(EXT_END), "end of extensions");
    assert_string_equal(extension_name(0x99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_read_from_its_place),
        cmocka_unit_test(the_table_has_the_offsets_of_the_specification),
        cmocka_unit_test(version_2_has_default_values_for_what_it_lacks),
        cmocka_unit_test(compression_type_exists_from_header_length_105_on),
        cmocka_unit_test(a_short_file_reads_as_zeros_after_its_end),
        cmocka_unit_test(extensions_are_listed_in_order_and_known_ones_are_found),
        cmocka_unit_test(a_repeated_extension_overrides_the_earlier_one),
        cmocka_unit_test(an_extension_too_long_ends_the_list),
        cmocka_unit_test(the_backing_file_name_ends_the_area),
        cmocka_unit_test(no_more_extensions_are_kept_than_the_limit),
        cmocka_unit_test(short_extensions_give_no_values),
        cmocka_unit_test(feature_bits_are_named_by_specification_then_image),
        cmocka_unit_test(extension_types_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
