/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "inspect/address.h"
#include "support/image_builder.h"

static struct builder *b;
static struct image *img;
static uint64_t entry_off;          /* host byte of the L2 entry of guest cluster 1 */

/* Snapshots and bitmaps whose names look like numbers and other addresses. */
static int open_image(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    opt.crypto_len = 512;
    opt.size = 32 << 20;
    b = builder_new(opt);
    builder_map(b, 0);
    builder_add_snapshot(b, "2", "before");
    builder_map(b, 3);
    builder_add_snapshot(b, "1", "two words");
    builder_add_snapshot(b, "7", "two");
    builder_add_bitmap(b, "daily", 9, 0);
    builder_add_bitmap(b, "1", 9, 0);
    builder_add_bitmap(b, "one table", 9, 0);
    entry_off = builder_l2_entry_off(b, 1);         /* may move the bytes: before they are lent */
    img = builder_open(b);
    assert_true(img->bitmaps.list[0].table_size > 1);
    return 0;
}

static int close_image(void **state)
{
    (void)state;
    image_close(img);
    builder_free(b);
    return 0;
}

static struct place parsed(const char *text)
{
    struct place p = { .kind = PLACE_NONE };
    struct error err;

    if (!address_parse(img, NULL, text, &p, &err))
        fail_msg("'%s': %s", text, err.text);
    return p;
}

static void expect(const char *text, struct place want)
{
    struct place got = parsed(text);
    struct buf said = BUF_INIT;

    place_text(&got, &said);
    if (!place_equal(&got, &want))
        fail_msg("'%s' is taken for %s", text, buf_str(&said));
    buf_free(&said);
}

static void expect_error(const char *text, enum error_code code, const char *words)
{
    struct place p;
    struct error err;

    if (address_parse(img, NULL, text, &p, &err))
        fail_msg("'%s' is taken for an address", text);
    assert_int_equal(err.code, code);
    if (words && !strstr(err.text, words))
        fail_msg("'%s': %s", text, err.text);
}

/* Prints a place and reads it again. */
static void round_trip(struct place want)
{
    struct buf text = BUF_INIT;

    assert_true(place_complete(img, &want));
    place_text(&want, &text);
    expect(buf_str(&text), want);
    assert_true(parsed(buf_str(&text)).file_off == want.file_off);
    assert_true(parsed(buf_str(&text)).guest_off == want.guest_off);
    buf_free(&text);
}

static void what_is_printed_is_read_again(void **state)
{
    static const uint64_t few[] = { 0, 1, 2, 7, 40 };

    (void)state;
    for (enum place_kind kind = PLACE_FILE_OFFSET; kind <= PLACE_CRYPTO; kind++) {
        unsigned n = 0;

        for (size_t a = 0; a < 5; a++)
            for (size_t c = 0; c < 5; c++)
                for (uint32_t layer = 0; layer <= img->snaps.n; layer++) {
                    struct place p = { .kind = kind, .layer = layer, .i = few[a],
                                       .j = few[c], .file_off = few[a] * 1111,
                                       .guest_off = few[a] * 4096 + few[c] };
                    struct place there = p;

                    if ((kind == PLACE_SNAPSHOT || kind == PLACE_BITMAP ||
                         kind == PLACE_BITMAP_TABLE) && layer != LAYER_ACTIVE)
                        continue;               /* they are in no layer */
                    if (!place_complete(img, &there))
                        continue;
                    round_trip(p);
                    n++;
                }
        if (!n)
            fail_msg("place kind %d was not tried", (int)kind);
    }
}

