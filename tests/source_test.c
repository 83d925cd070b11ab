/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/source.h"

#include <errno.h>

#include "support/pattern.h"

static void memory_reads_zeros_past_its_end(void **state)
{
    uint8_t *bytes = make_bytes(5000);
    struct source *src = memory(bytes, 5000);

    (void)state;
    check_reads_past_the_end(src, 5000);
    source_close(src);
    free(bytes);
}

static void an_io_error_is_confined_to_its_sector(void **state)
{
    uint8_t *bytes = make_bytes(100000);
    struct source *src = failing(memory(bytes, 100000), 20000, 1);
    static uint8_t out[65536];
    struct source_req req = { .off = 100, .len = sizeof out, .dst = out };
    const uint64_t bad = 20000 / 512 * 512;

    (void)state;
    memset(out, 0xee, sizeof out);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, EIO);
    assert_bytes(out, 100, (size_t)(bad - 100));
    assert_zeros(out + (bad - 100), 512);
    assert_bytes(out + (bad - 100) + 512, bad + 512,
                 sizeof out - (size_t)(bad - 100) - 512);
    source_close(src);
    free(bytes);
}

static void an_io_error_does_not_touch_the_other_requests_of_a_batch(void **state)
{
    uint8_t *bytes = make_bytes(100000);
    struct source *src = failing(memory(bytes, 100000), 4096, 4096);
    static uint8_t out[3][4096];
    struct source_req req[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        req[i] = (struct source_req){ .off = i * 4096, .len = 4096, .dst = out[i] };
    source_read_many(src, req, 3);
    assert_int_equal(req[0].error, 0);
    assert_int_equal(req[1].error, EIO);
    assert_int_equal(req[2].error, 0);
    assert_bytes(out[0], 0, 4096);
    assert_zeros(out[1], 4096);
    assert_bytes(out[2], 8192, 4096);
    source_close(src);
    free(bytes);
}

static void failing_ranges_can_be_stacked(void **state)
{
    uint8_t *bytes = make_bytes(100000);
    struct source *src = failing(failing(memory(bytes, 100000), 0, 1), 90000, 1);
    uint8_t out[16];
    struct error err;

    (void)state;
    assert_false(source_read(src, 0, out, sizeof out, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(err.sys, EIO);
    assert_false(source_read(src, 89999, out, sizeof out, NULL));
    assert_true(source_read(src, 50000, out, sizeof out, NULL));
    assert_bytes(out, 50000, sizeof out);
    source_close(src);
    free(bytes);
}

static void a_wholly_unreadable_range_ends_after_a_bounded_number_of_reads(void **state)
{
    const size_t len = 4 << 20;
    uint8_t *bytes = make_bytes(len), *out = malloc(len);
    struct source *src = failing(memory(bytes, len), 0, len);
    struct source_req req = { .off = 0, .len = len, .dst = out };
    uint64_t requests, total;

    (void)state;
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, EIO);
    assert_zeros(out, len);
    source_counters(src, &requests, &total);
    assert_true(requests < 1000);
    assert_int_equal(total, 0);
    source_close(src);
    free(out);
    free(bytes);
}

static void small_reads_through_a_memory_ask_once_for_what_lies_near_by(void **state)
{
    uint8_t *bytes = make_bytes(300000);
    struct source *inner = memory(bytes, 300000), *src;
    uint64_t before, after, total;
    uint8_t out[5000];

    (void)state;
    assert_true(source_open_memo(inner, &src, NULL));
    source_counters(inner, &before, &total);
    for (uint64_t off = 0; off < 20000; off += 100) {
        assert_true(source_read(src, off, out, 300, NULL));
        assert_bytes(out, off, 300);
    }
    source_counters(inner, &after, &total);
    assert_int_equal(after - before, 2);
    assert_true(source_read(src, 16384 - 2500, out, 5000, NULL));   /* a long one */
    assert_bytes(out, 16384 - 2500, 5000);
    check_reads_past_the_end(src, 300000);
    source_close(src);
    source_close(inner);
    free(bytes);
}

static void a_memory_does_not_spread_an_io_error(void **state)
{
    uint8_t *bytes = make_bytes(100000);
    struct source *inner = failing(memory(bytes, 100000), 20000, 1), *src;
    uint8_t out[512];

    (void)state;
    assert_true(source_open_memo(inner, &src, NULL));
    assert_true(source_read(src, 18000, out, 512, NULL));
    assert_bytes(out, 18000, 512);
    assert_false(source_read(src, 19968, out, 512, NULL));
    source_close(src);
    source_close(inner);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_reads_zeros_past_its_end),
        cmocka_unit_test(an_io_error_is_confined_to_its_sector),
        cmocka_unit_test(an_io_error_does_not_touch_the_other_requests_of_a_batch),
        cmocka_unit_test(failing_ranges_can_be_stacked),
        cmocka_unit_test(small_reads_through_a_memory_ask_once_for_what_lies_near_by),
        cmocka_unit_test(a_memory_does_not_spread_an_io_error),
        cmocka_unit_test(a_wholly_unreadable_range_ends_after_a_bounded_number_of_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
