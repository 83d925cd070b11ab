/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What snapshots hold alone and share: random images against a look at each guest cluster, and
 * against what leaks when the snapshot is taken out of the table. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "inspect/usage.h"
#include "scan/guest.h"
#include "support/image_builder.h"
#include "support/pick.h"

/* Writes here and there, in clusters that the snapshots hold as well and in others. */
static void write_some(struct builder *b, unsigned n)
{
    uint64_t guest = b->geo.guest_clusters;

    for (unsigned i = 0; i < n; i++) {
        uint64_t g = pick(2) ? pick(guest) : pick(8) * (guest / 8) + pick(guest / 64);

        switch (pick(8)) {
        case 0: builder_map_compressed(b, g); break;
        case 1: builder_map_zero(b, g, true); break;
        case 2: builder_map_zero(b, g, false); break;
        default: builder_map(b, g); break;
        }
    }
}

static struct builder *with_snapshots(struct builder_options opt, unsigned n, unsigned writes)
{
    struct builder *b = builder_new(opt);

    for (unsigned i = 0; i < n; i++) {
        write_some(b, writes);
        builder_add_snapshot(b, (char[]){ (char)('1' + i), '\0' }, "s");
    }
    write_some(b, writes);
    return b;
}

static struct scan_result *scan_of(const struct image *img)
{
    struct scan_result *r;

    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    return r;
}

/* Clusters that leak with only the first n snapshots in the table. */
static uint64_t leaks_with(struct builder *b, uint64_t n)
{
    uint64_t were = builder_peek(b, 60, 4), leaks;
    struct scan_result *r;
    struct image *img;

    builder_poke_field(b, "header", 0, "nb_snapshots", n);
    img = builder_open(b);
    r = scan_of(img);
    leaks = r->stats.class_clusters[CLASS_LEAKED];
    scan_free(r);
    image_close(img);
    builder_poke_field(b, "header", 0, "nb_snapshots", were);
    return leaks;
}

/* The same figures, of each guest cluster by itself. */
static void compare_clusters(const struct image *img, uint32_t layer, const struct usage *u)
{
    uint64_t n[5] = { 0 }, same = 0, diverged = 0;
    struct guest_hit hit, active;

    for (uint64_t g = 0; g < img->geo.guest_clusters; g++) {
        uint64_t off = g << img->geo.cluster_bits;

        assert_true(guest_lookup(img, layer, off, &hit, NULL));
        if (hit.l2_off == NO_ADDRESS)
            continue;
        n[hit.entry.type]++;
        if (!l2_entry_has_host(&hit.entry))
            continue;
        assert_true(guest_lookup(img, LAYER_ACTIVE, off, &active, NULL));
        if (active.l2_off != NO_ADDRESS && active.entry.host_off == hit.entry.host_off)
            same++;
        else
            diverged++;
    }
    assert_int_equal(u->normal, n[L2_NORMAL]);
    assert_int_equal(u->zero_alloc, n[L2_ZERO_ALLOC]);
    assert_int_equal(u->zero_plain, n[L2_ZERO_PLAIN]);
    assert_int_equal(u->compressed, n[L2_COMPRESSED]);
    assert_true(u->unallocated >= n[L2_UNALLOCATED]);
    assert_int_equal(u->same, same);
    assert_int_equal(u->diverged, diverged);
    assert_int_equal(u->l2_tables * img->geo.l2_entries,
                     u->unallocated + n[L2_NORMAL] + n[L2_ZERO_ALLOC] + n[L2_ZERO_PLAIN]
                     + n[L2_COMPRESSED]);
    assert_int_equal(u->l1_invalid + u->l2_unaligned + u->unaligned + u->invalid, 0);
}

static void check_all(struct builder *b)
{
    struct image *img = builder_open(b);
    struct scan_result *r = scan_of(img);
    struct usage u;

    for (size_t i = 0; i < img->snaps.n; i++) {
        uint64_t left = usage_bytes_max(img);

        assert_true(usage_of_snapshot(r, i, &left, &u, NULL));
        assert_false(u.partial);
        assert_true(left < usage_bytes_max(img));
        compare_clusters(img, (uint32_t)i + 1, &u);
    }
    /* of the last one it is easy to tell what goes with it */
    assert_true(u.alone_data > 0 && u.alone_tables > 0);
    assert_int_equal(u.alone_data + u.alone_tables, leaks_with(b, img->snaps.n - 1));
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void figures_are_those_of_each_guest_cluster(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    (void)state;
    opt.cluster_bits = 9;
    opt.size = 36 << 20;            /* L1 tables are read in several pieces */
    check_all(with_snapshots(opt, 4, 300));
    opt.cluster_bits = 16;
    opt.size = 16 << 20;
    check_all(with_snapshots(opt, 2, 40));
}

static void a_snapshot_of_an_empty_disk_holds_nothing_but_its_table(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t left = USAGE_BYTES_MAX;
    struct image *img;
    struct scan_result *r;
    struct usage u;

    (void)state;
    builder_add_snapshot(b, "1", "s");
    img = builder_open(b);
    r = scan_of(img);
    assert_true(usage_of_snapshot(r, 0, &left, &u, NULL));
    assert_int_equal(u.l2_tables + u.unallocated + u.same + u.diverged + u.alone_data, 0);
    assert_int_equal(u.alone_tables, 1);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void with_too_many_tables_figures_are_of_a_part_and_say_so(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct scan_result *r;
    struct usage all, u;

    (void)state;
    opt.cluster_bits = 9;
    b = with_snapshots(opt, 1, 200);
    img = builder_open(b);
    r = scan_of(img);
    assert_true(usage_of_snapshot(r, 0, &(uint64_t){ USAGE_BYTES_MAX }, &all, NULL));
    for (uint64_t left = 0; left < 200000; left += 20000) {
        uint64_t may = left;

        assert_true(usage_of_snapshot(r, 0, &may, &u, NULL));
        assert_true(u.partial);
        assert_true(may <= left);
        assert_true(u.l2_tables < all.l2_tables && u.normal <= all.normal);
        assert_true(u.alone_data <= all.alone_data && u.alone_tables <= all.alone_tables);
    }
    scan_free(r);
    image_close(img);
    builder_free(b);
}

static void damaged_entries_are_counted_as_such(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    struct scan_result *r;
    struct usage u;
    uint64_t l1;

    (void)state;
    builder_map(b, 3);
    builder_map(b, 600);
    builder_set_l2(b, 5, builder_peek(b, builder_l2_entry_off(b, 3), 8) + 512, 0);
    builder_set_l2(b, 6, builder_map(b, 7) | 2, 0);
    builder_add_snapshot(b, "1", "s");
    l1 = b->snapshot[0].l1_off;
    builder_poke(b, l1 + 8, 8, builder_peek(b, l1 + 8, 8) | 2);
    img = builder_open(b);
    r = scan_of(img);
    assert_true(usage_of_snapshot(r, 0, &(uint64_t){ USAGE_BYTES_MAX }, &u, NULL));
    assert_int_equal(u.l1_invalid, 1);
    assert_int_equal(u.unaligned, 1);
    assert_int_equal(u.invalid, 1);
    assert_int_equal(u.normal, 5);
    scan_free(r);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_each_guest_cluster),
        cmocka_unit_test(a_snapshot_of_an_empty_disk_holds_nothing_but_its_table),
        cmocka_unit_test(with_too_many_tables_figures_are_of_a_part_and_say_so),
        cmocka_unit_test(damaged_entries_are_counted_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
