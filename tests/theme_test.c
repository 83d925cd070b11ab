/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
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

            assert_true(s.fg >= -1 && s.fg < 8);
            assert_true(s.bg >= -1 && s.bg < 8);
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
    assert_true(theme_fill(THEME_DARK, DEPTH_DIRECT, ROLE_CLASS + CLASS_DATA, 0) &
                COLOUR_RGB);
}

static const enum theme_id coloured[] = { THEME_DARK, THEME_LIGHT, THEME_COLORBLIND };
#define N_COLOURED (sizeof coloured / sizeof coloured[0])

static void classes_look_different_in_256_colours(void **state)
{
    (void)state;
    for (size_t t = 0; t < N_COLOURED; t++)
        for (unsigned i = 0; i < N_CLASSES; i++)
            for (unsigned k = 0; k < i; k++)
                assert_int_not_equal(
                    theme_fill(coloured[t], DEPTH_256, ROLE_CLASS + i, 0),
                    theme_fill(coloured[t], DEPTH_256, ROLE_CLASS + k, 0));
}

/* --- contrast: WCAG 2.1, "relative luminance" and "contrast ratio" --- */

static uint32_t rgb_of(int colour)
{
    static const unsigned step[6] = { 0, 95, 135, 175, 215, 255 };
    unsigned i = (unsigned)colour;

    if (colour & COLOUR_RGB)
        return i & 0xffffff;
    assert_true(colour >= 16 && colour <= 255);       /* nobody knows what the others look like */
    if (i >= 232)
        return (8 + (i - 232) * 10) * 0x10101;
    i -= 16;
    return step[i / 36] << 16 | step[i / 6 % 6] << 8 | step[i % 6];
}