static void a_table_is_named_by_what_it_is(void **state)
{
    (void)state;
    expect("L1 table", (struct place){ .kind = PLACE_L1 });
    expect("active L1 table", (struct place){ .kind = PLACE_L1 });
    expect("snapshot 2 L1 table", (struct place){ .kind = PLACE_L1, .layer = 2 });
    expect("L2 table 1", (struct place){ .kind = PLACE_L2, .i = 1 });
    expect("snapshot table", (struct place){ .kind = PLACE_FILE_OFFSET,
                                             .file_off = img->snaps.table_off });
    expect("bitmap directory", (struct place){ .kind = PLACE_FILE_OFFSET,
                                               .file_off = img->bitmaps.dir_off });
    expect_error("snapshot directory", ERR_USAGE, NULL);
    expect_error("bitmap table", ERR_USAGE, NULL);
    expect_error("active L1[0]", ERR_FORMAT, NULL);
    expect_error("active L2 table 0", ERR_FORMAT, NULL);
}

static void of_words_with_a_number_after_at_the_number_counts(void **state)
{
    struct place there = { .kind = PLACE_FILE_OFFSET, .file_off = 0x1000 };

    (void)state;
    expect("at 0x1000", there);
    expect("L2 table 0 at 0x1000: 3 of 512 in use", there);
    expect("the L2 table at 0x1000 is all zeros", there);
    expect_error("that 0x1000", ERR_FORMAT, NULL);
    expect_error("at 0x", ERR_FORMAT, NULL);
    expect_error("at 0x10000000000000000", ERR_FORMAT, NULL);
    expect_error("at 1000", ERR_FORMAT, NULL);
}

static void offsets_are_printed_so_that_they_are_read_again(void **state)
{
    uint64_t off = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct buf text = BUF_INIT, range = BUF_INIT;

        buf_puts(&text, "file ");
        text_offset(&text, off);
        expect(buf_str(&text), (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = off });
        buf_puts(&range, "file ");
        text_range(&range, off, off + 512, TEXT_DASH);
        expect(buf_str(&range), (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = off });
        buf_free(&text);
        buf_free(&range);
        off = i < 1000 ? off + 512 : off + (UINT64_C(1) << 30);
    }
}

