/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/bitmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/image.h"
#include "support/image_builder.h"

static struct builder *with_bitmaps(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    builder_map(b, 0);
    builder_add_bitmap(b, "daily", 16, BITMAP_AUTO);
    builder_add_bitmap(b, "old", 9, 0);
    return b;
}

static void set_ext(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "bitmaps-ext", b->bitmaps_ext_off, field, value);
}

static void bitmaps_are_read_with_names_and_numbers(void **state)
{
    struct builder *b = with_bitmaps();
    struct image *img = builder_open(b);
    const struct bitmaps *m = &img->bitmaps;

    (void)state;
    assert_int_equal(m->end, BITMAPS_COMPLETE);
    assert_true(m->consistent);
    assert_int_equal(m->n, 2);
    assert_string_equal(m->list[0].name, "daily");
    assert_int_equal(m->list[0].granularity_bits, 16);
    assert_int_equal(m->list[0].flags, BITMAP_AUTO);
    assert_int_equal(m->list[1].entry_off, builder_bitmap_off(b, 1));
    assert_int_equal(m->list[1].entry_len, 24 + 3);
    assert_int_equal(m->list[1].table_offset, b->bitmap[1].table_off);
    assert_true(m->list[0].sound && m->list[1].sound);
    assert_null(m->list[0].fault);
    assert_null(img->refused.id);
    image_close(img);
    builder_free(b);
}

static void without_the_autoclear_bit_they_are_read_but_not_believed(void **state)
{
    struct builder *b = with_bitmaps();
    struct image *img;

    (void)state;
    builder_poke_field(b, "header", 0, "autoclear_features", 0);
    img = builder_open(b);
    assert_false(img->bitmaps.consistent);
    assert_int_equal(img->bitmaps.n, 2);
    image_close(img);
    builder_free(b);
}

static void assert_end(struct builder *b, enum bitmaps_end end, size_t n)
{
    struct image *img = builder_open(b);

    assert_int_equal(img->bitmaps.end, end);
    assert_int_equal(img->bitmaps.n, n);
    image_close(img);
}

static void a_faulty_directory_gives_the_entries_that_decode(void **state)
{
    struct builder *b = with_bitmaps();
    const uint64_t size = 32 + 32, off = b->bitmap_dir_off;

    (void)state;
    set_ext(b, "bitmap_directory_size", 0);
    assert_end(b, BITMAPS_DIR_EMPTY, 2);
    set_ext(b, "bitmap_directory_size", BITMAP_DIR_MAX + 1);
    assert_end(b, BITMAPS_DIR_TOO_LARGE, 2);
    set_ext(b, "bitmap_directory_size", UINT64_MAX);
    assert_end(b, BITMAPS_DIR_TOO_LARGE, 2);
    set_ext(b, "bitmap_directory_size", size - 1);
    assert_end(b, BITMAPS_BROKEN, 2);
    set_ext(b, "bitmap_directory_size", 23);
    assert_end(b, BITMAPS_BROKEN, 2);
    set_ext(b, "bitmap_directory_size", 32);
    assert_end(b, BITMAPS_LESS, 2);
    set_ext(b, "bitmap_directory_size", size);
    set_ext(b, "nb_bitmaps", 1);
    assert_end(b, BITMAPS_MORE, 2);
    set_ext(b, "nb_bitmaps", UINT32_MAX);
    assert_end(b, BITMAPS_LESS, 2);
    set_ext(b, "nb_bitmaps", 3);
    assert_end(b, BITMAPS_LESS, 2);
    set_ext(b, "nb_bitmaps", 2);
    assert_end(b, BITMAPS_COMPLETE, 2);
    set_ext(b, "bitmap_directory_offset", off + 8);
    assert_end(b, BITMAPS_BAD_OFFSET, 2);
    set_ext(b, "bitmap_directory_offset", off | UINT64_C(1) << 62);
    assert_end(b, BITMAPS_BAD_OFFSET, 2);
    set_ext(b, "bitmap_directory_offset", UINT64_C(1) << 62);
    assert_end(b, BITMAPS_BAD_OFFSET, 0);
    set_ext(b, "bitmap_directory_offset", off);
    builder_poke_field(b, "bitmap-dir-entry", off, "extra_data_size", UINT32_MAX);
    assert_end(b, BITMAPS_BROKEN, 0);
    builder_free(b);
}

static void extra_data_is_noticed_and_stepped_over(void **state)
{
    struct builder *b = with_bitmaps();
    uint64_t at = builder_bitmap_off(b, 0);
    struct image *img;

    (void)state;
    /* "daily" takes 29 of 32 bytes: 3 of its name become extra data */
    builder_poke_field(b, "bitmap-dir-entry", at, "extra_data_size", 3);
    img = builder_open(b);
    assert_int_equal(img->bitmaps.end, BITMAPS_EXTRA);
    assert_int_equal(img->bitmaps.n, 2);
    assert_int_equal(img->bitmaps.list[0].name_size, 5);
    assert_memory_equal(img->bitmaps.list[0].name, "ly\0\0\0", 5);
    image_close(img);
    builder_free(b);
}

