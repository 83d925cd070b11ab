/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ui/hex_values.h"

/* The text of a row; "" where there is none of this name. */
static const char *value(const uint8_t *bytes, size_t len, const char *name)
{
    static struct hex_value row[HEX_VALUES_MAX];
    size_t n = hex_values(bytes, len, row);

    assert_true(n <= HEX_VALUES_MAX);
    for (size_t i = 0; i < n; i++)
        if (strcmp(row[i].name, name) == 0)
            return row[i].text;
    return "";
}

static void numbers_are_read_in_both_orders_and_with_their_sign(void **state)
{
    static const uint8_t b[8] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };

    (void)state;
    assert_string_equal(value(b, 8, "8 bit"), "254 or -2");
    assert_string_equal(value(b, 8, "16 bit le"), "65534 or -2");
    assert_string_equal(value(b, 8, "16 bit be"), "65279 or -257");
    assert_string_equal(value(b, 8, "32 bit le"), "4294967294 or -2");
    assert_string_equal(value(b, 8, "64 bit le"), "9223372036854775806");
    assert_string_equal(value(b, 8, "64 bit be"), "18374686479671623551 or -72057594037928065");
}

static void times_are_told_in_utc_or_not_at_all(void **state)
{
    static const uint8_t unix_be[4] = { 0x65, 0x92, 0x00, 0x80 };
    /* 1601-01-01 and a second */
    static const uint8_t ntfs[8] = { 0x80, 0x96, 0x98, 0, 0, 0, 0, 0 };
    static const uint8_t far[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    (void)state;
    assert_string_equal(value(unix_be, 4, "Unix be"), "2024-01-01 00:00:00");
    assert_string_equal(value(ntfs, 8, "NTFS"), "1601-01-01 00:00:01");
    assert_string_equal(value(far, 8, "NTFS"), "-");
}

static void identifiers_are_read_as_on_disk_and_as_in_partition_tables(void **state)
{
    static const uint8_t efi[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };

    (void)state;
    assert_string_equal(value(efi, 16, "UUID"), "28732ac1-1ff8-d211-ba4b-00a0c93ec93b");
    assert_string_equal(value(efi, 16, "GUID"), "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
}

static void few_bytes_have_few_rows(void **state)
{
    static const uint8_t b[3] = { 'Q', 'F', 'I' };
    struct hex_value row[HEX_VALUES_MAX];

    (void)state;
    assert_int_equal(hex_values(b, 0, row), 0);
    assert_string_equal(value(b, 3, "text"), "QFI");
    assert_string_equal(value(b, 3, "16 bit be"), "20806");
    assert_string_equal(value(b, 3, "32 bit be"), "");
    assert_string_equal(value(b, 3, "UUID"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_both_orders_and_with_their_sign),
        cmocka_unit_test(times_are_told_in_utc_or_not_at_all),
        cmocka_unit_test(identifiers_are_read_as_on_disk_and_as_in_partition_tables),
        cmocka_unit_test(few_bytes_have_few_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