static void a_range_is_printed_in_one_form(void **state)
{
    static const struct { uint64_t start, end; const char *text; } ranges[] = {
        { 65536, 131072, "64 KiB \u2013 128 KiB" },
        { 32768, 0x8200, "0x8000 \u2013 0x8200" },
        { 0x8200, 65536, "0x8200 \u2013 0x10000" },
        { 65536, 98304, "64 KiB \u2013 96 KiB" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct buf text = BUF_INIT;

        text_range(&text, ranges[i].start, ranges[i].end, TEXT_DASH);
        assert_string_equal(buf_str(&text), ranges[i].text);
        buf_free(&text);
    }
}

static void people_type_it_in_many_ways(void **state)
{
    static const struct { const char *text; struct place want; } typed[] = {
        { "0x1c00", { .kind = PLACE_FILE_OFFSET, .file_off = 0x1c00 } },
        { "7168", { .kind = PLACE_FILE_OFFSET, .file_off = 7168 } },
        { "7,168", { .kind = PLACE_FILE_OFFSET, .file_off = 7168 } },
        { "1,048,576", { .kind = PLACE_FILE_OFFSET, .file_off = 1 << 20 } },
        { "1.5 KiB", { .kind = PLACE_FILE_OFFSET, .file_off = 1536 } },
        { " file 0x1c00 ", { .kind = PLACE_FILE_OFFSET, .file_off = 0x1c00 } },
        { "3s", { .kind = PLACE_FILE_OFFSET, .file_off = 1536 } },
        { "0x1c", { .kind = PLACE_FILE_OFFSET, .file_off = 0x1c } },
        { "0%", { .kind = PLACE_FILE_OFFSET, .file_off = 0 } },
        { "guest 50%", { .kind = PLACE_GUEST, .guest_off = 16 << 20 } },
        { "guest 12.5%", { .kind = PLACE_GUEST, .guest_off = 4 << 20 } },
        { "guest 0.125%", { .kind = PLACE_GUEST, .guest_off = 41943 } },
        { "guest 100%", { .kind = PLACE_GUEST, .guest_off = (32 << 20) - 1 } },
        { "guest 2s", { .kind = PLACE_GUEST, .guest_off = 1024 } },
        { "guest 2c", { .kind = PLACE_GUEST, .guest_off = 8192 } },
        { "g1M", { .kind = PLACE_GUEST, .guest_off = 1 << 20 } },
        { "G 64 KiB \u2013 1 MiB", { .kind = PLACE_GUEST, .guest_off = 65536 } },
        { "0x4000 - 0x8000", { .kind = PLACE_FILE_OFFSET, .file_off = 0x4000 } },
        { "2c", { .kind = PLACE_CLUSTER, .i = 2 } },
        { "CLUSTER 1,024", { .kind = PLACE_CLUSTER, .i = 1024 } },
        { "clusters 3 - 5", { .kind = PLACE_CLUSTER, .i = 3 } },
        { "l1 1", { .kind = PLACE_L1, .i = 1 } },
        { "L2[0][3]", { .kind = PLACE_L2, .i = 0, .j = 3 } },
        { "rt 0", { .kind = PLACE_REFTABLE } },
        { "reftable[0]", { .kind = PLACE_REFTABLE } },
        { "refcount table", { .kind = PLACE_REFTABLE } },
        { "rb 0", { .kind = PLACE_REFBLOCK } },
        { "refblock[0][7]", { .kind = PLACE_REFBLOCK, .j = 7 } },
        { "refcount block 0 entry 7", { .kind = PLACE_REFBLOCK, .j = 7 } },
        { "header", { .kind = PLACE_HEADER } },
        { "header 40", { .kind = PLACE_HEADER, .i = 40 } },
        { "header byte 40", { .kind = PLACE_HEADER, .i = 40 } },
        { "encryption header", { .kind = PLACE_CRYPTO } },
        /* The number goes before an id or name that looks like another. */
        { "snap 1", { .kind = PLACE_SNAPSHOT, .i = 0 } },
        { "snap 7", { .kind = PLACE_SNAPSHOT, .i = 2 } },
        { "snapshot two words", { .kind = PLACE_SNAPSHOT, .i = 1 } },
        { "snapshot two", { .kind = PLACE_SNAPSHOT, .i = 2 } },
        { "snap two words L1[0]", { .kind = PLACE_L1, .layer = 2 } },
        { "snap before guest 0x1000", { .kind = PLACE_GUEST, .layer = 1, .guest_off = 4096 } },
        { "snapshot 1 (before)", { .kind = PLACE_SNAPSHOT, .i = 0 } },
        { "snapshot 2 (two words) L1[0]", { .kind = PLACE_L1, .layer = 2 } },
        { "bitmap 1", { .kind = PLACE_BITMAP, .i = 0 } },
        { "bitmap daily", { .kind = PLACE_BITMAP, .i = 0 } },
        { "bitmap one table", { .kind = PLACE_BITMAP, .i = 2 } },
        { "bitmap one table table 1", { .kind = PLACE_BITMAP_TABLE, .i = 2, .j = 1 } },
        { "bitmap 1 table entry 1", { .kind = PLACE_BITMAP_TABLE, .i = 0, .j = 1 } },
        { "bitmap 2 table", { .kind = PLACE_BITMAP_TABLE, .i = 1 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++)
        expect(typed[i].text, typed[i].want);
    expect("snap [1]L1[0]", (struct place){ .kind = PLACE_L1, .layer = 1 });
    expect("snap [1] L1[0]", (struct place){ .kind = PLACE_L1, .layer = 1 });
    expect("end", (struct place){ .kind = PLACE_CLUSTER, .i = img->geo.n_clusters - 1 });
}

static void what_is_not_in_the_image_is_told(void **state)
{
    (void)state;
    expect_error("guest 1G", ERR_USAGE, "past the end of the disk (32 MiB)");
    expect_error("guest 32M", ERR_USAGE, "32 MiB");
    parsed("guest 33554431");
    expect_error("snap 1 guest 1G", ERR_USAGE, "32 MiB");
    expect_error("L1[99]", ERR_USAGE, "L1[99]");
    expect_error("L2[99][77]", ERR_USAGE, "L1[99] L2[77]");
    expect_error("rt 9999", ERR_USAGE, NULL);
    expect_error("rb 3", ERR_USAGE, NULL);
    expect_error("snap 4", ERR_USAGE, "there are 3");
    expect_error("snap 0", ERR_USAGE, "there are 3");
    expect_error("snap 1L1[0]", ERR_USAGE, "there are 3");
    expect_error("bitmap 0", ERR_USAGE, "there are 3");
    expect_error("bitmap weekly", ERR_USAGE, "there are 3");
    expect_error("bitmap 1 table entry 9999", ERR_USAGE, NULL);
    expect_error("header 4096", ERR_USAGE, NULL);
    expect_error("+512", ERR_USAGE, NULL);
}

static void other_text_is_not_an_address(void **state)
{
    static const char *const wrong[] = {
        "", " ", "somewhere", "1,02", "1,0240", ",024", "1,,024", "1024,", "12,34,567",
        "0x", "0xg", "L1", "L1[", "L1[3", "L1[0] L3[1]", "L2[0]", "rt", "rb", "refcount",
        "refcount block", "c", "28cc", "101%", "1.2345%", "%", "1.2.3%", "guest", "guest x", "header x",
        "snap 1 nowhere", "bitmap 1 entry 3", "bitmap 1 table entry 0 and more", "+", "+x",
        "5 5", "1.5", "18446744073709551616", "encryption", "file",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_error(wrong[i], ERR_FORMAT, "not an address");
    expect_error("snapshot 1 (two words)", ERR_FORMAT, "'snapshot 1 (two words)' is not");
}

static void from(const char *here_text, const char *step, struct place want)
{
    struct place here = parsed(here_text), got;
    struct error err;

    if (!address_parse(img, &here, step, &got, &err))
        fail_msg("%s from %s: %s", step, here_text, err.text);
    if (!place_equal(&got, &want))
        fail_msg("%s from %s leads elsewhere", step, here_text);
}

static void steps_count_from_where_one_stands(void **state)
{
    uint64_t entry = entry_off;
    struct place here, got;

    (void)state;
    from("0x1000", "+512", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 0x1200 });
    from("0x1000", "-1c", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 0 });
    from("0x1000", "+0x10", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 0x1010 });
    from("0x1000", "+2s", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 0x1400 });
    from("cluster 5", "-1c", (struct place){ .kind = PLACE_CLUSTER, .i = 4 });
    from("cluster 5", "+1", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 5 * 4096 + 1 });
    from("guest 1M", "+1c", (struct place){ .kind = PLACE_GUEST, .guest_off = (1 << 20) + 4096 });
    from("guest 1M", "-1M", (struct place){ .kind = PLACE_GUEST, .guest_off = 0 });
    from("L2[0][1]", "+8", (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = entry + 8 });
    here = (struct place){ .kind = PLACE_NONE };
    assert_false(address_parse(img, &here, "+1", &got, NULL));
    here = parsed("guest 1M");
    assert_false(address_parse(img, &here, "-2M", &got, NULL));
    assert_false(address_parse(img, &here, "+33M", &got, NULL));
    here = parsed("0x1000");
    assert_false(address_parse(img, &here, "-2c", &got, NULL));
    assert_false(address_parse(img, &here, "+16E", &got, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read_again),
        cmocka_unit_test(a_table_is_named_by_what_it_is),
        cmocka_unit_test(of_words_with_a_number_after_at_the_number_counts),
        cmocka_unit_test(offsets_are_printed_so_that_they_are_read_again),
        cmocka_unit_test(a_range_is_printed_in_one_form),
        cmocka_unit_test(people_type_it_in_many_ways),
        cmocka_unit_test(what_is_not_in_the_image_is_told),
        cmocka_unit_test(other_text_is_not_an_address),
        cmocka_unit_test(steps_count_from_where_one_stands),
    };

    return cmocka_run_group_tests(tests, open_image, close_image);
}
