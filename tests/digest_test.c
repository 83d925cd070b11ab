/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/digest.h"

static void digests_are_sha256(void **state)
{
    struct digest *d;
    uint8_t sum[DIGEST_LEN];
    char text[DIGEST_TEXT];

    (void)state;
    if (!digest_new(&d, NULL))
        skip();
    digest_add(d, "a", 1);
    digest_add(d, "bc", 2);
    digest_end(d, sum);
    digest_text(sum, text);
    /* FIPS 180-4, example of one block */
    assert_string_equal(text,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void zeros_count_as_bytes(void **state)
{
    static const uint8_t zeros[70000];
    struct digest *d;
    uint8_t a[DIGEST_LEN], b[DIGEST_LEN];

    (void)state;
    if (!digest_new(&d, NULL))
        skip();
    digest_add_zeros(d, sizeof zeros);
    digest_end(d, a);
    assert_true(digest_new(&d, NULL));
    digest_add(d, zeros, sizeof zeros);
    digest_end(d, b);
    assert_memory_equal(a, b, DIGEST_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_sha256),
        cmocka_unit_test(zeros_count_as_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
