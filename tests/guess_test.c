/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Headers destroyed in part: the values that are found again. */
#include "config.h"

#include "support/guessed.h"

/* Damages one field of an image of this make: the value is found again. */
static void check_field(struct builder_options o, const char *field, uint64_t bad,
                        uint64_t good)
{
    struct builder *b = built(o);
    struct image *img;

    set(b, field, bad);
    img = opened(b);
    assert_guess(img, field, GUESS_TAKEN, good, "");
    assert_int_equal(img->guesses.n, 1);
    assert_int_equal(img->guesses.list[0].found, bad);
    assert_non_null(img->refused.id);
    assert_scans_clean(img);
    image_close(img);
    builder_free(b);
}

static void each_field_destroyed_alone_is_found_again(void **state)
{
    static const uint32_t bits[] = { 9, 12, 16, 21 };

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;

        o.cluster_bits = bits[i];
        o.size = UINT64_C(3) << (2 * bits[i] - 3);      /* three L2 tables */
        b = built(o);
        check_field(o, "magic", 0x51464900, 0x514649fb);
        check_field(o, "version", 0x30000, 3);
        check_field(o, "cluster_bits", 200, bits[i]);
        if (bits[i] > 9)                            /* the L1 table is too short then */
            check_field(o, "cluster_bits", bits[i] - 1, bits[i]);
        check_field(o, "refcount_order", 7, 4);
        check_field(o, "l1_table_offset", b->l1_off + 8, b->l1_off);
        check_field(o, "l1_table_offset", UINT64_C(1) << 63 | b->l1_off, b->l1_off);
        check_field(o, "l1_size", 0, 3);
        check_field(o, "l1_size", UINT32_MAX, 3);
        check_field(o, "refcount_table_offset", b->reftable_off + 1, b->reftable_off);
        check_field(o, "refcount_table_clusters", UINT32_MAX, 1);
        builder_free(b);
    }
}

static void a_stray_entry_of_the_refcount_table_does_not_stop_it(void **state)
{
    static const uint64_t stray[] = { 3, 0x1001, UINT64_MAX, UINT64_C(1) << 40 };

    (void)state;
    for (size_t i = 0; i < sizeof stray / sizeof stray[0]; i++) {
        struct builder *b = usual();
        struct image *img;

        set(b, "cluster_bits", 200);
        builder_poke(b, b->reftable_off + 8 * (1 + i * 9), 8, stray[i]);
        img = opened(b);
        assert_guess(img, "cluster_bits", GUESS_TAKEN, 12, "");
        image_close(img);
        builder_free(b);
    }
}

static void every_width_of_refcounts_is_told(void **state)
{
    (void)state;
    for (uint32_t order = 0; order <= 6; order++) {
        struct builder_options o = BUILDER_DEFAULTS;

        o.refcount_order = order;
        check_field(o, "refcount_order", 0xffff, order);
        check_field(o, "cluster_bits", 0xffff, 12);
        check_field(o, "refcount_table_offset", 3, 0x1000);
    }
}

static void a_damaged_version_2_is_not_read_as_version_3(void **state)
{
    struct builder_options o = BUILDER_DEFAULTS;

    (void)state;
    o.version = 2;
    check_field(o, "version", 0x01000002, 2);
}

static void the_size_of_the_disk_is_at_least_what_is_mapped(void **state)
{
    struct builder *b = usual();
    struct image *img;

    (void)state;
    set(b, "size", UINT64_MAX);
    img = opened(b);
    /* guest cluster 2 of the second L2 table is the last: 4 MiB need two of them */
    assert_guess(img, "size", GUESS_PROPOSED, (512 + 3) * 4096, "at least");
    assert_true(img->hdr.size == UINT64_MAX);       /* nothing hangs on it */
    image_close(img);
    set(b, "size", 0);
    img = opened(b);                                /* which QEMU opens */
    assert_int_equal(img->guesses.n, 0);
    image_close(img);
    set(b, "l1_size", 0);
    set(b, "magic", 0);
    img = opened(b);                                /* else all would be VM state */
    assert_guess(img, "size", GUESS_TAKEN, (512 + 3) * 4096, "at least");
    image_close(img);
    builder_free(b);
}

