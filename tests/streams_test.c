/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/streams.h"

static uint32_t set_of(const char *letters)
{
    uint32_t set = 0;

    assert_true(streams_parse(letters, &set, NULL));
    return set;
}

static void every_letter_of_the_classic_program_is_there(void **state)
{
    static const char letters[] = "fwshipcdHLlR210MDVFAUE";

    (void)state;
    assert_int_equal(strlen(letters), N_STREAMS);
    assert_int_equal(set_of(letters), (UINT32_C(1) << N_STREAMS) - 1);
}

static void letters_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < N_STREAMS; i++)
        for (int k = 0; k < i; k++)
            assert_true(stream_info((enum stream)i)->letter !=
                        stream_info((enum stream)k)->letter);
}

static void errors_and_debugging_go_to_standard_error(void **state)
{
    (void)state;
    for (int i = 0; i < N_STREAMS; i++) {
        const struct stream_info *s = stream_info((enum stream)i);

        assert_int_equal(s->to_stderr, strchr("fwd", s->letter) != NULL);
    }
}

static void presets_switch_on_what_they_always_did(void **state)
{
    (void)state;
    assert_int_equal(set_of(preset_by_letter('s')->letters), 0);
    assert_int_equal(set_of(preset_by_letter('q')->letters), set_of("fw"));
    assert_int_equal(set_of(preset_by_letter('b')->letters), set_of("fwshiHLR"));
    assert_int_equal(set_of(preset_by_letter('v')->letters), set_of("fwshiHLRpc"));
    assert_int_equal(set_of(preset_by_letter('x')->letters),
                     ((UINT32_C(1) << N_STREAMS) - 1) & ~STREAM_BIT(DEBUG));
    assert_null(preset_by_letter('z'));
}

static void a_letter_that_is_no_filter_is_named(void **state)
{
    struct error err;
    uint32_t set = 77;

    (void)state;
    assert_false(streams_parse("fwz", &set, &err));
    assert_string_equal(err.text, "there is no filter 'z'");
    assert_int_equal(set, 77);
    assert_false(streams_parse("\x1b", &set, &err));
    assert_string_equal(err.text, "there is no filter \\x1b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_of_the_classic_program_is_there),
        cmocka_unit_test(letters_are_unique),
        cmocka_unit_test(errors_and_debugging_go_to_standard_error),
        cmocka_unit_test(presets_switch_on_what_they_always_did),
        cmocka_unit_test(a_letter_that_is_no_filter_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
