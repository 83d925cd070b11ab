/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "picture/curve.h"

static void every_cell_is_visited_once(void **state)
{
    (void)state;
    for (int rows = 1; rows < 24; rows++) {
        for (int cols = 1; cols < 24; cols++) {
            struct curve c = { 0, 0, false, NULL, NULL };
            bool *seen = calloc((size_t)(rows * cols), sizeof *seen);

            curve_fit(&c, rows, cols, true);
            assert_non_null(c.spot);
            for (size_t i = 0; i < curve_cells(&c); i++) {
                int y;
                int x;

                curve_spot(&c, i, &y, &x);
                assert_true(y >= 0 && y < rows);
                assert_true(x >= 0 && x < cols);
                assert_false(seen[y * cols + x]);
                seen[y * cols + x] = true;
                assert_int_equal(curve_step(&c, y, x), i);
            }
            free(seen);
            curve_free(&c);
        }
    }
}

static void hilbert_steps_go_to_a_neighbour(void **state)
{
    (void)state;
    for (int rows = 2; rows < 40; rows += 2) {
        for (int cols = 2; cols < 100; cols += 2) {
            struct curve c = { 0, 0, false, NULL, NULL };

            curve_fit(&c, rows, cols, true);
            for (size_t i = 1; i < curve_cells(&c); i++) {
                int y0;
                int x0;
                int y1;
                int x1;

                curve_spot(&c, i - 1, &y0, &x0);
                curve_spot(&c, i, &y1, &x1);
                assert_true(abs(y1 - y0) <= 1 && abs(x1 - x0) <= 1);
            }
            curve_free(&c);
        }
    }
}

static void rows_are_rows(void **state)
{
    struct curve c = { 0, 0, false, NULL, NULL };
    int y;
    int x;

    (void)state;
    curve_fit(&c, 4, 10, true);
    curve_fit(&c, 4, 10, false);
    curve_spot(&c, 23, &y, &x);
    assert_int_equal(y, 2);
    assert_int_equal(x, 3);
    assert_int_equal(curve_step(&c, 3, 9), 39);
    curve_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_visited_once),
        cmocka_unit_test(hilbert_steps_go_to_a_neighbour),
        cmocka_unit_test(rows_are_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