/* L1 tables are read backwards, page by page. */
static void the_last_mapped_cluster_is_found_in_l1_tables_of_any_length(void **state)
{
    (void)state;
    for (uint64_t n = 510; n <= 514; n++)
        for (uint64_t last = n - 4; last < n; last++) {
            struct builder_options o = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;

            o.cluster_bits = 9;
            o.size = n << 15;
            b = builder_new(o);
            builder_map(b, last * 64 + 9);
            set(b, "size", UINT64_MAX);
            img = opened(b);
            assert_guess(img, "size", GUESS_PROPOSED, (last * 64 + 10) * 512, "at least");
            image_close(img);
            builder_free(b);
        }
}

static void a_header_wiped_altogether_is_made_anew(void **state)
{
    static const uint32_t bits[] = { 9, 12, 16, 21 };

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        for (int fill = 0; fill < 2; fill++) {
            struct builder_options o = BUILDER_DEFAULTS;
            struct builder *b;
            struct image *img;

            o.cluster_bits = bits[i];
            o.size = UINT64_C(3) << (2 * bits[i] - 3);
            b = built(o);
            memset(b->bytes, 0, 512);
            if (fill)
                memset(b->bytes, 0x11, 104);
            img = opened(b);
            assert_int_equal(img->geo.cluster_bits, bits[i]);
            assert_int_equal(img->hdr.l1_table_offset, b->l1_off);
            assert_int_equal(img->hdr.refcount_table_offset, b->reftable_off);
            assert_int_equal(img->geo.l1_entries, 3);
            assert_int_equal(img->hdr.size,
                             (2 * b->geo.l2_entries + 3) * b->geo.cluster_size);
            assert_string_equal(img->refused.id, "magic");
            assert_scans_clean(img);
            image_close(img);
            builder_free(b);
        }
    }
}

/* Copies n clusters to the end of the file, with their refcounts, and frees the old
 * ones. */
static uint64_t moved(struct builder *b, uint64_t off, uint64_t n)
{
    uint64_t cs = b->geo.cluster_size, to = builder_alloc(b, n);

    memcpy(b->bytes + to, b->bytes + off, (size_t)(n * cs));
    memset(b->bytes + off, 0, (size_t)(n * cs));
    return to;
}

static void free_clusters(struct builder *b, uint64_t off, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        builder_set_refcount(b, off / b->geo.cluster_size + i, 0);
}

static void tables_that_moved_are_found_by_search(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 16; bits++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;
        struct image *img;
        uint64_t l1, reftable;

        o.cluster_bits = bits;
        o.size = UINT64_C(3) << (2 * bits - 3);
        b = built(o);
        l1 = moved(b, b->l1_off, 1);
        free_clusters(b, b->l1_off, 1);
        reftable = builder_alloc(b, 1);
        free_clusters(b, b->reftable_off, 1);
        memcpy(b->bytes + reftable, b->bytes + b->reftable_off,
               (size_t)b->geo.cluster_size);
        memset(b->bytes + b->reftable_off, 0, (size_t)b->geo.cluster_size);
        set(b, "l1_table_offset", 1);
        set(b, "refcount_table_offset", 1);
        img = opened(b);
        assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
        assert_guess(img, "refcount_table_offset", GUESS_TAKEN, reftable,
                     "found by search: 1 entry points");
        assert_scans_clean(img);
        image_close(img);
        set(b, "cluster_bits", 0);
        img = opened(b);
        assert_guess(img, "cluster_bits", GUESS_TAKEN, bits, "found by search");
        assert_scans_clean(img);
        image_close(img);
        builder_free(b);
    }
}

