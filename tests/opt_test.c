/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/opt.h"

static const struct opt rows_a[] = {
    { 'q', "quiet", ARG_NONE, NULL, NULL, "say less" },
    { 300, "output", ARG_REQUIRED, "FORMAT", "text|json", "text or json" },
};
static const struct opt rows_b[] = {
    { 301, "progress", ARG_OPTIONAL, "auto|json", "auto|json", "progress" },
    { 'l', "log", ARG_REQUIRED, "FILTERS", NULL, "filters" },
};
static const struct opt_group a = { "First", rows_a, 2 }, b = { "Second", rows_b, 2 };
static const struct command cmd = { "test", "[OPTION]... IMAGE", "a test", "Does a test.",
                                    NULL, { &a, &b }, NULL };

/* Parses the words, writes the ids as a string of words, then "|" and the operands. */
static void parse(const char *const *word, int n, struct buf *out, struct error *err)
{
    struct opt_parser p;
    char *argv[16];
    char copy[16][32];
    int id, left;

    for (int i = 0; i < n; i++) {
        snprintf(copy[i], sizeof copy[i], "%s", word[i]);
        argv[i] = copy[i];
    }
    argv[n] = NULL;
    assert_true(opt_begin(&p, &cmd, n, argv, err));
    while ((id = opt_next(&p, err)) >= 0)
        buf_printf(out, "%d%s%s ", id, p.arg ? "=" : "", p.arg ? p.arg : "");
    if (id == OPT_BAD) {
        buf_puts(out, "bad");
    } else {
        char **rest = opt_operands(&p, &left);

        buf_putc(out, '|');
        for (int i = 0; i < left; i++)
            buf_printf(out, " %s", rest[i]);
    }
    opt_end(&p);
}

#define PARSED(wanted, ...) do { \
        const char *const words_[] = { "test", __VA_ARGS__ }; \
        struct buf out_ = BUF_INIT; \
        struct error err_; \
        parse(words_, sizeof words_ / sizeof words_[0], &out_, &err_); \
        assert_string_equal(buf_str(&out_), wanted); \
        buf_free(&out_); \
    } while (0)

#define REFUSED(message, ...) do { \
        const char *const words_[] = { "test", __VA_ARGS__ }; \
        struct buf out_ = BUF_INIT; \
        struct error err_; \
        parse(words_, sizeof words_ / sizeof words_[0], &out_, &err_); \
        assert_non_null(strstr(buf_str(&out_), "bad")); \
        assert_string_equal(err_.text, message); \
        buf_free(&out_); \
    } while (0)

static void options_of_all_groups_are_known(void **state)
{
    (void)state;
    PARSED("113 300=json 301 108=fw | image", "-q", "--output=json", "--progress", "-lfw",
           "image");
}

static void options_may_follow_operands(void **state)
{
    (void)state;
    PARSED("113 | one two", "one", "-q", "two");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    PARSED("| -q", "--", "-q");
}

static void an_unknown_option_is_named(void **state)
{
    (void)state;
    REFUSED("unknown option --nothing", "--nothing=3");
    REFUSED("unknown option -z", "-qz");
    REFUSED("unknown option -z", "-z", "image");
}

static void control_characters_of_an_unknown_option_are_not_printed(void **state)
{
    (void)state;
    REFUSED("unknown option --?[31m", "--\033[31m");
}

static void a_missing_argument_is_told(void **state)
{
    (void)state;
    REFUSED("option --output needs an argument (FORMAT)", "--output");
    REFUSED("option --log needs an argument (FILTERS)", "-l");
}

static void a_superfluous_argument_is_told(void **state)
{
    (void)state;
    REFUSED("option --quiet takes no argument", "--quiet=3");
}

static void only_listed_values_are_taken(void **state)
{
    (void)state;
    REFUSED("--output takes one of text|json", "--output=xml");
    REFUSED("--output takes one of text|json", "--output=tex");
    REFUSED("--output takes one of text|json", "--output=");
    PARSED("301=auto |", "--progress=auto");
}

static void help_shows_every_option_within_80_columns(void **state)
{
    struct buf text = BUF_INIT;
    const char *line;

    (void)state;
    opt_help(&cmd, &text);
    assert_non_null(strstr(buf_str(&text), "Usage: qcheck test [OPTION]... IMAGE"));
    assert_non_null(strstr(buf_str(&text), "-q, --quiet"));
    assert_non_null(strstr(buf_str(&text), "--output=FORMAT"));
    assert_non_null(strstr(buf_str(&text), "--progress[=auto|json]"));
    for (line = buf_str(&text); *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_all_groups_are_known),
        cmocka_unit_test(options_may_follow_operands),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(an_unknown_option_is_named),
        cmocka_unit_test(control_characters_of_an_unknown_option_are_not_printed),
        cmocka_unit_test(a_missing_argument_is_told),
        cmocka_unit_test(a_superfluous_argument_is_told),
        cmocka_unit_test(only_listed_values_are_taken),
        cmocka_unit_test(help_shows_every_option_within_80_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
