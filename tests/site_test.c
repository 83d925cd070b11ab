/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scan/scan.h"
#include "support/image_builder.h"
#include "inspect/site.h"
#include "ui/tour.h"

/* An image with a snapshot, a bitmap, and guest clusters 0, 3 and a compressed 5. */
struct fixture {
    struct builder *b;
    struct image *img;
    struct scan_result *scan;
};

static void open_fixture(struct fixture *f, struct builder_options opt)
{
    f->b = builder_new(opt);
    builder_map(f->b, 0);
    builder_map(f->b, 3);
    if (!opt.extended_l2)
        builder_map_compressed(f->b, 5);
    builder_add_snapshot(f->b, "1", "before");
    builder_map(f->b, 3);
    builder_add_bitmap(f->b, "daily", 16, 0);
    f->img = builder_open(f->b);
    assert_true(scan_run(f->img, NULL, NULL, &f->scan, NULL));
}

static void close_fixture(struct fixture *f)
{
    scan_free(f->scan);
    image_close(f->img);
    builder_free(f->b);
}

static void assert_place(const struct site *s, const char *text)
{
    struct buf b = BUF_INIT;

    place_text(&s->place, &b);
    assert_string_equal(buf_str(&b), text);
    buf_free(&b);
}

static void every_kind_of_structure_is_recognised(void **state)
{
    struct fixture f;
    struct site s;

    (void)state;
    open_fixture(&f, BUILDER_DEFAULTS);
    site_at(f.img, f.scan, NULL, 43, &s);
    assert_place(&s, "header byte 40");
    assert_string_equal(s.field->name, "l1_table_offset");
    site_at(f.img, f.scan, NULL, f.b->l1_off + 15, &s);
    assert_place(&s, "L1[1]");
    assert_int_equal(s.start, f.b->l1_off + 8);
    site_at(f.img, f.scan, NULL, builder_l2_entry_off(f.b, 3) + 7, &s);
    assert_place(&s, "L1[0] L2[3]");
    site_at(f.img, f.scan, NULL, f.b->reftable_off, &s);
    assert_place(&s, "refcount table entry 0");
    site_at(f.img, f.scan, NULL, builder_refblock_off(f.b, 0) + 5, &s);
    assert_place(&s, "refcount block 0 entry 2");
    site_at(f.img, f.scan, NULL, builder_snapshot_off(f.b, 0) + 9, &s);
    assert_string_equal(s.field->name, "l1_size");
    site_at(f.img, f.scan, NULL, f.img->snaps.list[0].l1_table_offset, &s);
    assert_int_equal(s.place.layer, 1);
    site_at(f.img, f.scan, NULL, builder_bitmap_off(f.b, 0), &s);
    assert_string_equal(s.field->name, "bitmap_table_offset");
    site_at(f.img, f.scan, NULL, f.img->bitmaps.list[0].table_offset, &s);
    assert_int_equal(s.place.kind, PLACE_BITMAP_TABLE);
    close_fixture(&f);
}

static void data_and_what_is_past_the_end_have_no_fields(void **state)
{
    struct fixture f;
    struct site s;
    uint64_t data;

    (void)state;
    open_fixture(&f, BUILDER_DEFAULTS);
    data =
        builder_peek(f.b, builder_l2_entry_off(f.b, 0), 8) & UINT64_C(0xfffffffffffe00);
    site_at(f.img, f.scan, NULL, data, &s);
    assert_int_equal(s.place.kind, PLACE_NONE);
    site_at(f.img, f.scan, NULL, f.img->geo.file_len, &s);
    assert_int_equal(s.place.kind, PLACE_NONE);
    site_at(f.img, f.scan, NULL, NO_ADDRESS, &s);
    assert_int_equal(s.place.kind, PLACE_NONE);
    close_fixture(&f);
}

static void an_l2_table_is_known_without_a_scan_from_where_one_stands(void **state)
{
    struct fixture f;
    struct site s;
    struct place hint;

    (void)state;
    open_fixture(&f, BUILDER_DEFAULTS);
    hint = (struct place){ .kind = PLACE_L2, .i = 0, .j = 3 };
    assert_true(place_complete(f.img, &hint));
    site_at(f.img, NULL, &hint, builder_l2_entry_off(f.b, 9), &s);
    assert_place(&s, "L1[0] L2[9]");
    site_at(f.img, NULL, NULL, builder_l2_entry_off(f.b, 9), &s);
    assert_int_equal(s.place.kind, PLACE_NONE);
    close_fixture(&f);
}

static void pointers_lead_where_they_point(void **state)
{
    struct fixture f;
    struct site s;
    struct place to;
    const char *why;

    (void)state;
    open_fixture(&f, BUILDER_DEFAULTS);
    site_at(f.img, f.scan, NULL, 40, &s);
    assert_true(site_target(f.img, &s, &to, &why));
    assert_int_equal(to.kind, PLACE_L1);
    assert_int_equal(to.file_off, f.b->l1_off);
    site_at(f.img, f.scan, NULL, f.b->l1_off, &s);
    assert_true(site_target(f.img, &s, &to, &why));
    assert_int_equal(to.kind, PLACE_L2);
    site_at(f.img, f.scan, NULL, builder_l2_entry_off(f.b, 5), &s);
    assert_string_equal(s.table->id, "compressed-descriptor");
    assert_true(site_target(f.img, &s, &to, &why));
    assert_int_equal(to.file_off,
                     compressed_off(&f.img->geo, builder_peek(f.b, s.start, 8)));
    assert_int_equal(to.guest_off, 5 << 12);
    site_at(f.img, f.scan, NULL, builder_l2_entry_off(f.b, 1), &s);
    assert_false(site_target(f.img, &s, &to, &why));
    site_at(f.img, f.scan, NULL, 24, &s);       /* size: not a pointer */
    assert_false(site_target(f.img, &s, &to, &why));
    close_fixture(&f);
}

