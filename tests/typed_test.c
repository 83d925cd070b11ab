/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>

#include "inspect/typed.h"

#define CLUSTER 4096

static const struct image img = { .geo = { .cluster_size = CLUSTER } };

static void amounts_are_read_with_their_units(void **state)
{
    static const struct { const char *text; uint64_t whole, want; bool clusters; } t[] = {
        { "0", 0, 0, false }, { " 512 ", 0, 512, false }, { "0x1f", 0, 31, false },
        { "1,024", 0, 1024, false }, { "64K", 0, 65536, false }, { "1.5M", 0, 3 << 19, false },
        { "3c", 0, 3 * CLUSTER, true }, { "3C", 0, 3 * CLUSTER, true }, { "3s", 0, 1536, false },
        { "2S", 0, 1024, false }, { "0x3c", 0, 0x3c, false }, { "0c", 0, 0, true },
        { "0%", 1000, 0, false }, { "50%", 1000, 500, false }, { "100%", 1000, 999, false },
        { "99.999%", 100000, 99999, false }, { "12.5%", 1000, 125, false },
        { "0.001%", 1000000, 10, false }, { "33.3%", 3, 0, false }, { "100%", 0, 0, false },
        { "100%", 1, 0, false }, { "50%", UINT64_MAX, UINT64_MAX / 2, false },
        { "100%", UINT64_MAX, UINT64_MAX - 1, false }, { "5%", 100001, 5000, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const struct typed typed = { &img, t[i].text };
        uint64_t got;
        bool clusters;

        if (!typed_amount(&typed, t[i].whole, &got, &clusters))
            fail_msg("%s is not read", t[i].text);
        if (got != t[i].want || clusters != t[i].clusters)
            fail_msg("%s of %" PRIu64 ": %" PRIu64 ", %d", t[i].text, t[i].whole, got, clusters);
    }
}

static void what_is_no_amount_is_not_read(void **state)
{
    static const char *const t[] = {
        "", " ", "c", "s", "%", "-1", "x", "0x", "1x", "1cc", "c3", ".5%", "1.2.3%", "1.0001%",
        "101%", "100.001%", "1,02", "10,24", ",1", "1,", "1,0000", "5%%", "99999999999999999999",
        "18446744073709551615c", "36028797018963968s", "1 2", "1000000%",
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const struct typed typed = { &img, t[i] };
        uint64_t got;
        bool clusters;

        if (typed_amount(&typed, 1000, &got, &clusters))
            fail_msg("'%s' is read as %" PRIu64, t[i], got);
    }
}

static void indices_stand_bare_or_in_brackets(void **state)
{
    static const struct { const char *text; bool ok; uint64_t want; const char *rest; } t[] = {
        { "3", true, 3, "" }, { " 3 x", true, 3, "x" }, { "[3]x", true, 3, "x" },
        { "[ 3 ] x", true, 3, " x" }, { "[0x10]", true, 16, "" }, { "1,024 ", true, 1024, "" },
        { "[3", false, 0, "" }, { "3]", true, 3, "]" }, { "[]", false, 0, "" },
        { "x", false, 0, "" }, { "1,2", false, 0, "" }, { "", false, 0, "" },
        { "99999999999999999999", false, 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct typed typed = { &img, t[i].text };
        uint64_t got = 0;
        bool ok = typed_index(&typed, &got);

        if (ok != t[i].ok || (ok && (got != t[i].want || strcmp(typed.at, t[i].rest) != 0)))
            fail_msg("'%s': %d, %" PRIu64 ", '%s'", t[i].text, ok, got, typed.at);
    }
}

static void words_end_where_no_letter_follows(void **state)
{
    static const struct { const char *text, *word; bool ok; const char *rest; } t[] = {
        { "table 3", "table", true, " 3" }, { "TaBle", "table", true, "" },
        { "tables", "table", false, "" }, { "tab", "table", false, "" },
        { "  table[3]", "table", true, "[3]" }, { "table3", "table", true, "3" },
    };
    struct typed blanks = { &img, " \t x" };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct typed typed = { &img, t[i].text };
        bool ok = typed_word(&typed, t[i].word);

        if (ok != t[i].ok || (ok && strcmp(typed.at, t[i].rest) != 0))
            fail_msg("'%s': %d, '%s'", t[i].text, ok, typed.at);
    }
    assert_false(typed_end(&blanks));
    typed_skip_blanks(&blanks);
    assert_string_equal(blanks.at, "x");
    blanks.at = "  ";
    assert_true(typed_end(&blanks));
    blanks.at = "second";
    assert_true(typed_either(&blanks, "first", "second"));
    blanks.at = "third";
    assert_false(typed_either(&blanks, "first", "second"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_with_their_units),
        cmocka_unit_test(what_is_no_amount_is_not_read),
        cmocka_unit_test(indices_stand_bare_or_in_brackets),
        cmocka_unit_test(words_end_where_no_letter_follows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
