/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/jw.h"

struct sink {
    FILE *f;
    char *text;
    size_t len;
    struct out out;
    struct jw j;
};

static void sink_open(struct sink *s)
{
    memset(s, 0, sizeof *s);
    s->f = open_memstream(&s->text, &s->len);
    assert_non_null(s->f);
    s->out.f = s->f;
    s->j.out = &s->out;
}

/* Ends writing; the caller frees s->text. */
static void sink_close(struct sink *s)
{
    assert_true(out_end(&s->out, NULL));
    fclose(s->f);
}

static void expect(struct sink *s, const char *wanted)
{
    sink_close(s);
    assert_string_equal(s->text, wanted);
    free(s->text);
}

static void objects_and_arrays_nest_with_four_spaces(void **state)
{
    struct sink s;

    (void)state;
    sink_open(&s);
    jw_object(&s.j, NULL);
    jw_u64(&s.j, "a", 1);
    jw_array(&s.j, "b");
    jw_bool(&s.j, NULL, true);
    jw_bool(&s.j, NULL, false);
    jw_close(&s.j);
    jw_close(&s.j);
    expect(&s, "{\n    \"a\": 1,\n    \"b\": [\n        true,\n        false\n    ]\n}\n");
}

static void empty_ones_stay_on_one_line(void **state)
{
    struct sink s;

    (void)state;
    sink_open(&s);
    jw_array(&s.j, NULL);
    jw_close(&s.j);
    expect(&s, "[]\n");
}

static void a_flat_object_keeps_everything_inside_on_its_line(void **state)
{
    struct sink s;

    (void)state;
    sink_open(&s);
    jw_object_flat(&s.j, NULL);
    jw_array(&s.j, "x");
    jw_u64(&s.j, NULL, 1);
    jw_u64(&s.j, NULL, 2);
    jw_close(&s.j);
    jw_hex(&s.j, "y", UINT64_C(0x8000000000050000));
    jw_close(&s.j);
    expect(&s, "{\"x\": [1, 2], \"y\": \"0x8000000000050000\"}\n");
}

static void the_largest_number_is_exact(void **state)
{
    struct sink s;

    (void)state;
    sink_open(&s);
    jw_array_flat(&s.j, NULL);
    jw_u64(&s.j, NULL, UINT64_MAX);
    jw_close(&s.j);
    expect(&s, "[18446744073709551615]\n");
}

static void an_address_that_is_none_is_left_out(void **state)
{
    struct sink s;

    (void)state;
    sink_open(&s);
    jw_object_flat(&s.j, NULL);
    jw_address(&s.j, "here", 5);
    jw_address(&s.j, "nowhere", UINT64_MAX);
    jw_close(&s.j);
    expect(&s, "{\"here\": 5}\n");
}

/* Writes the bytes as a string and gives what a JSON parser reads. */
static json_t *round_trip(const void *bytes, size_t len)
{
    struct sink s;
    json_t *value;

    sink_open(&s);
    jw_array_flat(&s.j, NULL);
    jw_bytes(&s.j, NULL, bytes, len);
    jw_close(&s.j);
    sink_close(&s);
    for (size_t i = 0; i < s.len; i++)
        assert_true((unsigned char)s.text[i] < 127);
    value = json_loads(s.text, JSON_ALLOW_NUL, NULL);
    assert_non_null(value);
    free(s.text);
    return value;
}

static void valid_text_comes_back_unchanged(void **state)
{
    static const char text[] =
        "quote \" backslash \\ tab \t nul \0 del \x7f caf\xc3\xa9 \xf0\x9f\x98\x80";
    json_t *v = round_trip(text, sizeof text - 1);
    json_t *s = json_array_get(v, 0);

    (void)state;
    assert_int_equal(json_string_length(s), sizeof text - 1);
    assert_memory_equal(json_string_value(s), text, sizeof text - 1);
    json_decref(v);
}

static void each_byte_that_is_no_utf8_becomes_the_replacement_character(void **state)
{
    static const struct { const char *in, *out; } cases[] = {
        { "a\x80z", "a\xef\xbf\xbdz" },
        { "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                     /* overlong */
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },     /* surrogate */
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },                     /* cut short */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *v = round_trip(cases[i].in, strlen(cases[i].in));

        assert_string_equal(json_string_value(json_array_get(v, 0)), cases[i].out);
        json_decref(v);
    }
}

static void a_full_device_is_told(void **state)
{
    FILE *f = fopen("/dev/full", "w");
    struct out out = { f, 0 };
    struct error err = { 0 };

    (void)state;
    if (!f)
        skip();
    out_puts(&out, "x");
    assert_false(out_end(&out, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_false(out_ok(&out));
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_arrays_nest_with_four_spaces),
        cmocka_unit_test(empty_ones_stay_on_one_line),
        cmocka_unit_test(a_flat_object_keeps_everything_inside_on_its_line),
        cmocka_unit_test(the_largest_number_is_exact),
        cmocka_unit_test(an_address_that_is_none_is_left_out),
        cmocka_unit_test(valid_text_comes_back_unchanged),
        cmocka_unit_test(each_byte_that_is_no_utf8_becomes_the_replacement_character),
        cmocka_unit_test(a_full_device_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
