/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The guest's side of a scan: survey, extents, lookups. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "scan/guest.h"
#include "support/scanned.h"

static void guest_survey_agrees_with_single_lookups(void **state)
{
    struct builder *b = damaged(31, false);
    struct image *img = builder_open(b);
    struct scan_result *r = scan_with(img, 2, 0);
    struct guest_hist whole, sum = { { 0 }, 0, 0 };
    struct guest_map *g;
    uint64_t n;

    (void)state;
    assert_true(guest_map_build(r, LAYER_ACTIVE, NULL, &g, NULL));
    n = img->geo.guest_clusters;
    assert_true(guest_map_cells(g, 0, n, 1, &whole, NULL));
    for (uint64_t cl = 0; cl < n; cl++) {
        struct guest_hist one;
        struct guest_hit hit;

        assert_true(guest_map_cells(g, cl, 1, 1, &one, NULL));
        assert_true(guest_lookup(img, LAYER_ACTIVE, cl << 9, &hit, NULL));
        for (int c = 0; c < N_GUEST_CLASSES; c++)
            sum.n[c] += one.n[c];
        if (one.n[GUEST_COMPRESSED])
            assert_int_equal(hit.entry.type, L2_COMPRESSED);
        if (one.n[GUEST_SHARED])
            assert_int_equal(hit.entry.type, L2_NORMAL);
    }
    assert_memory_equal(sum.n, whole.n, sizeof sum.n);
    guest_map_free(g);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void extents_cover_the_disk_without_gaps(void **state)
{
    (void)state;
    for (unsigned seed = 40; seed < 46; seed++) {
        struct builder *b = damaged(seed, seed & 1);
        struct image *img = builder_open(b);
        struct guest_walk *w;
        struct guest_extent x, last = { .type = L2_UNALLOCATED };
        uint64_t at = 0;

        assert_true(guest_walk_open(img, LAYER_ACTIVE, 0, b->opt.size, &w, NULL));
        while (guest_walk_next(w, &x, NULL)) {
            assert_int_equal(x.start, at);
            assert_true(x.length > 0);
            if (at && x.type == last.type && x.mapped == last.mapped && !x.compressed
                && x.damaged == last.damaged && x.host_off == NO_ADDRESS
                && last.host_off == NO_ADDRESS)
                assert_int_not_equal(x.zero, last.zero);
            at += x.length;
            last = x;
        }
        assert_int_equal(at, b->opt.size);
        guest_walk_free(w);
        image_close(img);
        builder_free(b);
    }
}

/* A disk of nearly 2^63 bytes has 2^48 tables of small clusters: skipping is a must. */
static void huge_empty_disks_are_walked_at_once(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct scan_result *r;
    struct guest_walk *w;
    struct guest_extent x;
    struct guest_map *g;
    struct guest_hist h;

    (void)state;
    builder_map(b, 0);
    builder_poke_field(b, "header", 0, "size", INT64_MAX - 511);
    img = builder_open(b);
    r = scan_with(img, 2, 0);
    assert_true(guest_map_build(r, LAYER_ACTIVE, NULL, &g, NULL));
    assert_true(guest_map_cells(g, 0, img->geo.guest_clusters, 1, &h, NULL));
    assert_int_equal(h.n[GUEST_DATA], 1);
    assert_true(guest_walk_open(img, LAYER_ACTIVE, 0, img->geo.size, &w, NULL));
    assert_true(guest_walk_next(w, &x, NULL));
    assert_int_equal(x.length, 4096);
    assert_true(guest_walk_next(w, &x, NULL));
    assert_int_equal(x.start + x.length, img->geo.size);
    assert_false(guest_walk_next(w, &x, NULL));
    guest_walk_free(w);
    guest_map_free(g);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

/* The first of the bits that say "reads as zeros" is as good as the others. */
static void an_extended_entry_with_any_zero_bit_reads_as_zeros(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct guest_map *g;
    struct scan_result *r;
    struct guest_hist h;
    struct builder *b;
    struct image *img;

    (void)state;
    opt.cluster_bits = 14;
    opt.extended_l2 = true;
    b = builder_new(opt);
    builder_map(b, 0);
    for (unsigned bit = 0; bit < 32; bit++)
        builder_set_l2(b, 10 + bit, 0, UINT64_C(1) << (32 + bit));
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    assert_true(guest_map_build(r, LAYER_ACTIVE, NULL, &g, NULL));
    assert_true(guest_map_cells(g, 10, 32, 1, &h, NULL));
    assert_int_equal(h.n[GUEST_ZERO], 32);
    guest_map_free(g);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_survey_agrees_with_single_lookups),
        cmocka_unit_test(extents_cover_the_disk_without_gaps),
        cmocka_unit_test(huge_empty_disks_are_walked_at_once),
        cmocka_unit_test(an_extended_entry_with_any_zero_bit_reads_as_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