static double linear(unsigned component)
{
    double c = component / 255.0;

    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(uint32_t rgb)
{
    return 0.2126 * linear(rgb >> 16 & 255) + 0.7152 * linear(rgb >> 8 & 255) +
           0.0722 * linear(rgb & 255);
}

static void letters_on_blue_are_white_where_there_are_eight_colours(void **state)
{
    unsigned n = 0;

    (void)state;
    for (unsigned role = ROLE_PAINT; role < N_ROLES; role++) {
        struct style s = theme_style(THEME_DARK, DEPTH_8, role), was;

        s.attr |= ATTR_REVERSE;
        was = s;
        theme_on_field(DEPTH_256, &s);
        assert_int_equal(s.fg, was.fg);
        theme_on_field(DEPTH_8, &s);
        assert_false(s.fg == 4 && s.attr & ATTR_REVERSE);
        if (was.fg == 4) {
            n++;
            assert_int_equal(s.bg, 4);
            assert_int_equal(s.fg, 7);
        } else {
            assert_int_equal(s.bg, was.bg);
            assert_true(s.attr & ATTR_REVERSE);
        }
    }
    assert_true(n > 0);
}

static double contrast(uint32_t a, uint32_t b)
{
    double x = luminance(a) + 0.05;
    double y = luminance(b) + 0.05;

    return x > y ? x / y : y / x;
}

/* Text needs 4.5, what has the size of a cell of the map 3. The light theme is for white,
 * the dark one for black; the colour-blind one says itself that it is on black. */
static void every_colour_stands_out_from_its_background(void **state)
{
    (void)state;
    for (enum depth d = DEPTH_256; d <= DEPTH_DIRECT; d++) {
        for (size_t t = 0; t < N_COLOURED; t++) {
            uint32_t ground = coloured[t] == THEME_LIGHT ? 0xffffff : 0;

            for (unsigned role = 0; role < N_ROLES; role++) {
                struct style s = theme_style(coloured[t], d, role);

                if (s.fg < 16)
                    continue;               /* the person's own colours */
                if (coloured[t] == THEME_COLORBLIND)
                    assert_int_equal(s.bg, 0);
                assert_true(contrast(rgb_of(s.fg), ground) >=
                            (role < ROLE_PAINT ? 4.5 : 3.0));
            }
        }
    }
}

/* Yellow, white and the bright ones like them on white; blue on black. */
static void sixteen_colours_avoid_those_that_cannot_be_seen(void **state)
{
    (void)state;
    for (unsigned role = 0; role < N_ROLES; role++) {
        int light = theme_style(THEME_LIGHT, DEPTH_16, role).fg;

        assert_false(light == 3 || light == 7 || light == 10 || light == 11 ||
                     light == 14 || light == 15);
        assert_int_not_equal(theme_style(THEME_DARK, DEPTH_16, role).fg, 0);
    }
}

/* What tells two paints apart where colours are few: the hue, or else the letter. Bold
 * does not count, as many terminals show bold blocks like others. */
static bool alike(enum theme_id theme, enum depth depth, unsigned a, unsigned b)
{
    if (!palette_has_hue(a) || !palette_has_hue(b))
        return palette_has_hue(a) == palette_has_hue(b) &&
               palette_letter(a) == palette_letter(b);
    return theme_fill(theme, depth, ROLE_PAINT + a, 0) ==
           theme_fill(theme, depth, ROLE_PAINT + b, 0);
}

static void with_few_colours_no_two_classes_are_alike(void **state)
{
    (void)state;
    for (enum depth d = DEPTH_8; d <= DEPTH_16; d++)
        for (size_t t = 0; t < N_COLOURED; t++) {
            for (unsigned i = 0; i < PAINT_GUEST; i++)
                for (unsigned k = 0; k < i; k++)
                    assert_false(alike(coloured[t], d, i, k));
            for (unsigned i = PAINT_GUEST; i < PAINT_RAMP; i++)
                for (unsigned k = PAINT_GUEST; k < i; k++)
                    assert_false(alike(coloured[t], d, i, k));
            for (unsigned i = PAINT_CHANGE; i < N_PAINTS; i++)
                for (unsigned k = PAINT_CHANGE; k < i; k++)
                    assert_false(alike(coloured[t], d, i, k));
        }
}

static void leaked_clusters_and_l2_tables_have_different_hues(void **state)
{
    (void)state;
    for (enum depth d = DEPTH_8; d <= DEPTH_16; d++)
        for (size_t t = 0; t < N_COLOURED; t++)
            assert_int_not_equal(
                theme_fill(coloured[t], d, ROLE_CLASS + CLASS_LEAKED, 0),
                theme_fill(coloured[t], d, ROLE_CLASS + CLASS_L2, 0));
}

static void steps_of_the_ramp_look_different_at_every_depth(void **state)
{
    (void)state;
    for (enum depth d = DEPTH_8; d <= DEPTH_DIRECT; d++)
        for (size_t t = 0; t < N_COLOURED; t++)
            for (unsigned i = 0; i < RAMP_STEPS; i++)
                for (unsigned k = 0; k < i; k++) {
                    struct style a = theme_style(coloured[t], d, ROLE_RAMP + i);
                    struct style b = theme_style(coloured[t], d, ROLE_RAMP + k);

                    assert_false(a.fg == b.fg && a.attr == b.attr);
                }
}

static void a_cell_hardly_in_use_is_neither_empty_nor_full(void **state)
{
    (void)state;
    for (enum depth d = DEPTH_256; d <= DEPTH_DIRECT; d++)
        for (size_t t = 0; t < N_COLOURED; t++)
            for (unsigned c = 0; c < N_CLASSES; c++) {
                unsigned role = ROLE_CLASS + c;
                int thin = theme_fill(coloured[t], d, role, palette_shade(1));

                if (c == CLASS_VACANT || c == CLASS_UNKNOWN)
                    continue;
                assert_int_not_equal(thin, theme_fill(coloured[t], d, role, 0));
                assert_int_not_equal(
                    thin, theme_fill(coloured[t], d, ROLE_CLASS + CLASS_VACANT, 0));
            }
}

static void fuller_cells_are_never_paler(void **state)
{
    (void)state;
    for (unsigned e = 2; e <= 8; e++)
        assert_true(palette_shade(e) <= palette_shade(e - 1));
    assert_int_equal(palette_shade(8), 0);
    assert_int_equal(palette_shade(1), PALETTE_SHADES - 1);
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
        cmocka_unit_test(letters_on_blue_are_white_where_there_are_eight_colours),
        cmocka_unit_test(every_colour_stands_out_from_its_background),
        cmocka_unit_test(sixteen_colours_avoid_those_that_cannot_be_seen),
        cmocka_unit_test(with_few_colours_no_two_classes_are_alike),
        cmocka_unit_test(leaked_clusters_and_l2_tables_have_different_hues),
        cmocka_unit_test(steps_of_the_ramp_look_different_at_every_depth),
        cmocka_unit_test(a_cell_hardly_in_use_is_neither_empty_nor_full),
        cmocka_unit_test(fuller_cells_are_never_paler),
        cmocka_unit_test(dark_blue_is_not_used_for_text_on_dark),
        cmocka_unit_test(themes_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
