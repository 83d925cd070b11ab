/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

static void assert_size(uint64_t bytes, const char *wanted)
{
    char text[TEXT_NUM];

    assert_string_equal(text_size(text, bytes), wanted);
}

static void sizes_have_a_unit_and_are_never_rounded_up(void **state)
{
    (void)state;
    assert_size(0, "0 B");
    assert_size(1000, "1000 B");
    assert_size(1023, "1023 B");
    assert_size(1024, "1 KiB");
    assert_size(65536, "64 KiB");
    assert_size(1610612736, "1.5 GiB");
    assert_size((1 << 20) - 1, "1023.9 KiB");
    assert_size(1 << 20, "1 MiB");
    assert_size(UINT64_C(1) << 60, "1 EiB");
    assert_size(UINT64_MAX, "15.9 EiB");
    assert_size(1024 + 102, "1 KiB");           /* 1.0996 */
    assert_size(1024 + 103, "1.1 KiB");
}

static void digits_are_grouped_by_three(void **state)
{
    char text[TEXT_NUM];

    (void)state;
    assert_string_equal(text_group(text, 0), "0");
    assert_string_equal(text_group(text, 999), "999");
    assert_string_equal(text_group(text, 1000), "1,000");
    assert_string_equal(text_group(text, 1226355), "1,226,355");
    assert_string_equal(text_group(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void assert_percent(uint64_t part, uint64_t whole, const char *wanted)
{
    char text[TEXT_NUM];

    assert_string_equal(text_percent(text, part, whole), wanted);
}

static void percentages_do_not_hide_a_little_or_invent_a_whole(void **state)
{
    (void)state;
    assert_percent(0, 0, "0 %");
    assert_percent(5, 0, "0 %");
    assert_percent(0, 5, "0 %");
    assert_percent(1, 1, "100 %");
    assert_percent(31, 1000, "3.1 %");
    assert_percent(1, 1000000, "< 0.1 %");
    assert_percent(999999, 1000000, "99.9 %");
    assert_percent(3, 2, "150 %");
    assert_percent(UINT64_MAX, UINT64_MAX, "100 %");
    assert_percent(UINT64_MAX / 2, UINT64_MAX, "49.9 %");
    assert_percent(UINT64_MAX - 1, UINT64_MAX, "99.9 %");
    assert_percent(UINT64_MAX, 1, "1844674407370955161.5 %");
}

static void assert_parses(const char *text, uint64_t wanted)
{
    uint64_t got = 42;

    assert_true(text_parse_size(text, &got));
    assert_int_equal(got, wanted);
}

static void assert_no_size(const char *text)
{
    uint64_t got = 42;

    assert_false(text_parse_size(text, &got));
    assert_int_equal(got, 42);
}

static void sizes_are_read_as_people_type_them(void **state)
{
    (void)state;
    assert_parses("0", 0);
    assert_parses("1835008", 1835008);
    assert_parses("0x1c0000", 0x1c0000);
    assert_parses("0XfF", 255);
    assert_parses("64k", 65536);
    assert_parses("64K", 65536);
    assert_parses("64KB", 65536);
    assert_parses("64KiB", 65536);
    assert_parses("64 KiB", 65536);
    assert_parses("512B", 512);
    assert_parses("1.5G", UINT64_C(1610612736));
    assert_parses("1.3g", UINT64_C(1395864371));
    assert_parses("0.0009765625m", 1024);
    assert_parses("15E", UINT64_C(15) << 60);
    assert_parses("15.999999999999999999999999999E", UINT64_MAX);
    assert_parses("18446744073709551615", UINT64_MAX);
    assert_parses("0xffffffffffffffff", UINT64_MAX);
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const bad[] = {
        "", " ", "k", "B", "-1", "+1", " 1", "1 ", "0x", "0xg", "0x1k", "1x", "1.5",
        "1.5B", "1.", "1.K", ".5K", "1..5K", "1kk", "1ki", "1kib1", "1  k", "16E",
        "18446744073709551616", "0x10000000000000000", "99999999999999999999", "1,000",
        "64 KiB ", "nan", "1e3", "\xc2\xb2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_no_size(bad[i]);
}

static void assert_visible_len(const char *bytes, size_t len, const char *wanted)
{
    struct buf out = BUF_INIT;

    text_visible(&out, bytes, len);
    assert_string_equal(buf_str(&out), wanted);
    buf_free(&out);
}

static void assert_visible(const char *bytes, const char *wanted)
{
    assert_visible_len(bytes, strlen(bytes), wanted);
}

static void ordinary_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_visible("", "");
    assert_visible("snap-1 (daily)", "snap-1 (daily)");
    assert_visible("Gr\xc3\xb6\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80",
                   "Gr\xc3\xb6\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void control_characters_are_shown_and_a_backslash_is_doubled(void **state)
{
    (void)state;
    assert_visible("a\x1b[31mb", "a\\x1b[31mb");
    assert_visible("a\nb\tc\r\x7f", "a\\x0ab\\x09c\\x0d\\x7f");
    assert_visible("a\\x1b", "a\\\\x1b");
    assert_visible_len("a\0b", 3, "a\\x00b");
}

static void c1_and_bidirectional_and_invisible_characters_are_shown(void **state)
{
    (void)state;
    assert_visible("\xc2\x9b" "31m", "\\u{009b}31m");          /* CSI in one code point */
    assert_visible("\x9b" "31m", "\\x9b31m");
    assert_visible("\xe2\x80\xae" "txt.exe", "\\u{202e}txt.exe");
    assert_visible("\xe2\x81\xa6", "\\u{2066}");
    assert_visible("\xe2\x80\x8b", "\\u{200b}");
    assert_visible("\xef\xbb\xbf", "\\u{feff}");
    assert_visible("\xc2\xad", "\\u{00ad}");
    assert_visible("\xf3\xa0\x81\x81", "\\u{e0041}");          /* tag character */
    assert_visible("\xef\xbf\xbf", "\\u{ffff}");
    assert_visible("\xf0\x93\x90\xb0", "\\u{13430}");
    assert_visible("\xf0\x96\xbf\xa4", "\\u{16fe4}");
    assert_visible("\xe2\xa0\x80", "\\u{2800}");
    assert_visible("\xf0\x9d\x85\x99", "\\u{1d159}");
    assert_visible("\xe1\x86\xa8", "\\u{11a8}");
}

static void of_a_flood_of_combining_marks_only_the_first_are_written(void **state)
{
#define ACUTE "\xcc\x81"
    (void)state;
    assert_visible("e" ACUTE ACUTE ACUTE ACUTE "e", "e" ACUTE ACUTE ACUTE ACUTE "e");
    assert_visible("e" ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE "e" ACUTE,
                   "e" ACUTE ACUTE ACUTE ACUTE "\\u{0301}\\u{0301}e" ACUTE);
}

static void invalid_utf8_is_shown_byte_by_byte(void **state)
{
    (void)state;
    assert_visible("\xff\xfe", "\\xff\\xfe");
    assert_visible("\xc0\xaf", "\\xc0\\xaf");                  /* overlong */
    assert_visible("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
    assert_visible("\xed\xa0\x80", "\\xed\\xa0\\x80");         /* surrogate */
    assert_visible("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    assert_visible("\xe2\x82", "\\xe2\\x82");                  /* cut short */
    assert_visible("\xe2\x82x", "\\xe2\\x82x");
    assert_visible_len("\xf0\x9f\x98\x80", 3, "\\xf0\\x9f\\x98");
}

static void every_byte_string_becomes_printable(void **state)
{
    struct buf out = BUF_INIT;
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[16];

        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(seed >> 24);
        }
        buf_reset(&out);
        text_visible(&out, bytes, sizeof bytes);
        for (size_t i = 0; i < out.len; i++) {
            assert_true((uint8_t)out.data[i] >= 0x20);
            assert_true(out.data[i] != 0x7f);
        }
    }
    buf_free(&out);
}

static void two_sizes_are_told_apart(void **state)
{
    char a[TEXT_NUM], b[TEXT_NUM];

    (void)state;
    text_sizes(a, 65536, b, 1 << 20);
    assert_string_equal(a, "64 KiB");
    assert_string_equal(b, "1 MiB");
    text_sizes(a, 1119989760, b, 1119989761);
    assert_string_equal(a, "1,119,989,760 bytes");
    assert_string_equal(b, "1,119,989,761 bytes");
}

static void times_are_those_of_the_calendar(void **state)
{
    static const struct { int64_t seconds; const char *text; } row[] = {
        { 0, "1970-01-01 00:00:00" }, { -1, "1969-12-31 23:59:59" },
        { 951782400, "2000-02-29 00:00:00" }, { 4107542400, "2100-03-01 00:00:00" },
        { UINT32_MAX, "2106-02-07 06:28:15" },         /* not 1969, where time_t has 32 bits */
        { -2208988800, "1900-01-01 00:00:00" }, { -11644473600, "1601-01-01 00:00:00" },
        { 253402300799, "9999-12-31 23:59:59" }, { -11644473601, "-" }, { 253402300800, "-" },
        { INT64_MIN, "-" }, { INT64_MAX, "-" },
    };
    char out[TEXT_NUM], want[TEXT_NUM];

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_string_equal(text_utc(out, row[i].seconds), row[i].text);
    for (int64_t at = -11644473600; sizeof(time_t) > 4 && at < 253402300800; at += 86399 * 7) {
        time_t t = (time_t)at;
        struct tm tm;

        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(want, sizeof want, "%Y-%m-%d %H:%M:%S", &tm));
        assert_string_equal(text_utc(out, at), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_those_of_the_calendar),
        cmocka_unit_test(two_sizes_are_told_apart),
        cmocka_unit_test(sizes_have_a_unit_and_are_never_rounded_up),
        cmocka_unit_test(digits_are_grouped_by_three),
        cmocka_unit_test(percentages_do_not_hide_a_little_or_invent_a_whole),
        cmocka_unit_test(sizes_are_read_as_people_type_them),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(ordinary_text_stays_as_it_is),
        cmocka_unit_test(control_characters_are_shown_and_a_backslash_is_doubled),
        cmocka_unit_test(c1_and_bidirectional_and_invisible_characters_are_shown),
        cmocka_unit_test(of_a_flood_of_combining_marks_only_the_first_are_written),
        cmocka_unit_test(invalid_utf8_is_shown_byte_by_byte),
        cmocka_unit_test(every_byte_string_becomes_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