/* A table of which up to one used entry in sixteen is damaged is a table still. */
static void damaged_entries_are_tolerated_up_to_one_in_sixteen(void **state)
{
    static const struct { unsigned used, bad; bool told; } t[] = {
        { 32, 2, true }, { 31, 2, false }, { 48, 3, true }, { 47, 3, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct builder *b = builder_new(BUILDER_DEFAULTS);
        struct image *img;

        for (uint64_t g = 0; g < t[i].used; g++)
            builder_map(b, g);
        for (uint64_t g = 1; g <= t[i].bad; g++)    /* reserved bits */
            builder_set_l2(b, 3 * g, UINT64_C(0x7e), 0);
        set(b, "l1_table_offset", 1);
        img = opened(b);
        assert_int_equal(guess_of(img, "l1_table_offset") != NULL &&
                         img->hdr.l1_table_offset == b->l1_off, t[i].told);
        image_close(img);
        builder_free(b);
    }
}

static void the_default_layout_is_named_as_such(void **state)
{
    struct builder *b = usual();
    struct image *img;

    (void)state;
    set(b, "l1_table_offset", 1);
    set(b, "refcount_table_offset", 1);
    img = opened(b);
    assert_int_equal(b->l1_off, 3 * 4096);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, b->l1_off, "default layout");
    assert_guess(img, "refcount_table_offset", GUESS_TAKEN, b->reftable_off,
                 "default layout");
    image_close(img);
    builder_free(b);
}

/* The builder clears the flags of a shared table in both; a snapshot's copy keeps in its
 * file the flags of the time when it was taken. */
static void the_table_of_a_snapshot_is_not_taken_for_the_active_one(void **state)
{
    struct builder *b = usual();
    struct image *img;
    uint64_t l1, off;

    (void)state;
    builder_add_snapshot(b, "1", "one");
    off = b->snapshot[0].l1_off;
    for (uint64_t i = 0; i < 2; i++)
        builder_poke(b, off + i * 8, 8, builder_peek(b, off + i * 8, 8) | OFLAG_COPIED);
    builder_map(b, 7);                              /* copies an L2 table */
    l1 = moved(b, b->l1_off, 1);                    /* behind the snapshot's */
    free_clusters(b, b->l1_off, 1);
    set(b, "l1_table_offset", 1);
    img = opened(b);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
    assert_scans_clean(img);
    image_close(img);
    set(b, "nb_snapshots", 0);                      /* nobody says whose it is */
    img = opened(b);
    assert_guess(img, "l1_table_offset", GUESS_TAKEN, l1, "found by search");
    image_close(img);
    builder_free(b);
}

static void a_header_wiped_altogether_finds_snapshots_and_extended_entries(void **state)
{
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        struct builder *b = built((struct builder_options){
            .version = 3, .cluster_bits = 14, .refcount_order = 4, .size = 96 << 20,
            .extended_l2 = extended });
        uint64_t table;
        struct image *img;

        for (uint64_t k = 0; k < 40; k++)
            builder_map(b, 3 + k);
        builder_add_snapshot(b, "1", "one");
        builder_add_snapshot(b, "2", "two");
        builder_map(b, 7);
        table = builder_peek(b, 64, 8);
        memset(b->bytes, 0, 4096);
        img = opened(b);
        assert_guess(img, "snapshots_offset", GUESS_TAKEN, table, "2 entries");
        assert_guess(img, "nb_snapshots", GUESS_TAKEN, 2, "so many");
        assert_int_equal(img->geo.extended_l2, extended);
        assert_int_equal(img->snaps.n, 2);
        assert_guess(img, "size", GUESS_TAKEN, 96 << 20, "disk of a snapshot");
        assert_int_equal(img->hdr.l1_size, img->geo.l1_needed);
        assert_scans_clean(img);
        image_close(img);
        builder_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_destroyed_alone_is_found_again),
        cmocka_unit_test(a_stray_entry_of_the_refcount_table_does_not_stop_it),
        cmocka_unit_test(every_width_of_refcounts_is_told),
        cmocka_unit_test(a_damaged_version_2_is_not_read_as_version_3),
        cmocka_unit_test(the_size_of_the_disk_is_at_least_what_is_mapped),
        cmocka_unit_test(the_last_mapped_cluster_is_found_in_l1_tables_of_any_length),
        cmocka_unit_test(a_header_wiped_altogether_is_made_anew),
        cmocka_unit_test(a_header_wiped_altogether_finds_snapshots_and_extended_entries),
        cmocka_unit_test(tables_that_moved_are_found_by_search),
        cmocka_unit_test(damaged_entries_are_tolerated_up_to_one_in_sixteen),
        cmocka_unit_test(the_default_layout_is_named_as_such),
        cmocka_unit_test(the_table_of_a_snapshot_is_not_taken_for_the_active_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
