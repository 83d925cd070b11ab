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

#include "ui/history.h"
#include "ui/keys.h"
#include "ui/prompt.h"

static void type(struct prompt *p, const char *ascii)
{
    for (; *ascii; ascii++)
        assert_int_equal(prompt_key(p, (unsigned char)*ascii), PROMPT_GOES_ON);
}

static void typed_text_can_be_edited(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_GOTO, "", "");
    type(&p, "L1[35]");
    prompt_key(&p, KEYCODE_LEFT);
    prompt_key(&p, KEYCODE_BACKSPACE);
    assert_string_equal(p.text, "L1[3]");
    prompt_key(&p, KEYCODE_HOME);
    prompt_key(&p, KEYCODE_DEL);
    type(&p, "l");
    assert_string_equal(p.text, "l1[3]");
    prompt_key(&p, 'U' - '@');
    assert_string_equal(p.text, "1[3]");
    prompt_key(&p, 'K' - '@');
    assert_string_equal(p.text, "");
    type(&p, "guest 1G");
    prompt_key(&p, 'W' - '@');
    assert_string_equal(p.text, "guest ");
}

static void characters_are_deleted_whole(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_SEARCH, "", "");
    prompt_key(&p, 'a');
    prompt_key(&p, 0x6f22);
    prompt_key(&p, 0xe9);
    assert_string_equal(p.text, "a\u6f22\u00e9");
    prompt_key(&p, KEYCODE_LEFT);
    prompt_key(&p, KEYCODE_BACKSPACE);
    assert_string_equal(p.text, "a\u00e9");
}

static void a_long_line_is_full_at_the_end_of_its_space(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_SEARCH, "", "");
    for (int i = 0; i < 1000; i++)
        prompt_key(&p, 0x6f22);
    assert_true(p.len < sizeof p.text);
    assert_int_equal(strlen(p.text), p.len);
    assert_int_equal(p.len % 3, 0);
}

static void controls_do_not_get_into_the_text(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_SEARCH, "", "");
    for (uint32_t key = 1; key < 32; key++)
        if (key != KEYCODE_ENTER && key != KEYCODE_ESC && key != 'H' - '@')
            prompt_key(&p, key);
    prompt_key(&p, 0x9b);
    prompt_key(&p, 0x202e);
    prompt_key(&p, KEYCODE_F1);
    assert_string_equal(p.text, "");
}

static void up_brings_the_last_entry_back(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_GOTO, "", "");
    type(&p, "28c");
    assert_int_equal(prompt_key(&p, KEYCODE_ENTER), PROMPT_ENTERED);
    prompt_open(&p, PROMPT_GOTO, "", "");
    type(&p, "x");
    prompt_key(&p, KEYCODE_UP);
    assert_string_equal(p.text, "28c");
    assert_int_equal(prompt_key(&p, KEYCODE_ESC), PROMPT_LEFT);
    assert_int_equal(p.kind, PROMPT_CLOSED);
}

static void all_entries_can_be_brought_back_each_kind_its_own(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };
    static const char *const typed[] = { "a", "b", "b", "c" };

    (void)state;
    for (int i = 0; i < 4; i++) {
        prompt_open(&p, PROMPT_GOTO, typed[i], "");
        assert_int_equal(prompt_key(&p, KEYCODE_ENTER), PROMPT_ENTERED);
    }
    prompt_open(&p, PROMPT_SEARCH, "", "");
    prompt_key(&p, KEYCODE_UP);
    assert_string_equal(p.text, "");
    prompt_open(&p, PROMPT_GOTO, "", "");
    for (int i = 0; i < 9; i++)
        prompt_key(&p, KEYCODE_UP);
    assert_string_equal(p.text, "a");
    prompt_key(&p, KEYCODE_DOWN);
    assert_string_equal(p.text, "b");
    prompt_key(&p, KEYCODE_DOWN);
    assert_string_equal(p.text, "c");
    prompt_key(&p, KEYCODE_DOWN);
    assert_string_equal(p.text, "");
}

static void tab_goes_through_what_begins_as_typed(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_GOTO, "l", "");
    prompt_key(&p, KEYCODE_TAB);
    assert_string_equal(p.text, "L1[");
    prompt_key(&p, KEYCODE_TAB);
    assert_string_equal(p.text, "L2[");
    prompt_key(&p, KEYCODE_TAB);
    assert_string_equal(p.text, "L1[");
    prompt_key(&p, '3');
    prompt_key(&p, KEYCODE_TAB);
    assert_string_equal(p.text, "L1[3");
    prompt_open(&p, PROMPT_SEARCH, "l", "");
    prompt_key(&p, KEYCODE_TAB);
    assert_string_equal(p.text, "l");
}

static void backspace_in_an_empty_line_leaves(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };

    (void)state;
    prompt_open(&p, PROMPT_GOTO, "a", "");
    assert_int_equal(prompt_key(&p, KEYCODE_BACKSPACE), PROMPT_GOES_ON);
    assert_int_equal(prompt_key(&p, KEYCODE_BACKSPACE), PROMPT_LEFT);
}

static void the_cursor_of_a_long_line_stays_on_the_screen(void **state)
{
    struct prompt p = { .kind = PROMPT_CLOSED };
    struct grid g;
    struct area a;

    (void)state;
    prompt_open(&p, PROMPT_GOTO, "", "");
    for (int i = 0; i < 100; i++)
        prompt_key(&p, 'x');
    for (int w = 1; w < 40; w++) {
        assert_true(grid_init(&g, 1, w, false));
        a = grid_area(&g);
        prompt_draw(&p, &a);
        assert_int_equal(g.cur_x, w - 1);
        grid_free(&g);
    }
}

static void history_forgets_the_oldest(void **state)
{
    struct history h = { NULL, 0 };
    struct stop s = { .view = VIEW_HEX };

    (void)state;
    for (uint64_t i = 0; i < HISTORY_MAX + 10; i++) {
        s.place.i = i;
        history_push(&h, &s);
    }
    for (uint64_t i = HISTORY_MAX + 10; i > 10; i--) {
        assert_true(history_pop(&h, &s));
        assert_int_equal(s.place.i, i - 1);
    }
    assert_false(history_pop(&h, &s));
    history_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_text_can_be_edited),
        cmocka_unit_test(characters_are_deleted_whole),
        cmocka_unit_test(a_long_line_is_full_at_the_end_of_its_space),
        cmocka_unit_test(controls_do_not_get_into_the_text),
        cmocka_unit_test(up_brings_the_last_entry_back),
        cmocka_unit_test(all_entries_can_be_brought_back_each_kind_its_own),
        cmocka_unit_test(tab_goes_through_what_begins_as_typed),
        cmocka_unit_test(backspace_in_an_empty_line_leaves),
        cmocka_unit_test(the_cursor_of_a_long_line_stays_on_the_screen),
        cmocka_unit_test(history_forgets_the_oldest),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