static void a_huge_directory_past_the_file_stays_small_in_memory(void **state)
{
    struct builder *b = with_bitmaps();
    struct image *img;

    (void)state;
    set_ext(b, "bitmap_directory_size", BITMAP_DIR_MAX / 8 * 8);
    set_ext(b, "nb_bitmaps", UINT32_MAX);
    img = builder_open(b);
    assert_int_equal(img->bitmaps.end, BITMAPS_MORE);
    assert_int_equal(img->bitmaps.n, BITMAPS_MAX);
    image_close(img);
    builder_free(b);
}

static void assert_fault(struct builder *b, const char *word)
{
    struct image *img = builder_open(b);

    assert_false(img->bitmaps.list[0].sound);
    assert_non_null(img->bitmaps.list[0].fault);
    if (!strstr(img->bitmaps.list[0].fault, word))
        fail_msg("'%s' is not about '%s'", img->bitmaps.list[0].fault, word);
    image_close(img);
}

static void each_constraint_on_an_entry_is_judged(void **state)
{
    static const struct { const char *field; uint64_t value; const char *word; }
    broken[] = {
        { "bitmap_table_size", 0, "no entries" },
        { "bitmap_table_offset", 0, "no offset" },
        { "bitmap_table_offset", 0x200, "aligned" },
        { "granularity_bits", 8, "granularity" },
        { "granularity_bits", 32, "granularity" },
        { "granularity_bits", 255, "granularity" },
        { "flags", 4, "flags" },
        { "type", 0, "type" },
        { "bitmap_table_size", (512 << 20) / 4096 + 1, "512 MiB" },
        { "bitmap_table_size", UINT32_MAX, "512 MiB" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct builder *b = with_bitmaps();

        builder_poke_field(b, "bitmap-dir-entry", builder_bitmap_off(b, 0),
                           broken[i].field, broken[i].value);
        assert_fault(b, broken[i].word);
        builder_free(b);
    }
}

static void a_table_too_small_for_the_disk_matters_unless_in_use(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    uint64_t at;

    (void)state;
    o.size = UINT64_C(1) << 30;
    b = builder_new(o);
    builder_add_bitmap(b, "fine", 9, 0);                /* 2^21 bits: 64 clusters */
    at = builder_bitmap_off(b, 0);
    builder_poke_field(b, "bitmap-dir-entry", at, "bitmap_table_size", 63);
    assert_fault(b, "too small");
    builder_poke_field(b, "bitmap-dir-entry", at, "flags", BITMAP_IN_USE);
    img = builder_open(b);
    assert_true(img->bitmaps.list[0].sound);
    image_close(img);
    builder_free(b);
}

static void the_table_size_follows_from_disk_and_granularity(void **state)
{
    struct header h = { .version = 3, .cluster_bits = 9, .size = 0 };
    struct geometry g;

    (void)state;
    assert_true(geometry_init(&h, 0, &g, NULL));
    assert_int_equal(bitmap_table_needed(&g, 16), 0);
    g.size = 511;                                       /* not one whole sector */
    assert_int_equal(bitmap_table_needed(&g, 16), 0);
    g.size = 512;
    assert_int_equal(bitmap_table_needed(&g, 9), 1);
    g.size = UINT64_C(512) * 4096;                      /* 4096 bits fill 512 bytes */
    assert_int_equal(bitmap_table_needed(&g, 9), 1);
    g.size += 512;
    assert_int_equal(bitmap_table_needed(&g, 9), 2);
    g.size = UINT64_MAX;
    assert_int_equal(bitmap_table_needed(&g, 255), 1);
    assert_int_equal(bitmap_table_needed(&g, 9), UINT64_C(1) << 43);
}

static void an_unreadable_directory_is_reported_as_such(void **state)
{
    struct builder *b = with_bitmaps();
    struct source *src = NULL;
    struct image *img = NULL;

    (void)state;
    assert_true(source_open_failing(builder_source(b), b->bitmap_dir_off, 8, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    assert_int_equal(img->bitmaps.end, BITMAPS_UNREADABLE);
    assert_string_equal(img->refused.id, "bitmap-dir-unreadable");
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bitmaps_are_read_with_names_and_numbers),
        cmocka_unit_test(without_the_autoclear_bit_they_are_read_but_not_believed),
        cmocka_unit_test(a_faulty_directory_gives_the_entries_that_decode),
        cmocka_unit_test(extra_data_is_noticed_and_stepped_over),
        cmocka_unit_test(a_huge_directory_past_the_file_stays_small_in_memory),
        cmocka_unit_test(each_constraint_on_an_entry_is_judged),
        cmocka_unit_test(a_table_too_small_for_the_disk_matters_unless_in_use),
        cmocka_unit_test(the_table_size_follows_from_disk_and_granularity),
        cmocka_unit_test(an_unreadable_directory_is_reported_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
