/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables at the end of the file, behind it, and where offsets end; files as long as QEMU checks. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/limits.h"
#include "scan/scan.h"
#include "support/longer.h"

#define CLUSTER 4096

/* An image with a snapshot, whose L1 table of two entries stands at this byte; scanned. */
static struct scan_result *with_snapshot_l1(uint64_t off, struct builder **b, struct image **img)
{
    struct scan_result *r;

    *b = builder_new(BUILDER_DEFAULTS);
    builder_map(*b, 3);
    builder_add_snapshot(*b, "1", "s");
    builder_poke_field(*b, "snapshot", builder_snapshot_off(*b, 0), "l1_table_offset", off);
    *img = builder_open(*b);
    assert_true(scan_run(*img, NULL, NULL, &r, NULL));
    return r;
}

static void a_table_is_past_the_end_from_one_cluster_behind_it(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t end;

    (void)state;
    builder_map(b, 3);
    builder_add_snapshot(b, "1", "s");
    end = b->len;
    builder_free(b);
    assert_int_equal(end % CLUSTER, 0);
    for (int k = -1; k <= 2; k++) {
        uint64_t off = end + (uint64_t)(int64_t)(k * CLUSTER);
        struct image *img;
        struct scan_result *r = with_snapshot_l1(off, &b, &img);

        /* as in QEMU: one that only touches the first cluster after the end counts */
        assert_int_equal(r->problems.count[PROBLEM_L1_PAST_END], k >= 1);
        assert_int_equal(r->problems.count[PROBLEM_REFCOUNT_ZERO], k == 0);
        assert_null(r->refused.id);
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void a_table_where_offsets_end_is_past_the_end(void **state)
{
    static const struct { uint64_t off; bool readable; } t[] = {
        { UINT64_C(1) << 62, true }, { READ_OFFSET_MAX - CLUSTER, true },
        { READ_OFFSET_MAX, false }, { (UINT64_C(1) << 63) - 2 * CLUSTER, false },
        { UINT64_C(1) << 63, false }, { (UINT64_C(1) << 63) + CLUSTER, false },
        { UINT64_C(0) - 2 * CLUSTER, false }, { UINT64_C(0) - CLUSTER, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct builder *b;
        struct image *img;
        struct scan_result *r = with_snapshot_l1(t[i].off, &b, &img);

        assert_int_equal(r->problems.count[PROBLEM_L1_PAST_END], 1);
        assert_int_equal(r->problems.count[PROBLEM_REFCOUNT_ZERO], 0);
        if (t[i].readable)
            assert_null(r->refused.id);
        else
            assert_string_equal(r->refused.id, "snapshot-l1-offset");
        scan_free(r);
        image_close(img);
        builder_free(b);
    }
}

static void a_file_of_one_cluster_more_than_qemu_checks_is_refused(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    (void)state;
    for (uint64_t more = 0; more < 2; more++) {
        struct image *img = open_longer(b, (CHECK_CLUSTERS_MAX + more) * CLUSTER);

        if (more)
            assert_string_equal(img->refused.id, "file-too-large");
        else
            assert_null(img->refused.id);
        image_close(img);
    }
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_past_the_end_from_one_cluster_behind_it),
        cmocka_unit_test(a_table_where_offsets_end_is_past_the_end),
        cmocka_unit_test(a_file_of_one_cluster_more_than_qemu_checks_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