static void a_pointer_past_the_end_is_not_followed(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct site s;
    struct place to;
    const char *why;

    (void)state;
    builder_map(b, 0);
    builder_poke(b, builder_l1_entry_off(b, 0), 8, UINT64_C(0x8000ffffffff0000));
    img = builder_open(b);
    site_at(img, NULL, NULL, builder_l1_entry_off(b, 0), &s);
    assert_false(site_target(img, &s, &to, &why));
    assert_non_null(strstr(why, "past the end"));
    image_close(img);
    builder_free(b);
}

static void the_second_word_of_an_extended_entry_is_its_bitmap(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct fixture f;
    struct site s;

    (void)state;
    opt.extended_l2 = true;
    opt.cluster_bits = 16;
    opt.size = UINT64_C(1) << 30;
    open_fixture(&f, opt);
    site_at(f.img, f.scan, NULL, builder_l2_entry_off(f.b, 3) + 9, &s);
    assert_place(&s, "L1[0] L2[3]");
    assert_string_equal(s.table->id, "l2-entry-extended");
    assert_int_equal(s.start, builder_l2_entry_off(f.b, 3) + 8);
    close_fixture(&f);
}

static void narrow_refcounts_share_a_byte(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct site s;

    (void)state;
    opt.refcount_order = 1;
    b = builder_new(opt);
    builder_map(b, 0);
    img = builder_open(b);
    site_at(img, NULL, NULL, builder_refblock_off(b, 0) + 3, &s);
    assert_place(&s, "refcount block 0 entry 12");
    assert_int_equal(s.len, 1);
    image_close(img);
    builder_free(b);
}

static void a_tour_visits_every_problem_once_in_file_order(void **state)
{
    struct problems list;
    struct tour tour;
    struct place here = { .kind = PLACE_NONE, .file_off = NO_ADDRESS };
    const uint64_t off[] = { 0x5000, 0x1008, 0x9000, 0x1000, 0x5000 };
    size_t at = SIZE_MAX;
    uint64_t before = 0;

    (void)state;
    problems_init(&list, 100);
    for (size_t i = 0; i < 5; i++) {
        struct place p = { .kind = PLACE_L2, .i = i, .j = i * 7, .file_off = off[i],
                           .guest_off = NO_ADDRESS };

        problem_note(&list, i == 4 ? PROBLEM_L2_COPIED : PROBLEM_L2_RESERVED, &p, 0, 0,
                     NULL);
    }
    assert_int_equal(list.n, 5);
    tour_init(&tour, &list);
    for (int i = 0; i < 5; i++) {
        at = tour_step(&tour, &here, at == SIZE_MAX ? SIZE_MAX : tour.order[at], 1);
        assert_int_equal(at, i);
        here = list.list[tour.order[at]].place;
        assert_true(here.file_off >= before);
        before = here.file_off;
    }
    assert_int_equal(tour_step(&tour, &here, tour.order[at], 1), 0); /* and round again */
    assert_int_equal(tour_step(&tour, &here, tour.order[at], -1), 3);
    here = (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = 0x2000 };
    assert_int_equal(
        list.list[tour.order[tour_step(&tour, &here, SIZE_MAX, 1)]].place.file_off,
        0x5000);
    assert_int_equal(
        list.list[tour.order[tour_step(&tour, &here, SIZE_MAX, -1)]].place.file_off,
        0x1008);
    tour_free(&tour);
    problems_free(&list);
}

static void entries_that_are_not_there_have_no_length(void **state)
{
    static const struct image empty = { .geo = { .cluster_size = 512 } };
    static const enum place_kind kind[] = { PLACE_NONE, PLACE_SNAPSHOT, PLACE_BITMAP };

    (void)state;
    for (size_t k = 0; k < sizeof kind / sizeof kind[0]; k++)
        for (uint64_t i = 0; i < 3; i++)
            assert_int_equal(site_place_len(&empty, &(struct place){ .kind = kind[k], .i = i }), 0);
    assert_int_equal(site_place_len(&empty, &(struct place){ .kind = PLACE_CLUSTER }), 512);
    assert_int_equal(site_place_len(&empty, &(struct place){ .kind = PLACE_L1 }), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_structure_is_recognised),
        cmocka_unit_test(data_and_what_is_past_the_end_have_no_fields),
        cmocka_unit_test(an_l2_table_is_known_without_a_scan_from_where_one_stands),
        cmocka_unit_test(pointers_lead_where_they_point),
        cmocka_unit_test(a_pointer_past_the_end_is_not_followed),
        cmocka_unit_test(the_second_word_of_an_extended_entry_is_its_bitmap),
        cmocka_unit_test(narrow_refcounts_share_a_byte),
        cmocka_unit_test(entries_that_are_not_there_have_no_length),
        cmocka_unit_test(a_tour_visits_every_problem_once_in_file_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
