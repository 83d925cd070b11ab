/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which ranges causes take from the disk. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "insight/gone.h"

static void ranges_of_lost_mapping_rise_and_do_not_overlap(void **state)
{
    struct guest_span wiped[] = { { 100, 200 }, { 400, 500 } }, cut[] = { { 150, 250 } },
                      inside[] = { { 420, 440 } }, twice[] = { { 0, 50 } },
                      maybe[] = { { 600, 700 } };
    struct cause list[] = {
        { .kind = CAUSE_OF_L2_WIPED, .weight = CAUSE_LOSES, .confidence = CONFIDENCE_LIKELY,
          .lost = { wiped, 2, 2, false } },
        { .kind = CAUSE_OF_CUT_SHORT, .weight = CAUSE_LOSES, .confidence = CONFIDENCE_CERTAIN,
          .lost = { cut, 1, 1, false } },
        { .kind = CAUSE_OF_BROKEN_ENTRIES, .weight = CAUSE_LOSES,
          .confidence = CONFIDENCE_CERTAIN, .lost = { inside, 1, 1, false } },
        { .kind = CAUSE_OF_TWICE_USED, .weight = CAUSE_LOSES, .confidence = CONFIDENCE_CERTAIN,
          .lost = { twice, 1, 1, false } },
        { .kind = CAUSE_OF_L1_POINTER, .weight = CAUSE_LOSES,
          .confidence = CONFIDENCE_POSSIBLE, .lost = { maybe, 1, 1, false } },
    };
    static const struct disk_gone want[] = {
        { 100, 200, "l2-wiped" }, { 200, 250, "cut-short" }, { 400, 500, "l2-wiped" },
    };
    const struct insight x = { .list = list, .n = sizeof list / sizeof list[0] };
    struct gone g;

    (void)state;
    assert_true(gone_find(&x, &g, NULL));
    assert_int_equal(g.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < g.n; i++) {
        assert_int_equal(g.list[i].off, want[i].off);
        assert_int_equal(g.list[i].end, want[i].end);
        assert_string_equal(g.list[i].why, want[i].why);
    }
    gone_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_of_lost_mapping_rise_and_do_not_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
