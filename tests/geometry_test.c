/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/geometry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static struct header plain(uint64_t cluster_bits)
{
    return (struct header){ .version = 3, .cluster_bits = cluster_bits,
                            .size = UINT64_C(64) << 20, .refcount_order = 4, .l1_size = 1,
                            .refcount_table_clusters = 1 };
}

static struct geometry make(const struct header *h, uint64_t file_size)
{
    struct geometry g;

    assert_true(geometry_init(h, file_size, &g, NULL));
    return g;
}

static void cluster_bits_out_of_range_end_with_a_message(void **state)
{
    static const uint64_t bad[] = { 0, 8, 22, 40, 64, UINT32_MAX, UINT64_MAX };
    struct geometry g;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct header h = plain(bad[i]);
        char number[32];

        assert_false(geometry_init(&h, 1 << 20, &g, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        snprintf(number, sizeof number, "%llu", (unsigned long long)bad[i]);
        assert_non_null(strstr(err.text, number));
        assert_non_null(strstr(err.text, "offset 20 (0x14)"));
    }
}

static void both_ends_of_the_cluster_sizes_work(void **state)
{
    struct header h = plain(9);
    struct geometry g = make(&h, 1 << 20);

    (void)state;
    assert_int_equal(g.cluster_size, 512);
    assert_int_equal(g.l2_entries, 64);
    assert_int_equal(g.l2_span, 32768);
    assert_int_equal(g.l1_needed, 2048);
    assert_int_equal(g.refblock_entries, 256);
    assert_int_equal(g.n_clusters, 2048);
    h = plain(21);
    g = make(&h, 1 << 20);
    assert_int_equal(g.cluster_size, 2 << 20);
    assert_int_equal(g.l2_span, UINT64_C(1) << 39);
    assert_int_equal(g.l1_needed, 1);
    assert_int_equal(g.n_clusters, 1);
}

static void the_file_length_is_rounded_up_to_sectors(void **state)
{
    struct header h = plain(9);
    struct geometry g = make(&h, 512 * 7 + 1);

    (void)state;
    assert_int_equal(g.file_size, 512 * 7 + 1);
    assert_int_equal(g.file_len, 512 * 8);
    assert_int_equal(g.n_clusters, 8);
    g = make(&h, 0);
    assert_int_equal(g.n_clusters, 0);
    g = make(&h, UINT64_MAX);
    assert_true(g.file_len >= g.file_size);
}

static void extended_entries_halve_the_table(void **state)
{
    struct header h = plain(16);
    struct geometry g;

    (void)state;
    h.incompatible_features = INCOMPAT_EXTENDED_L2;
    g = make(&h, 1 << 20);
    assert_true(g.extended_l2);
    assert_int_equal(g.l2_entry_size, 16);
    assert_int_equal(g.l2_entries, 4096);
    assert_int_equal(g.l2_span, UINT64_C(256) << 20);
}

static void every_refcount_width_has_its_maximum_and_block_size(void **state)
{
    (void)state;
    for (uint64_t order = 0; order <= 6; order++) {
        struct header h = plain(16);
        struct geometry g;
        uint64_t bits = UINT64_C(1) << order;

        h.refcount_order = order;
        g = make(&h, 1 << 20);
        assert_int_equal(g.refcount_bits, bits);
        assert_int_equal(g.refcount_max,
                         bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1);
        assert_int_equal(g.refblock_entries, 65536 * 8 / bits);
        assert_int_equal(UINT64_C(1) << g.refblock_bits, g.refblock_entries);
    }
}

static void absurd_values_are_brought_into_range(void **state)
{
    struct header h = plain(16);
    struct geometry g;

    (void)state;
    h.refcount_order = UINT32_MAX;
    h.l1_size = UINT32_MAX;
    h.refcount_table_clusters = UINT32_MAX;
    h.size = UINT64_MAX;
    g = make(&h, 1 << 20);
    assert_int_equal(g.refcount_order, 4);
    assert_int_equal(g.l1_entries, L1_ENTRIES_MAX);
    assert_int_equal(g.reftable_entries * 8, REFTABLE_BYTES_MAX);
    assert_int_equal(g.guest_clusters, UINT64_C(1) << 48);
    assert_int_equal(g.l1_needed, UINT64_C(1) << 35);
}

static void limits_are_reached_but_not_passed(void **state)
{
    struct header h = plain(16);

    (void)state;
    h.l1_size = L1_ENTRIES_MAX;
    assert_int_equal(make(&h, 1).l1_entries, L1_ENTRIES_MAX);
    h.l1_size = L1_ENTRIES_MAX + 1;
    assert_int_equal(make(&h, 1).l1_entries, L1_ENTRIES_MAX);
    h.refcount_table_clusters = 128;
    assert_int_equal(make(&h, 1).reftable_entries, REFTABLE_BYTES_MAX / 8);
    h.refcount_table_clusters = 129;
    assert_int_equal(make(&h, 1).reftable_entries, REFTABLE_BYTES_MAX / 8);
}

static void guest_offsets_saturate(void **state)
{
    struct header h = plain(16);
    struct geometry g = make(&h, 1 << 20);

    (void)state;
    assert_int_equal(geo_guest_off(&g, 0, 0), 0);
    assert_int_equal(geo_guest_off(&g, 3, 77),
                     (UINT64_C(3) << 29) + (UINT64_C(77) << 16));
    assert_int_equal(geo_guest_off(&g, UINT64_MAX, 0), UINT64_MAX);
    assert_int_equal(geo_guest_off(&g, 1, UINT64_MAX), UINT64_MAX);
    assert_int_equal(geo_guest_off(&g, (UINT64_C(1) << 35) - 1, 8192), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster_bits_out_of_range_end_with_a_message),
        cmocka_unit_test(both_ends_of_the_cluster_sizes_work),
        cmocka_unit_test(the_file_length_is_rounded_up_to_sectors),
        cmocka_unit_test(extended_entries_halve_the_table),
        cmocka_unit_test(every_refcount_width_has_its_maximum_and_block_size),
        cmocka_unit_test(absurd_values_are_brought_into_range),
        cmocka_unit_test(limits_are_reached_but_not_passed),
        cmocka_unit_test(guest_offsets_saturate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
