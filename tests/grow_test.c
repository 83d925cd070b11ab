/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/grow.h"

#define N 1000

static void entries_stay_while_a_list_grows(void **state)
{
    uint32_t *a = NULL, *b = NULL;
    size_t cap = 0;

    (void)state;
    for (size_t n = 0; n < N; n++) {
        assert_true(list_room(&a, n, &cap, sizeof *a));
        assert_true(list_double(&b, n, sizeof *b));
        assert_true(cap > n);
        a[n] = b[n] = (uint32_t)n;
    }
    for (size_t n = 0; n < N; n++) {
        assert_int_equal(a[n], n);
        assert_int_equal(b[n], n);
    }
    free(a);
    free(b);
}

static void room_that_is_there_is_not_made_again(void **state)
{
    uint32_t *a = NULL, *was;
    size_t cap = 0, had;

    (void)state;
    assert_true(list_room(&a, 0, &cap, sizeof *a));
    was = a;
    had = cap;
    assert_true(list_room(&a, cap - 1, &cap, sizeof *a));
    assert_ptr_equal(a, was);
    assert_int_equal(cap, had);
    assert_true(list_room(&a, cap, &cap, sizeof *a));
    assert_true(cap > had);
    free(a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    char *a = malloc(1), *was = a;
    size_t cap = SIZE_MAX / 2 + 1;

    (void)state;
    assert_false(list_room(&a, cap, &cap, 1));          /* cap * 2 is 0 */
    assert_int_equal(cap, SIZE_MAX / 2 + 1);
    cap = SIZE_MAX / 4;
    assert_false(list_room(&a, cap, &cap, 16));         /* cap * 2 * 16 */
    assert_false(list_double(&a, SIZE_MAX / 2 + 1, 1));
    assert_false(list_double(&a, SIZE_MAX / 4 + 1, 16));
    assert_ptr_equal(a, was);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_stay_while_a_list_grows),
        cmocka_unit_test(room_that_is_there_is_not_made_again),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
