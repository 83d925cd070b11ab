/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

#define N 5000
#define LONG 100000

/* From empty strings to ones longer than a chunk. */
static size_t len_of(size_t i)
{
    return i % 1000 == 999 ? LONG : i * i % 97;
}

static void strings_stay_in_place_and_apart(void **state)
{
    static char *at[N];
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < N; i++) {
        at[i] = arena_take(&a, len_of(i));
        assert_non_null(at[i]);
        for (size_t k = 0; k < len_of(i); k++)
            assert_int_equal(at[i][k], 0);
        memset(at[i], (int)(i % 251 + 1), len_of(i));
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < len_of(i); k++)
            assert_int_equal((uint8_t)at[i][k], i % 251 + 1);
    arena_free(&a);
    assert_null(a.chunk);
    assert_non_null(arena_take(&a, 1));
    arena_free(&a);
}

static void short_strings_lie_side_by_side(void **state)
{
    struct arena a = { 0 };
    char *first = arena_take(&a, 1);

    (void)state;
    for (size_t i = 1; i < 1000; i++)
        assert_ptr_equal(arena_take(&a, 1), first + i);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_stay_in_place_and_apart),
        cmocka_unit_test(short_strings_lie_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
