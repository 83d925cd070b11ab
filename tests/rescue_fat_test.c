/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "support/pattern.h"
#include "support/rescue_disk.h"

#define MIB ((size_t)1 << 20)
#define CHECK_SKIP(made) if (!(made)) skip()

static const struct rescue_witness *const WITNESSES[] = { &witness_disk, &witness_fat, NULL };

/* Nothing is said that is not so, and what is in use is known to the cluster. */
static void assert_true_answers(const struct rescue_disk_found *f)
{
    assert_int_equal(f->wrong_certain, 0);
    assert_int_equal(f->wrong_likely, 0);
    assert_int_equal(f->used_but_free, 0);
    assert_int_equal(f->empty_but_content, 0);
    assert_int_equal(f->misread, 0);
}

static void check(const char *script, size_t off, uint32_t cluster, size_t likely_min,
                  size_t slack)
{
    struct rescue_disk d;

    CHECK_SKIP(rescue_disk_make(&d, 40 * MIB, off, script));
    for (int order = ORDER_CONVERTED; order <= ORDER_WRITTEN; order++) {
        struct rescue_disk_found f;

        rescue_disk_ask(&d, cluster, (enum rescue_disk_order)order, WITNESSES, &f);
        if (getenv("VERBOSE"))
            print_message("%s: cluster %u candidates %zu certain %zu likely %zu not free %zu "
                          "extents %zu wrong %zu %zu marks %zu %zu\n", script, cluster,
                          f.candidates, f.certain, f.likely, f.not_free, f.extents,
                          f.wrong_certain, f.wrong_likely, f.used_but_free,
                          f.empty_but_content);
        assert_true_answers(&f);
        assert_true(f.likely >= likely_min);
        assert_true(f.not_free + slack >= f.candidates && f.not_free <= f.candidates + slack);
        assert_true(f.extents >= 48);
    }
    rescue_disk_free(&d);
}

#define FAT(options) \
    "mkfs.fat " options " --offset $((OFF / 512)) $IMG $KIB; " \
    "mcopy -s -i $IMG@@$OFF $FILES/* ::"

static void fat32_is_placed_and_what_is_in_use_is_known(void **state)
{
    (void)state;
    check(FAT("-F 32 -s 1"), MIB, 65536, 6, 2);
    check(FAT("-F 32 -s 1"), MIB, 4096, 16, 8);
    check(FAT("-F 32 -s 1 -f 1"), MIB, 65536, 4, 2);
    check(FAT("-F 32 -s 1"), 63 * 512, 65536, 6, 2);
}

static void fat16_and_fat12_are_placed(void **state)
{
    (void)state;
    check(FAT("-F 16 -s 4"), MIB, 65536, 3, 2);
    check(FAT("-F 12 -s 64"), MIB, 65536, 3, 2);
}

static void changed_bytes_lead_nowhere(void **state)
{
    struct rescue_disk d;

    (void)state;
    CHECK_SKIP(rescue_disk_make(&d, 40 * MIB, MIB, FAT("-F 32 -s 1")));
    rescue_disk_mutate(&d, 65536, WITNESSES, 12);
    rescue_disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fat32_is_placed_and_what_is_in_use_is_known),
        cmocka_unit_test(fat16_and_fat12_are_placed),
        cmocka_unit_test(changed_bytes_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
