/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/wrap.h"

static void expect(const char *text, size_t col, size_t indent, size_t width,
                   const char *wanted)
{
    struct buf b = BUF_INIT;

    wrap_text(&b, text, col, indent, width);
    assert_string_equal(buf_str(&b), wanted);
    buf_free(&b);
}

static void words_move_to_the_next_line_when_they_do_not_fit(void **state)
{
    (void)state;
    expect("one two three", 0, 0, 7, "one two\nthree\n");
    expect("one two three", 0, 0, 6, "one\ntwo\nthree\n");
}

static void later_lines_are_indented(void **state)
{
    (void)state;
    expect("aa bb cc", 0, 2, 7, "aa bb\n  cc\n");
    expect("aa bb", 4, 2, 9, "aa\n  bb\n");
}

static void a_word_wider_than_the_line_stands_alone(void **state)
{
    (void)state;
    expect("a overlong b", 0, 0, 4, "a\noverlong\nb\n");
}

static void blanks_between_words_count_once(void **state)
{
    (void)state;
    expect("  a   b  ", 0, 0, 20, "a b\n");
    expect("", 0, 0, 20, "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_move_to_the_next_line_when_they_do_not_fit),
        cmocka_unit_test(later_lines_are_indented),
        cmocka_unit_test(a_word_wider_than_the_line_stands_alone),
        cmocka_unit_test(blanks_between_words_count_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
