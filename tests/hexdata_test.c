/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "support/image_builder.h"
#include "support/play.h"
#include "ui/hex_guest.h"
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

static void the_stream_around_a_byte_is_found(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct hex_stream s;
    struct image *img;
    struct site site;
    struct place p = { .kind = PLACE_FILE_OFFSET, .guest_off = NO_ADDRESS };
    uint64_t first = builder_map_compressed(b, 4);
    uint64_t second = builder_map_compressed(b, 6);

    (void)state;
    img = builder_open(b);
    p.file_off = second;
    site_at(img, NULL, NULL, p.file_off, &site);
    assert_true(stream_find(&(struct stream_query){ img, NULL, site.place, p, 1 }, NULL, &s,
                            NULL));
    assert_true(s.host_off <= second && second - s.host_off < s.host_len);
    p.file_off = first;
    assert_true(stream_find(&(struct stream_query){ img, NULL, site.place, p, 1 }, NULL, &s,
                            NULL));
    assert_int_equal(s.guest_off, 4 << 12);
    p.file_off = b->l1_off;
    site_at(img, NULL, NULL, p.file_off, &site);
    assert_false(stream_find(&(struct stream_query){ img, NULL, site.place, p, 1 }, NULL, &s,
                             NULL));
    image_close(img);
    builder_free(b);
}

/* The task that reads for an older scan ends while a frame waits for it: most often in the
 * moment after the gate has opened. */
static void bytes_that_came_for_an_older_scan_are_asked_for_again(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct source *src;
        uint8_t *bytes = sample_load("healthy", &src);
        struct chain chain = CHAIN_INIT;
        struct hex_guest g = { .on = false };
        struct hexdata d = { 0 };
        struct gate *gate;
        struct image *img;
        struct ui ui = { .disk = { .chain = &chain } };

        assert_true(image_open(gate_new(src, &gate), NULL, &img, NULL));
        ui.img = img;
        assert_true(hex_guest_open(&g, &ui, LAYER_ACTIVE, NULL));
        hex_guest_show(&g, &ui, &d, 0, 512);
        assert_int_equal(d.state[0], BYTE_COMING);
        hex_guest_forget(&g);
        gate_open(gate);
        hex_guest_show(&g, &ui, &d, 0, 512);
        assert_true(g.task || d.state[0] == BYTE_OK);
        hexdata_free(&d);
        hex_guest_free(&g);
        image_close(img);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_bad_sectors_are_marked),
        cmocka_unit_test(bytes_past_the_end_are_not_bytes),
        cmocka_unit_test(the_stream_around_a_byte_is_found),
        cmocka_unit_test(bytes_that_came_for_an_older_scan_are_asked_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
