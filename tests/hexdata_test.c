/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "support/image_builder.h"
#include "ui/hexdata.h"

static void only_the_bad_sectors_are_marked(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct source *src;
    struct image *img;
    struct hexdata d = { 0 };

    (void)state;
    builder_map(b, 0);
    assert_true(source_open_failing(builder_source(b), 0x1200, 512, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    hexdata_read(&d, img, 0x1080, 0x400);
    assert_int_equal(d.len, 0x400);
    for (size_t i = 0; i < d.len; i++)
        assert_int_equal(d.state[i], 0x1080 + i >= 0x1200 && 0x1080 + i < 0x1400
                                         ? BYTE_UNREADABLE
                                         : BYTE_OK);
    hexdata_free(&d);
    image_close(img);
    builder_free(b);
}

static void bytes_past_the_end_are_not_bytes(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct hexdata d = { 0 };

    (void)state;
    hexdata_read(&d, img, b->len - 10, 100);
    for (size_t i = 0; i < d.len; i++)
        assert_int_equal(d.state[i], i < 10 ? BYTE_OK : BYTE_PAST_END);
    hexdata_free(&d);
    image_close(img);
    builder_free(b);
}

static void search_finds_text_and_bytes_in_both_directions(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct error err;
    uint64_t data = builder_map(b, 0);
    uint64_t at;

    (void)state;
    memcpy(b->bytes + data + 100, "needle", 6);
    memcpy(b->bytes + data + 3000, "needle", 6);
    img = builder_open(b);
    assert_true(hex_search(img, "needle", 0, 1, &at, &err));
    assert_int_equal(at, data + 100);
    assert_true(hex_search(img, "needle", at, 1, &at, &err));
    assert_int_equal(at, data + 3000);
    assert_false(hex_search(img, "needle", at, 1, &at, &err));
    assert_true(hex_search(img, "hex 6e 65 65 64", at, -1, &at, &err));
    assert_int_equal(at, data + 100);
    assert_false(hex_search(img, "hex 6", 0, 1, &at, &err));
    assert_non_null(strstr(err.text, "typed like this"));
    assert_false(hex_search(img, "hex ", 0, 1, &at, &err));
    image_close(img);
    builder_free(b);
}

static void a_needle_across_the_border_of_two_reads_is_found(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b = builder_new(opt);
    struct image *img;
    uint64_t at;

    (void)state;
    builder_truncate(b, (3 << 20) + 100);
    memcpy(b->bytes + (1 << 20) - 2, "border", 6);
    img = builder_open(b);
    assert_true(hex_search(img, "border", 0, 1, &at, NULL));
    assert_int_equal(at, (1 << 20) - 2);
    assert_true(hex_search(img, "border", (2 << 20) - 2, -1, &at, NULL));
    assert_int_equal(at, (1 << 20) - 2);
    image_close(img);
    builder_free(b);
}

static void the_stream_around_a_byte_is_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct hex_stream s;
    struct image *img;
    struct ui ui;
    struct place p = { .kind = PLACE_FILE_OFFSET, .guest_off = NO_ADDRESS };
    uint64_t first = builder_map_compressed(b, 4);
    uint64_t second = builder_map_compressed(b, 6);

    (void)state;
    img = builder_open(b);
    ui = (struct ui){ .img = img, .search = "" };
    p.file_off = second;
    site_at(img, NULL, NULL, p.file_off, &ui.site);
    assert_true(stream_of_place(&ui, &p, &s, NULL));
    assert_true(s.host_off <= second && second - s.host_off < s.host_len);
    p.file_off = first;
    assert_true(stream_of_place(&ui, &p, &s, NULL));
    assert_int_equal(s.guest_off, 4 << 12);
    p.file_off = b->l1_off;
    site_at(img, NULL, NULL, p.file_off, &ui.site);
    assert_false(stream_of_place(&ui, &p, &s, NULL));
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_bad_sectors_are_marked),
        cmocka_unit_test(bytes_past_the_end_are_not_bytes),
        cmocka_unit_test(search_finds_text_and_bytes_in_both_directions),
        cmocka_unit_test(a_needle_across_the_border_of_two_reads_is_found),
        cmocka_unit_test(the_stream_around_a_byte_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
