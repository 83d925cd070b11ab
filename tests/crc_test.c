/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* CRC-32C gives the sums that RFC 3720, B.4 lists. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/crc.h"

static void examples_of_the_standard_agree(void **state)
{
    uint8_t bytes[32];

    (void)state;
    memset(bytes, 0, sizeof bytes);
    assert_int_equal((uint32_t)~crc32c(UINT32_MAX, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal((uint32_t)~crc32c(UINT32_MAX, bytes, 32), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal((uint32_t)~crc32c(UINT32_MAX, bytes, 32), 0x46dd794e);
}

static void a_sum_in_pieces_is_the_sum_of_the_whole(void **state)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    uint32_t whole = crc32c(UINT32_MAX, text, sizeof text);

    (void)state;
    for (size_t at = 0; at <= sizeof text; at++)
        assert_int_equal(crc32c(crc32c(UINT32_MAX, text, at), text + at, sizeof text - at),
                         whole);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_standard_agree),
        cmocka_unit_test(a_sum_in_pieces_is_the_sum_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
