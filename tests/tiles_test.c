/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "picture/tiles.h"
#include "support/image_builder.h"

struct scanned {
    struct builder *b;
    struct image *img;
    struct scan_result *scan;
    struct guest_map *guest;
};

static struct tile_source scan_it(struct scanned *s)
{
    s->img = builder_open(s->b);
    assert_true(scan_run(s->img, NULL, NULL, &s->scan, NULL));
    assert_true(guest_map_build(s->scan, LAYER_ACTIVE, NULL, &s->guest, NULL));
    return (struct tile_source){ .img = s->img, .scan = s->scan, .guest = s->guest };
}

static void drop(struct scanned *s)
{
    guest_map_free(s->guest);
    scan_free(s->scan);
    image_close(s->img);
    builder_free(s->b);
}

static void everything_fits_and_fills_most_of_the_room(void **state)
{
    static const uint64_t rooms[] = { 1, 7, 80, 1000, 4096, 12345 };

    (void)state;
    for (size_t r = 0; r < sizeof rooms / sizeof rooms[0]; r++) {
        for (uint64_t n = 1; n < UINT64_C(1) << 50; n = n * 3 + 1) {
            uint64_t per = tiles_fit(n, rooms[r]);
            uint64_t tiles = div_up(n, per);

            assert_true(tiles <= rooms[r]);
            if (n >= rooms[r] && rooms[r] >= 80)
                assert_true(per <= 16 || tiles * 10 >= rooms[r] * 8);
        }
    }
}

/* Each of the first four has a step of its own; then steps grow wider. */
static void steps_of_references_begin_where_the_legend_says(void **state)
{
    static const uint64_t first[] = { 0, 1, 2, 3, 4, 6, 10, 20 };

    (void)state;
    for (unsigned step = 0; step < 8; step++) {
        assert_int_equal(tiles_ref_level(first[step]), step);
        if (step)
            assert_int_equal(tiles_ref_level(first[step] - 1), step - 1);
    }
    assert_int_equal(tiles_ref_level(UINT64_MAX), 7);
}

static void one_used_cluster_of_a_hundred_does_not_fill_a_tile(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct tile_source from;
    struct tile t[2];

    (void)state;
    builder_map(s.b, 5);
    for (uint64_t i = 128; i < 256; i++)
        builder_map(s.b, i);
    from = scan_it(&s);
    tiles_make(&from, SPACE_GUEST, COLOUR_CLASS, 0, 128, 2, t);
    assert_int_equal(t[0].paint, PAINT_GUEST + GUEST_DATA);
    assert_int_equal(t[0].eighths, 1);
    assert_int_equal(palette_shade(t[0].eighths), PALETTE_SHADES - 1);
    assert_int_equal(t[1].eighths, 8);
    assert_int_equal(palette_shade(t[1].eighths), 0);
    drop(&s);
}

/* Tiles that are no power of two do not share clusters, and leave none out. */
static void tiles_of_any_size_cover_each_guest_cluster_once(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct guest_hist h[64];
    struct guest_hist all;

    (void)state;
    for (uint64_t i = 0; i < 1024; i += 3)
        builder_map(s.b, i);
    scan_it(&s);
    assert_true(guest_map_cells(s.guest, 0, UINT64_MAX, 1, &all, NULL));
    for (uint64_t per = 17; per < 90; per += 12) {
        uint64_t data = 0;
        uint64_t sum = 0;

        assert_true(guest_map_cells(s.guest, 0, per, 64, h, NULL));
        for (size_t i = 0; i < 64; i++) {
            data += h[i].n[GUEST_DATA];
            sum += guest_hist_sum(&h[i]);
        }
        assert_int_equal(data, all.n[GUEST_DATA]);
        assert_int_equal(sum, guest_hist_sum(&all));
    }
    drop(&s);
}

static void huge_disk_is_cut_into_tiles_that_cover_it(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct guest_hist h[100];
    uint64_t sum = 0;

    (void)state;
    builder_map(s.b, 3);
    builder_poke_field(s.b, "header", 0, "size", UINT64_C(1) << 40);
    scan_it(&s);
    assert_true(guest_map_tiles(s.guest, 0, tiles_fit(UINT64_C(1) << 28, 90), 100, h, NULL));
    for (size_t i = 0; i < 100; i++)
        sum += guest_hist_sum(&h[i]);
    assert_true(sum == s.img->geo.guest_clusters);
    assert_int_equal(h[0].n[GUEST_DATA], 1);
    drop(&s);
}

/* Searching narrows cells down: they must be exact. */
static void cells_are_exact_however_large_they_are(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    uint64_t per = (UINT64_C(1) << 16) + 3;
    struct guest_hist h[8];

    (void)state;
    builder_map(s.b, 1000);
    builder_poke_field(s.b, "header", 0, "size", UINT64_C(1) << 40);
    scan_it(&s);
    assert_true(guest_map_cells(s.guest, 999, per, 8, h, NULL));
    assert_int_equal(h[0].n[GUEST_DATA], 1);
    assert_true(guest_map_cells(s.guest, 1001, per, 8, h, NULL));
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(h[i].n[GUEST_DATA], 0);
        assert_int_equal(guest_hist_sum(&h[i]), per);
    }
    drop(&s);
}

static void a_leak_is_seen_however_many_clusters_a_tile_has(void **state)
{
    struct scanned s = { .b = builder_new(BUILDER_DEFAULTS) };
    struct tile_source from;
    struct tile t[2];

    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        builder_map(s.b, i);
    builder_alloc(s.b, 1);
    from = scan_it(&s);
    tiles_make(&from, SPACE_FILE, COLOUR_CLASS, 0, UINT64_MAX, 2, t);
    assert_int_equal(t[0].paint, PAINT_CLASS + CLASS_LEAKED);
    assert_true(t[0].problem);
    assert_int_equal(t[1].letter, 0);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_fits_and_fills_most_of_the_room),
        cmocka_unit_test(steps_of_references_begin_where_the_legend_says),
        cmocka_unit_test(one_used_cluster_of_a_hundred_does_not_fill_a_tile),
        cmocka_unit_test(tiles_of_any_size_cover_each_guest_cluster_once),
        cmocka_unit_test(huge_disk_is_cut_into_tiles_that_cover_it),
        cmocka_unit_test(cells_are_exact_however_large_they_are),
        cmocka_unit_test(a_leak_is_seen_however_many_clusters_a_tile_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
