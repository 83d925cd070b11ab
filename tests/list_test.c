/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ui/list.h"

static const struct act_arg once = { 0, 0, 1 };

static struct list list_of(uint64_t n, int h)
{
    struct list l = { 0, 0, 0, 0 };

    list_fit(&l, n, h);
    return l;
}

static void the_cursor_stays_in_an_empty_list(void **state)
{
    struct list l = list_of(0, 10);

    (void)state;
    for (int a = 0; a < N_ACTIONS; a++) {
        assert_false(list_act(&l, (enum action)a, &once));
        assert_int_equal(l.at, 0);
        assert_int_equal(l.top, 0);
    }
}

static void the_last_row_of_a_huge_list_is_reached_at_once(void **state)
{
    struct list l = list_of(UINT64_MAX, 20);

    (void)state;
    assert_true(list_act(&l, ACT_BOTTOM, &once));
    list_fit(&l, UINT64_MAX, 20);
    assert_true(l.at == UINT64_MAX - 1);
    assert_true(l.top == UINT64_MAX - 20);
    assert_false(list_act(&l, ACT_DOWN, &once));
    assert_false(list_act(&l, ACT_PAGE_DOWN, &once));
    assert_true(list_act(&l, ACT_TOP, &once));
    list_fit(&l, UINT64_MAX, 20);
    assert_true(l.at == 0 && l.top == 0);
}

static void the_cursor_is_always_among_the_rows_shown(void **state)
{
    struct list l = list_of(100, 7);

    (void)state;
    for (int round = 0; round < 40; round++) {
        for (int a = ACT_UP; a <= ACT_CLICK; a++) {
            struct act_arg arg = { (round * 5 + a) % 9 - 1, 0, round % 4 };

            list_act(&l, (enum action)a, &arg);
            list_fit(&l, (uint64_t)(100 - round * 2), 1 + (round * 3 + a) % 12);
            assert_true(l.at < l.n);
            assert_true(l.top <= l.at);
            assert_true(l.at - l.top < (uint64_t)l.h);
        }
    }
}

static void a_list_that_shrinks_takes_the_cursor_along(void **state)
{
    struct list l = list_of(50, 10);

    (void)state;
    list_go(&l, 49);
    list_fit(&l, 3, 10);
    assert_int_equal(l.at, 2);
    assert_int_equal(l.top, 0);
}

static void a_click_outside_the_rows_does_nothing(void **state)
{
    struct list l = list_of(3, 10);
    struct act_arg below = { 3, 0, 1 };
    struct act_arg above = { -1, 0, 1 };
    struct act_arg on = { 2, 0, 1 };

    (void)state;
    assert_false(list_act(&l, ACT_CLICK, &below));
    assert_false(list_act(&l, ACT_CLICK, &above));
    assert_true(list_act(&l, ACT_CLICK, &on));
    assert_int_equal(l.at, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_stays_in_an_empty_list),
        cmocka_unit_test(the_last_row_of_a_huge_list_is_reached_at_once),
        cmocka_unit_test(the_cursor_is_always_among_the_rows_shown),
        cmocka_unit_test(a_list_that_shrinks_takes_the_cursor_along),
        cmocka_unit_test(a_click_outside_the_rows_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
