/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static struct geometry geometry_for(uint64_t cluster_bits, uint64_t incompatible)
{
    struct header h = { .version = 3, .cluster_bits = cluster_bits,
                        .incompatible_features = incompatible };
    struct geometry g;

    assert_true(geometry_init(&h, 1 << 20, &g, NULL));
    return g;
}

static struct l2_entry decode(const struct geometry *g, uint64_t raw, uint64_t bitmap)
{
    struct l2_entry e;
    uint8_t bytes[16];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(raw >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(bitmap >> (56 - 8 * i));
    }
    l2_decode(g, bytes, &e);
    assert_int_equal(e.raw, raw);
    return e;
}

static void standard_entries_have_the_type_that_qemu_sees(void **state)
{
    struct geometry g = geometry_for(16, 0);
    struct l2_entry e;

    (void)state;
    assert_int_equal(decode(&g, 0, 0).type, L2_UNALLOCATED);
    assert_int_equal(decode(&g, OFLAG_COPIED, 0).type, L2_UNALLOCATED);
    assert_int_equal(decode(&g, 1, 0).type, L2_ZERO_PLAIN);
    assert_int_equal(decode(&g, 0x3f000000000001fe, 0).type, L2_UNALLOCATED);
    e = decode(&g, 0x50001, 0);
    assert_int_equal(e.type, L2_ZERO_ALLOC);
    assert_int_equal(e.host_off, 0x50000);
    assert_int_equal(e.host_len, 65536);
    e = decode(&g, OFLAG_COPIED | 0x50200, 0);
    assert_int_equal(e.type, L2_NORMAL);
    assert_true(e.copied);
    assert_int_equal(e.host_off, 0x50200);
    assert_int_equal(e.bitmap, 0);
}

static void extended_entries_have_no_zero_flag_but_a_bitmap(void **state)
{
    struct geometry g = geometry_for(16, INCOMPAT_EXTENDED_L2);
    struct l2_entry e;

    (void)state;
    assert_int_equal(decode(&g, 1, 0).type, L2_UNALLOCATED);
    e = decode(&g, 0x50001, UINT64_C(0xfffffffe00000001));
    assert_int_equal(e.type, L2_NORMAL);
    assert_int_equal(e.bitmap, UINT64_C(0xfffffffe00000001));
}

static void offset_zero_is_data_only_in_an_external_file(void **state)
{
    struct geometry g = geometry_for(16, INCOMPAT_DATA_FILE);

    (void)state;
    assert_int_equal(decode(&g, OFLAG_COPIED, 0).type, L2_NORMAL);
    assert_int_equal(decode(&g, 0, 0).type, L2_UNALLOCATED);
    assert_int_equal(decode(&g, OFLAG_COPIED | 1, 0).type, L2_ZERO_PLAIN);
}

/* By the specification: x = 62 - (cluster_bits - 8); offset in bits 0 to x-1, additional
 * sectors in bits x to 61. */
static void compressed_descriptors_are_cut_by_the_cluster_size(void **state)
{
    (void)state;
    for (unsigned bits = 9; bits <= 21; bits++) {
        struct geometry g = geometry_for(bits, 0);
        unsigned x = 62 - (bits - 8);
        uint64_t most = (UINT64_C(1) << (bits - 8)) - 1;
        struct l2_entry e;

        assert_int_equal(g.csize_shift, x);
        e = decode(&g, OFLAG_COMPRESSED | 0x12345, 0);
        assert_int_equal(e.type, L2_COMPRESSED);
        assert_int_equal(e.host_off, 0x12345);
        assert_int_equal(e.host_len, 512 - 0x145);
        e = decode(&g, OFLAG_COMPRESSED | most << x | 0x200, 0);
        assert_int_equal(e.host_off, 0x200);
        assert_int_equal(e.host_len, (most + 1) * 512);
        e = decode(&g, OFLAG_COMPRESSED | UINT64_C(1) << x | ((UINT64_C(1) << x) - 1), 0);
        assert_int_equal(e.host_off, (UINT64_C(1) << x) - 1);
        assert_int_equal(e.host_len, 2 * 512 - 511);
    }
}

static void all_ones_is_a_compressed_entry_without_overflow(void **state)
{
    struct geometry g = geometry_for(9, 0);
    struct l2_entry e = decode(&g, UINT64_MAX, 0);

    (void)state;
    assert_int_equal(e.type, L2_COMPRESSED);
    assert_int_equal(e.host_off, (UINT64_C(1) << 61) - 1);
    assert_int_equal(e.host_len, 1024 - 511);
}

static void refcounts_of_every_width_are_read_from_their_bits(void **state)
{
    static const uint8_t block[16] = { 0xa1, 0x5c, 0x03, 0xf0, 0x11, 0x22, 0x33, 0x44,
                                       0x80, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07 };

    (void)state;
    /* 1 bit: lowest first; 0xa1 = 1010 0001, 0x5c = 0101 1100 */
    assert_int_equal(refblock_get(block, 0, 0), 1);
    assert_int_equal(refblock_get(block, 0, 1), 0);
    assert_int_equal(refblock_get(block, 0, 5), 1);
    assert_int_equal(refblock_get(block, 0, 6), 0);
    assert_int_equal(refblock_get(block, 0, 7), 1);
    assert_int_equal(refblock_get(block, 0, 8), 0);
    assert_int_equal(refblock_get(block, 0, 10), 1);
    /* 2 bits: 0xa1 = 10 10 00 01 */
    assert_int_equal(refblock_get(block, 1, 0), 1);
    assert_int_equal(refblock_get(block, 1, 1), 0);
    assert_int_equal(refblock_get(block, 1, 2), 2);
    assert_int_equal(refblock_get(block, 1, 8), 3);
    /* 4 bits */
    assert_int_equal(refblock_get(block, 2, 0), 0x1);
    assert_int_equal(refblock_get(block, 2, 1), 0xa);
    assert_int_equal(refblock_get(block, 2, 7), 0xf);
    assert_int_equal(refblock_get(block, 3, 3), 0xf0);
    assert_int_equal(refblock_get(block, 4, 1), 0x03f0);
    assert_int_equal(refblock_get(block, 5, 1), 0x11223344);
    assert_int_equal(refblock_get(block, 6, 1), UINT64_C(0x8001020304050607));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_entries_have_the_type_that_qemu_sees),
        cmocka_unit_test(extended_entries_have_no_zero_flag_but_a_bitmap),
        cmocka_unit_test(offset_zero_is_data_only_in_an_external_file),
        cmocka_unit_test(compressed_descriptors_are_cut_by_the_cluster_size),
        cmocka_unit_test(all_ones_is_a_compressed_entry_without_overflow),
        cmocka_unit_test(refcounts_of_every_width_are_read_from_their_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
