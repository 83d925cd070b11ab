/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ui/theme.h"

static void every_role_has_a_name_of_its_own(void **state)
{
    char a[32];
    char b[32];

    (void)state;
    for (unsigned i = 0; i < N_ROLES; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(role_name(i, a), role_name(k, b));
}

static void without_colour_no_style_has_one(void **state)
{
    (void)state;
    for (unsigned role = 0; role < N_ROLES; role++) {
        for (int t = 0; t < N_THEMES; t++) {
            struct style s = theme_style((enum theme_id)t, DEPTH_MONO, role);

            assert_int_equal(s.fg, COLOUR_DEFAULT);
            assert_int_equal(s.bg, COLOUR_DEFAULT);
        }
        assert_int_equal(theme_style(THEME_MONO, DEPTH_256, role).fg, COLOUR_DEFAULT);
    }
}

static void eight_colours_are_never_exceeded(void **state)
{
    (void)state;
    for (int t = 0; t < N_THEMES; t++)
        for (unsigned role = 0; role < N_ROLES; role++) {
            struct style s = theme_style((enum theme_id)t, DEPTH_8, role);

            assert_in_range(s.fg + 1, 0, 8);
            assert_in_range(s.bg + 1, 0, 8);
        }
}

/* There a number from 8 on is a colour by its red, green and blue: almost black. */
static void direct_colour_has_eight_names_and_rgb(void **state)
{
    (void)state;
    for (int t = 0; t < N_THEMES; t++)
        for (unsigned role = 0; role < N_ROLES; role++) {
            struct style s = theme_style((enum theme_id)t, DEPTH_DIRECT, role);

            assert_true(s.fg < 8 || s.fg & COLOUR_RGB);
            assert_true(s.bg < 8 || s.bg & COLOUR_RGB);
        }
    assert_true(theme_fill(THEME_DARK, DEPTH_DIRECT, ROLE_CLASS + CLASS_DATA) &
                COLOUR_RGB);
}

static void classes_look_different_in_256_colours(void **state)
{
    const enum theme_id theme[] = { THEME_DARK, THEME_LIGHT, THEME_COLORBLIND };

    (void)state;
    for (size_t t = 0; t < 3; t++)
        for (unsigned i = 0; i < N_CLASSES; i++)
            for (unsigned k = 0; k < i; k++)
                assert_int_not_equal(theme_fill(theme[t], DEPTH_256, ROLE_CLASS + i),
                                     theme_fill(theme[t], DEPTH_256, ROLE_CLASS + k));
}

static void dark_blue_is_not_used_for_text_on_dark(void **state)
{
    (void)state;
    for (unsigned role = 0; role < ROLE_CLASS; role++)
        assert_int_not_equal(theme_style(THEME_DARK, DEPTH_16, role).fg, 4);
}

static void themes_are_found_by_name(void **state)
{
    enum theme_id t;

    (void)state;
    for (int i = 0; i < N_THEMES; i++) {
        assert_true(theme_by_name(theme_name((enum theme_id)i), &t));
        assert_int_equal(t, i);
    }
    assert_false(theme_by_name("", &t));
    assert_false(theme_by_name("darker", &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_has_a_name_of_its_own),
        cmocka_unit_test(without_colour_no_style_has_one),
        cmocka_unit_test(eight_colours_are_never_exceeded),
        cmocka_unit_test(direct_colour_has_eight_names_and_rgb),
        cmocka_unit_test(classes_look_different_in_256_colours),
        cmocka_unit_test(dark_blue_is_not_used_for_text_on_dark),
        cmocka_unit_test(themes_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
