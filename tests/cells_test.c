/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scan/cells.h"

static void bump(struct cells *c, uint64_t cl, uint32_t owners, uint64_t weight)
{
    struct step s;

    step_init(&s, owners, weight);
    cells_bump(c, cl, &s);
}

static void counts_and_owners_add_up(void **state)
{
    struct cells c;
    struct state s;

    (void)state;
    cells_init(&c, 10000);
    bump(&c, 17, OWNER_DATA | OWNER_IN_SNAPSHOT, 3);
    bump(&c, 17, OWNER_L2, 1);
    s = cells_get(&c, 17);
    assert_int_equal(s.count, 4);
    assert_int_equal(s.owners, OWNER_DATA | OWNER_IN_SNAPSHOT | OWNER_L2);
    assert_int_equal(cells_get(&c, 18).count, 0);
    cells_free(&c);
}

static void the_flag_survives_counting(void **state)
{
    struct cells c;

    (void)state;
    cells_init(&c, 100);
    cells_chunk_touch(&c, 0)[5] |= CELL_FLAG;
    bump(&c, 5, OWNER_HEADER, 1);
    assert_int_equal(cells_get(&c, 5).count, 1);
    assert_true(cells_flag(&c, 5));
    assert_false(cells_flag(&c, 6));
    cells_free(&c);
}

/* More pairs of owners and count than there are codes: the side table keeps the rest. */
static void rare_states_are_kept_beside(void **state)
{
    struct cells c;

    (void)state;
    cells_init(&c, 5000);
    for (uint64_t cl = 0; cl < 5000; cl++)
        bump(&c, cl, OWNER_DATA, cl + 1);
    for (uint64_t cl = 0; cl < 5000; cl += 7)
        bump(&c, cl, OWNER_ZERO, 10);
    for (uint64_t cl = 0; cl < 5000; cl++) {
        struct state s = cells_get(&c, cl);

        assert_int_equal(s.count, cl + 1 + (cl % 7 ? 0 : 10));
        assert_int_equal(s.owners, OWNER_DATA | (cl % 7 ? 0u : OWNER_ZERO));
    }
    cells_free(&c);
}

static void second_active_use_is_noticed(void **state)
{
    struct cells c;

    (void)state;
    cells_init(&c, 10);
    bump(&c, 1, owner_bits(OWNER_DATA, 1, 0), 1);
    bump(&c, 1, owner_bits(OWNER_DATA, 0, 1), 1);
    assert_false(cells_get(&c, 1).owners & OWNER_TWICE_ACTIVE);
    bump(&c, 1, owner_bits(OWNER_ZERO, 1, 0), 1);
    assert_true(cells_get(&c, 1).owners & OWNER_TWICE_ACTIVE);
    bump(&c, 2, owner_bits(OWNER_COMPRESSED, 1, 0), 1);
    bump(&c, 2, owner_bits(OWNER_COMPRESSED, 1, 0), 1);
    assert_false(cells_get(&c, 2).owners & OWNER_TWICE_ACTIVE);
    cells_free(&c);
}

static void runs_equal_single_steps(void **state)
{
    struct cells a, b;
    struct step s;

    (void)state;
    cells_init(&a, 4096);
    cells_init(&b, 4096);
    for (int round = 0; round < 40; round++) {
        uint64_t first = (uint64_t)round * 37 % 4000;
        unsigned len = (unsigned)(round * 13 % 96) + 1;

        step_init(&s, 1u << (round % 14), (uint64_t)round % 3 + 1);
        cells_bump_run(&a, first, len, &s);
        for (unsigned k = 0; k < len; k++)
            bump(&b, first + k, 1u << (round % 14), (uint64_t)round % 3 + 1);
    }
    for (uint64_t cl = 0; cl < 4096; cl++) {
        assert_int_equal(cells_get(&a, cl).count, cells_get(&b, cl).count);
        assert_int_equal(cells_get(&a, cl).owners, cells_get(&b, cl).owners);
    }
    cells_free(&a);
    cells_free(&b);
}

static void run_tells_which_flags_it_met(void **state)
{
    struct cells c;
    struct step s;

    (void)state;
    cells_init(&c, 100);
    step_init(&s, OWNER_DATA, 1);
    assert_int_equal(cells_bump_run(&c, 0, 40, &s), CELL_FLAG >> 1);
    cells_chunk_touch(&c, 0)[10] |= CELL_FLAG;
    assert_int_equal(cells_bump_run(&c, 0, 40, &s), CELL_FLAG | CELL_FLAG >> 1);
    assert_int_equal(cells_bump_run(&c, 10, 1, &s), CELL_FLAG);
    cells_free(&c);
}

/* A book too long for one piece of memory costs what is touched. */
static void sparse_book_counts_as_well(void **state)
{
    uint64_t n = UINT64_C(1) << 50, far = n - 5;
    struct cells c;
    uint64_t chunk;

    (void)state;
    cells_init(&c, n);
    assert_null(c.flat);
    for (uint64_t i = 0; i < 1000; i++)
        bump(&c, i * 99991 * 4096, OWNER_DATA, 2);
    bump(&c, far, OWNER_L2, 1);
    assert_int_equal(cells_get(&c, far).owners, OWNER_L2);
    assert_int_equal(cells_get(&c, far - 1).count, 0);
    assert_int_equal(cells_get(&c, 99991 * 4096).count, 2);
    assert_true(cells_next_touched(&c, 99991 * 999 + 1, &chunk));
    assert_int_equal(chunk, far >> CHUNK_BITS);
    cells_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_owners_add_up),
        cmocka_unit_test(the_flag_survives_counting),
        cmocka_unit_test(rare_states_are_kept_beside),
        cmocka_unit_test(second_active_use_is_noticed),
        cmocka_unit_test(runs_equal_single_steps),
        cmocka_unit_test(run_tells_which_flags_it_met),
        cmocka_unit_test(sparse_book_counts_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
