/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where an image ends, by its refcounts alone: what a scan finds, and nothing where the answer
 * cannot be trusted. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "report/image_end.h"
#include "scan/scan.h"
#include "support/sound_images.h"

/* Takes the builder. False: there is no answer. */
static bool end_of(struct builder *b, uint64_t *end)
{
    struct image *img = builder_open(b);
    bool told = image_end_by_refcounts(img, end);

    image_close(img);
    builder_free(b);
    return told;
}

static void expect_end(struct builder *b, uint64_t want)
{
    uint64_t end = 0;

    assert_true(end_of(b, &end));
    assert_int_equal(end, want);
}

static void expect_none(struct builder *b)
{
    assert_false(end_of(b, &(uint64_t){ 0 }));
}

static void of_sound_images_it_is_what_a_scan_finds(void **state)
{
    struct sound_image all[SOUND_IMAGES_MAX];
    size_t n = sound_images(all);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct builder *b = sound_image_build(&all[i]);
        struct image *img = builder_open(b);
        struct scan_result *r;

        assert_true(scan_run(img, NULL, NULL, &r, NULL));
        expect_end(b, r->qemu.image_end_offset);
        scan_free(r);
        image_close(img);
    }
}

/* Clusters of 512 bytes and refcounts of 64 bits: a block describes 64 clusters. */
static struct builder *many_blocks(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.cluster_bits = 9;
    opt.refcount_order = 6;
    b = builder_new(opt);
    builder_alloc(b, 300);
    return b;
}

static uint64_t clusters(const struct builder *b)
{
    return b->len / b->geo.cluster_size;
}

static void free_clusters_at_the_end_do_not_count(void **state)
{
    (void)state;
    for (uint64_t kept = 290; kept > 100; kept -= 13) {
        struct builder *b = many_blocks();
        uint64_t used = 0;

        for (uint64_t c = kept; c < clusters(b); c++)
            if (c / 64 != kept / 64 || c > kept)    /* blocks stay: they are in use */
                builder_set_refcount(b, c, 0);
        for (uint64_t c = 0; c < clusters(b); c++)
            used = builder_refcount(b, c) ? c + 1 : used;
        expect_end(b, used * 512);
    }
}

static void a_cluster_in_the_last_block_counts_and_one_behind_the_file_does_not(void **state)
{
    struct builder *b = many_blocks();

    (void)state;
    builder_truncate(b, b->len + 10 * 512);
    builder_set_refcount(b, clusters(b) - 1, 1);
    expect_end(b, b->len);
    b = many_blocks();
    assert_true(clusters(b) % 64 && clusters(b) % 64 < 60);
    builder_set_refcount(b, clusters(b) + 2, 1);
    expect_end(b, b->len);
}

static void a_block_that_two_entries_name_counts_where_it_stands_last(void **state)
{
    struct builder *b = many_blocks();
    uint64_t first = builder_peek(b, b->reftable_off, 8);

    (void)state;
    for (uint64_t i = 1; i < clusters(b) / 64; i++)
        builder_poke(b, b->reftable_off + i * 8, 8, first);
    builder_poke(b, b->reftable_off + clusters(b) / 64 * 8, 8, 0);
    expect_end(b, clusters(b) / 64 * 64 * 512);
}

static void tables_behind_the_end_leave_no_answer(void **state)
{
    static const char *const field[] = { "l1_table_offset", "snapshots_offset" };

    (void)state;
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++) {
        struct builder *b = many_blocks();

        builder_add_snapshot(b, "1", "s");
        builder_truncate(b, b->len + 64 * 512);
        builder_poke_field(b, "header", 0, field[i], b->len - 16 * 512);
        expect_none(b);
    }
}

static void dirty_images_and_those_without_a_header_leave_no_answer(void **state)
{
    struct builder *b = many_blocks();

    (void)state;
    builder_poke_field(b, "header", 0, "incompatible_features", INCOMPAT_DIRTY);
    expect_none(b);
    b = many_blocks();
    builder_set_refcount(b, 0, 0);
    expect_none(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_sound_images_it_is_what_a_scan_finds),
        cmocka_unit_test(free_clusters_at_the_end_do_not_count),
        cmocka_unit_test(a_cluster_in_the_last_block_counts_and_one_behind_the_file_does_not),
        cmocka_unit_test(a_block_that_two_entries_name_counts_where_it_stands_last),
        cmocka_unit_test(tables_behind_the_end_leave_no_answer),
        cmocka_unit_test(dirty_images_and_those_without_a_header_leave_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
