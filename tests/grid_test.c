/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <string.h>

#include "ui/grid.h"
#include "ui/term_fake.h"

static void expect(const struct grid *g, const char *screen)
{
    struct buf b = BUF_INIT;

    grid_dump(g, false, &b);
    assert_string_equal(buf_str(&b), screen);
    buf_free(&b);
}

static void text_is_clipped_on_every_side(void **state)
{
    struct grid g;
    struct area all;
    struct area part;

    (void)state;
    assert_true(grid_init(&g, 3, 6, false));
    all = grid_area(&g);
    part = area_part(&all, 1, 1, 1, 4);
    assert_int_equal(draw_text(&part, 0, -2, ROLE_TEXT, "abcdefgh"), 6);
    draw_text(&part, 1, 0, ROLE_TEXT, "below");
    draw_text(&part, -1, 0, ROLE_TEXT, "above");
    expect(&g, "6x3\n|\n| cdef\n|\n");
    grid_free(&g);
}

static void control_characters_become_visible(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 3, 30, false));
    a = grid_area(&g);
    draw_text(&a, 0, 0, ROLE_TEXT, "a\033[31mb\x7f");
    draw_text(&a, 1, 0, ROLE_TEXT, "x\u202ey\u200b");
    draw_text(&a, 2, 0, ROLE_TEXT, "\xff\xc3(");
    expect(&g,
           "30x3\n|a\\x1b[31mb\\x7f\n|x\\u{202e}y\\u{200b}\n|\\xff\\xc3(\n");
    grid_free(&g);
}

static void ascii_grid_holds_ascii_only(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 4, 20, true));
    a = grid_area(&g);
    draw_hline(&a, 0, 0, 8);
    draw_vline(&a, 1, 0, 1);
    draw_text(&a, 1, 1, ROLE_TEXT, "é › …");
    draw_cell(&a, 3, 0, CH_UPPER, ROLE_TEXT, ROLE_DIM, 0);
    draw_cell(&a, 3, 1, CH_LOWER, ROLE_TEXT, NO_BACK, 0);
    draw_cell(&a, 3, 2, CH_MEDIUM, ROLE_TEXT, NO_BACK, 0);
    for (int i = 0; i < g.rows * g.cols; i++)
        assert_true(g.cell[i].ch >= 0x20 && g.cell[i].ch <= 0x7e);
    expect(&g, "20x4\n|--------\n||\\u{00e9} > ~\n|\n|^_:\n");
    grid_free(&g);
}

static void wide_character_is_never_torn(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 3, 5, false));
    a = grid_area(&g);
    assert_int_equal(draw_text(&a, 0, 0, ROLE_TEXT, "\u6f22\u5b57\u6f22"), 6);
    assert_int_equal(grid_at(&g, 0, 1)->ch, 0);
    assert_int_equal(grid_at(&g, 0, 4)->ch, ' ');       /* half of it would be outside */
    draw_text(&a, 1, 0, ROLE_TEXT, "\u6f22\u5b57");
    draw_text(&a, 1, 1, ROLE_TEXT, "x");                /* over the right half */
    draw_text(&a, 2, 0, ROLE_TEXT, "\u6f22\u5b57");
    draw_text(&a, 2, 2, ROLE_TEXT, "y");                /* over the left half */
    expect(&g, "5x3\n|\u6f22\u5b57\n| x\u5b57\n|\u6f22y\n");
    grid_free(&g);
}

static void combining_mark_stays_on_its_letter(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 1, 5, false));
    a = grid_area(&g);
    assert_int_equal(draw_text(&a, 0, 0, ROLE_TEXT, "e\u0301x"), 2);
    assert_int_equal(grid_at(&g, 0, 0)->mark, 0x301);
    assert_int_equal(grid_at(&g, 0, 1)->ch, 'x');
    grid_free(&g);
}

static void long_text_is_cut_with_an_ellipsis(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 2, 12, false));
    a = grid_area(&g);
    assert_int_equal(draw_cut(&a, 0, 0, 6, ROLE_TEXT, "abcdefgh"), 6);
    assert_int_equal(draw_cut(&a, 1, 0, 8, ROLE_TEXT, "abcdefgh"), 8);
    expect(&g, "12x2\n|abcde\u2026\n|abcdefgh\n");
    grid_free(&g);
}

static void wrapped_text_breaks_at_blanks(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 4, 8, false));
    a = grid_area(&g);
    assert_int_equal(
        draw_wrapped(&a, 0, 0, 8, ROLE_TEXT, "one two three\nincomprehensible", 0), 4);
    expect(&g, "8x4\n|one two\n|three\n|incompre\n|hensible\n");
    grid_free(&g);
}

static void a_bar_of_little_is_never_empty(void **state)
{
    struct grid g;
    struct area a;

    (void)state;
    assert_true(grid_init(&g, 2, 4, true));
    a = grid_area(&g);
    draw_bar(&a, 0, 0, 4, 1, UINT64_MAX, ROLE_BAR);
    draw_bar(&a, 1, 0, 4, 0, 0, ROLE_BAR);
    expect(&g, "4x2\n|#...\n|....\n");
    grid_free(&g);
}

static void every_drawing_call_survives_a_screen_of_one_cell(void **state)
{
    struct grid g;
    struct area a;
    struct area none;

    (void)state;
    assert_true(grid_init(&g, 0, -5, false));
    assert_int_equal(g.rows * g.cols, 1);
    a = grid_area(&g);
    none = area_part(&a, 3, -4, 5, -2);
    for (int i = 0; i < 2; i++) {
        const struct area *at = i ? &none : &a;

        draw_hline(at, -1, -1, 3);
        draw_vline(at, -1, -1, 3);
        draw_bar(at, 0, -3, 9, 5, 9, ROLE_BAR);
        draw_wrapped(at, 0, 0, 0, ROLE_TEXT, "\u6f22 a b", 0);
        draw_right(at, 0, 0, ROLE_TEXT, "text");
        draw_cut(at, 0, 0, 1, ROLE_TEXT, "\u6f22\u6f22");
        draw_restyle(at, 0, -5, 20, ROLE_DIM, ATTR_BOLD);
        draw_cursor(at, 7, 7);
    }
    assert_int_equal(g.cur_y, 0);
    grid_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_clipped_on_every_side),
        cmocka_unit_test(control_characters_become_visible),
        cmocka_unit_test(ascii_grid_holds_ascii_only),
        cmocka_unit_test(wide_character_is_never_torn),
        cmocka_unit_test(combining_mark_stays_on_its_letter),
        cmocka_unit_test(long_text_is_cut_with_an_ellipsis),
        cmocka_unit_test(wrapped_text_breaks_at_blanks),
        cmocka_unit_test(a_bar_of_little_is_never_empty),
        cmocka_unit_test(every_drawing_call_survives_a_screen_of_one_cell),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
