/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "support/pattern.h"
#include "support/rescue_disk.h"

#define MIB ((size_t)1 << 20)
#define CHECK_SKIP(made) if (!(made)) skip()

static const struct rescue_witness *const WITNESSES[] = { &witness_disk, &witness_ext, NULL };

/* Nothing is said that is not so, and what is in use is known to the cluster. */
static void assert_true_answers(const struct rescue_disk_found *f)
{
    assert_int_equal(f->wrong_certain, 0);
    assert_int_equal(f->wrong_likely, 0);
    assert_int_equal(f->used_but_free, 0);
    assert_int_equal(f->empty_but_content, 0);
    assert_int_equal(f->misread, 0);
    assert_true(f->certain > 0);
}

static void check(const char *script, size_t off, uint32_t cluster, size_t certain_min,
                  size_t likely_min, size_t slack)
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
        assert_true(f.certain >= certain_min);
        assert_true(f.likely >= likely_min);
        assert_true(f.not_free + slack >= f.candidates && f.not_free <= f.candidates + slack);
        assert_true(f.extents >= 48);
    }
    rescue_disk_free(&d);
}

#define EXT(type, options) "mke2fs -q -F -t " type " " options " -d $FILES -E offset=$OFF $IMG ${KIB}k"

static void metadata_of_ext4_is_placed_and_what_is_in_use_is_known(void **state)
{
    (void)state;
    check(EXT("ext4", ""), MIB, 65536, 6, 10, 2);
    check(EXT("ext4", ""), MIB, 4096, 8, 16, 8);
    check(EXT("ext4", "-b 4096"), MIB, 65536, 4, 4, 2);
    check(EXT("ext4", "-b 2048"), MIB, 32768, 4, 4, 2);
}

static void ext4_of_other_options_is_placed(void **state)
{
    (void)state;
    check(EXT("ext4", "-O ^metadata_csum,uninit_bg"), MIB, 65536, 2, 6, 2);
    check(EXT("ext4", "-O ^metadata_csum,^64bit"), MIB, 65536, 2, 6, 2);
    check(EXT("ext4", "-O ^64bit"), MIB, 65536, 4, 6, 2);
    check(EXT("ext4", "-O ^flex_bg -I 128"), MIB, 65536, 2, 6, 2);
    check(EXT("ext4", "-O meta_bg,^resize_inode"), MIB, 65536, 2, 6, 2);
    check(EXT("ext4", "-O inline_data"), MIB, 65536, 4, 6, 2);
    check(EXT("ext4", "-O bigalloc -C 16384 -b 4096"), MIB, 65536, 2, 2, 2);
    check(EXT("ext4", "-O metadata_csum_seed"), MIB, 65536, 4, 6, 2);
}

static void ext2_and_ext3_are_placed_by_what_agrees(void **state)
{
    (void)state;
    check(EXT("ext2", ""), MIB, 65536, 1, 20, 2);
    check(EXT("ext3", ""), MIB, 65536, 1, 20, 2);
    check(EXT("ext3", "-b 4096"), MIB, 65536, 1, 2, 2);
    check(EXT("ext2", "-I 128"), MIB, 16384, 1, 20, 2);
}

static void a_file_system_without_a_partition_table_is_placed(void **state)
{
    (void)state;
    check(EXT("ext4", ""), 0, 65536, 6, 8, 2);
}

static void a_partition_that_no_cluster_starts_with_is_placed(void **state)
{
    (void)state;
    check(EXT("ext4", ""), 63 * 512, 65536, 3, 4, 2);
}

/* Blocks as they were before the file system was written to lie in free space, as in a journal. */
static void old_copies_are_never_certain(void **state)
{
    static const char script[] = EXT("ext4", "") "; cp $IMG $IMG.old; "
        "for i in 0 1 2 3; do echo mkdir new$i; done >$IMG.cmd; "
        "debugfs -w -f $IMG.cmd \"$IMG?offset=$OFF\"; "
        "dd if=$IMG.old of=$IMG bs=4096 skip=256 seek=9600 count=384 conv=notrunc";
    struct rescue_disk_found f;
    struct rescue_disk d;

    (void)state;
    CHECK_SKIP(rescue_disk_make(&d, 40 * MIB, MIB, script));
    for (uint32_t cluster = 4096; cluster <= 65536; cluster *= 16) {
        rescue_disk_ask(&d, cluster, ORDER_WRITTEN, WITNESSES, &f);
        assert_int_equal(f.wrong_certain, 0);
        assert_true(f.likely > 0);
    }
    rescue_disk_free(&d);
}

static void changed_bytes_lead_nowhere(void **state)
{
    struct rescue_disk d;

    (void)state;
    CHECK_SKIP(rescue_disk_make(&d, 24 * MIB, MIB, EXT("ext4", "")));
    rescue_disk_mutate(&d, 65536, WITNESSES, 12);
    rescue_disk_free(&d);
    CHECK_SKIP(rescue_disk_make(&d, 24 * MIB, MIB, EXT("ext3", "")));
    rescue_disk_mutate(&d, 65536, WITNESSES, 12);
    rescue_disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_of_ext4_is_placed_and_what_is_in_use_is_known),
        cmocka_unit_test(ext4_of_other_options_is_placed),
        cmocka_unit_test(ext2_and_ext3_are_placed_by_what_agrees),
        cmocka_unit_test(a_file_system_without_a_partition_table_is_placed),
        cmocka_unit_test(a_partition_that_no_cluster_starts_with_is_placed),
        cmocka_unit_test(old_copies_are_never_certain),
        cmocka_unit_test(changed_bytes_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
