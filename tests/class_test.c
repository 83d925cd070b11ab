/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scan/class.h"
#include "scan/guest.h"
#include "scan/scan.h"
#include "support/image_builder.h"

static void every_class_has_a_name_and_a_letter_of_its_own(void **state)
{
    char seen[N_CLASSES + 1] = "";

    (void)state;
    for (int c = 0; c < N_CLASSES; c++) {
        const struct class_info *info = class_info((enum cluster_class)c);

        assert_non_null(info->id);
        assert_non_null(info->name);
        assert_non_null(info->meaning);
        assert_null(strchr(seen, info->letter));
        seen[c] = info->letter;
        for (int d = 0; d < c; d++)
            assert_string_not_equal(info->id, class_info((enum cluster_class)d)->id);
    }
}

static void every_guest_class_is_described(void **state)
{
    (void)state;
    for (int c = 0; c < N_GUEST_CLASSES; c++) {
        const struct guest_class_info *info = guest_class_info((enum guest_class)c);

        assert_non_null(info->id);
        assert_non_null(info->name);
        assert_non_null(info->meaning);
        for (int d = 0; d < c; d++)
            assert_true(info->letter != guest_class_info((enum guest_class)d)->letter);
    }
}

static void each_metadata_owner_alone_has_its_class(void **state)
{
    (void)state;
    for (int bit = 0; bit < 15; bit++) {
        enum cluster_class c = class_of_owners(1u << bit | OWNER_IN_ACTIVE);

        assert_true(c != CLASS_VACANT && c != CLASS_MIXED);
        assert_false(owners_conflict(1u << bit));
    }
    assert_int_equal(class_of_owners(0), CLASS_VACANT);
    assert_int_equal(class_of_owners(OWNER_BITMAP_DIR), CLASS_BITMAP_DIR);
}

static void layers_decide_how_data_is_called(void **state)
{
    (void)state;
    assert_int_equal(class_of_owners(OWNER_DATA | OWNER_IN_ACTIVE), CLASS_DATA);
    assert_int_equal(class_of_owners(OWNER_DATA | OWNER_IN_SNAPSHOT),
                     CLASS_DATA_SNAPSHOT);
    assert_int_equal(class_of_owners(OWNER_DATA | OWNER_IN_ACTIVE | OWNER_IN_SNAPSHOT),
                     CLASS_DATA_SHARED);
}

static void data_and_allocated_zeros_may_share_a_cluster(void **state)
{
    (void)state;
    assert_false(owners_conflict(OWNER_DATA | OWNER_ZERO | OWNER_IN_ACTIVE));
    assert_int_equal(class_of_owners(OWNER_DATA | OWNER_ZERO | OWNER_IN_ACTIVE),
                     CLASS_DATA);
    assert_false(owners_conflict(OWNER_DATA | OWNER_VMSTATE | OWNER_IN_SNAPSHOT));
}

static void mixed_kinds_are_a_conflict(void **state)
{
    static const uint32_t bad[] = {
        OWNER_L2 | OWNER_DATA,
        OWNER_L1_ACTIVE | OWNER_L1_SNAPSHOT,
        OWNER_DATA | OWNER_COMPRESSED,
        OWNER_REFBLOCK | OWNER_L2,
        OWNER_HEADER | OWNER_ZERO,
        OWNER_VMSTATE | OWNER_COMPRESSED,
        OWNER_BITMAP_DIR | OWNER_BITMAP_TABLE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(owners_conflict(bad[i]));
        assert_int_equal(class_of_owners(bad[i]), CLASS_MIXED);
    }
}

/* Whatever the last clusters are, and wherever in a run someone begins. */
static void runs_end_with_the_file(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct scan_result *r;
    struct image *img;
    struct map_run run;
    uint64_t n, last;

    (void)state;
    builder_map(b, 0);
    last = builder_alloc(b, 9) / 4096;
    for (uint64_t i = 0; i < 9; i++)
        builder_set_refcount(b, last + i, 0);           /* vacant */
    img = builder_open(b);
    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    n = map_clusters(r->map);
    assert_int_equal(n, last + 9);
    for (uint64_t i = 0; i < 9; i++) {
        assert_true(map_run_at(r->map, last + i, &run));
        assert_int_equal(run.n, 9 - i);
        assert_int_equal(run.cell.cls, CLASS_VACANT);
    }
    assert_false(map_run_at(r->map, n, &run));
    scan_free(r);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_a_name_and_a_letter_of_its_own),
        cmocka_unit_test(every_guest_class_is_described),
        cmocka_unit_test(each_metadata_owner_alone_has_its_class),
        cmocka_unit_test(layers_decide_how_data_is_called),
        cmocka_unit_test(data_and_allocated_zeros_may_share_a_cluster),
        cmocka_unit_test(mixed_kinds_are_a_conflict),
        cmocka_unit_test(runs_end_with_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
