/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/image_builder.h"
#include "picture/order.h"

static struct order *survey(const struct image *img)
{
    struct order *o;

    assert_true(order_build(img, LAYER_ACTIVE, NULL, &o, NULL));
    return o;
}

static void disk_written_from_start_to_end_has_no_jumps(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct order_facts f;
    struct image *img;
    struct order *o;

    (void)state;
    for (uint64_t i = 0; i < 64; i++)
        builder_map(b, i);
    img = builder_open(b);
    o = survey(img);
    order_of_guest(o, 1, 63, &f);
    assert_int_equal(f.clusters, 63);
    assert_int_equal(f.jump, 0);
    order_of_file(o, 0, img->geo.n_clusters, &f);
    assert_int_equal(f.clusters, 64);
    assert_int_equal(f.jump, 0);
    order_free(o);
    image_close(img);
    builder_free(b);
}

static void a_step_back_is_a_jump_of_its_distance(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct order_facts f;
    struct image *img;
    struct order *o;
    uint64_t far;

    (void)state;
    far = builder_map(b, 1);
    for (uint64_t i = 100; i < 120; i++)
        builder_map(b, i);
    builder_map(b, 0);              /* more than 8, less than 64 clusters behind */
    img = builder_open(b);
    o = survey(img);
    order_of_guest(o, 1, 1, &f);
    assert_int_equal(f.jump, 2);
    order_of_guest(o, 0, 1, &f);
    assert_int_equal(f.jump, 0);    /* nothing before it */
    order_of_file(o, geo_cluster_of(&img->geo, far), 1, &f);
    assert_int_equal(f.jump, 2);
    order_free(o);
    image_close(img);
    builder_free(b);
}

static void place_on_the_other_side_is_told_in_eighths_of_what_is_mapped(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t host[16];
    struct order_facts f;
    struct image *img;
    struct order *o;

    (void)state;
    for (uint64_t i = 0; i < 16; i++)       /* in the first part of 1024 guest clusters, */
        host[i] = builder_map(b, i < 15 ? i * 2 : 1023);        /* and one far away */
    img = builder_open(b);
    o = survey(img);
    for (unsigned i = 0; i < 16; i++) {
        order_of_file(o, geo_cluster_of(&img->geo, host[i]), 1, &f);
        assert_int_equal(f.clusters, 1);
        assert_int_equal(f.where, i / 2);
    }
    order_of_guest(o, 0, 1, &f);
    assert_int_equal(f.where, 0);
    order_of_guest(o, 1023, 1, &f);
    assert_int_equal(f.where, 7);
    order_of_guest(o, 100, 100, &f);
    assert_int_equal(f.clusters, 0);
    order_free(o);
    image_close(img);
    builder_free(b);
}

/* Eight EiB of disk, an L1 table of four entries: only those are walked. */
static void huge_claimed_disk_is_surveyed_at_once(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct scan_result *scan;
    struct guest_hist h;
    struct guest_map *g;
    struct order_facts f;
    struct image *img;
    struct order *o;

    (void)state;
    builder_map(b, 3);
    builder_poke_field(b, "header", 0, "size", UINT64_C(1) << 62);
    img = builder_open(b);
    o = survey(img);
    order_of_guest(o, 0, UINT64_MAX, &f);
    assert_int_equal(f.clusters, 1);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    assert_true(guest_map_build(scan, LAYER_ACTIVE, NULL, &g, NULL));
    assert_true(guest_map_cells(g, 0, UINT64_MAX, 1, &h, NULL));
    assert_int_equal(h.n[GUEST_DATA], 1);
    assert_true(h.n[GUEST_UNALLOCATED] == (UINT64_C(1) << 50) - 1);
    guest_map_free(g);
    scan_free(scan);
    order_free(o);
    image_close(img);
    builder_free(b);
}

static void cancelled_survey_fails(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct error err;
    struct order *o;
    _Atomic bool cancel = true;

    (void)state;
    assert_false(order_build(img, LAYER_ACTIVE, &cancel, &o, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_written_from_start_to_end_has_no_jumps),
        cmocka_unit_test(a_step_back_is_a_jump_of_its_distance),
        cmocka_unit_test(place_on_the_other_side_is_told_in_eighths_of_what_is_mapped),
        cmocka_unit_test(huge_claimed_disk_is_surveyed_at_once),
        cmocka_unit_test(cancelled_survey_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
