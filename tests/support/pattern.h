/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Bytes that tell where they come from, for tests of reading. */
#ifndef QCHECK_TESTS_PATTERN_H
#define QCHECK_TESTS_PATTERN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/source.h"

static inline uint8_t byte_at(uint64_t off)
{
    return (uint8_t)(off * 7 + (off >> 8) * 13 + 1);
}

static inline uint8_t *make_bytes(size_t len)
{
    uint8_t *bytes = malloc(len);

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

static inline void assert_bytes(const uint8_t *got, uint64_t off, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (got[i] != byte_at(off + i))
            fail_msg("byte %zu of the read at %llu is wrong", i, (unsigned long long)off);
}

static inline void assert_zeros(const uint8_t *got, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(got[i], 0);
}

static inline void check_reads_past_the_end(struct source *src, size_t len)
{
    uint8_t out[1000];
    struct source_req req[] = {
        { .off = len - 100, .len = sizeof out, .dst = out },
        { .off = len, .len = 10, .dst = out + 900 },
        { .off = UINT64_MAX - 3, .len = 10, .dst = out + 900 },
    };

    memset(out, 0xee, sizeof out);
    source_read_many(src, req, 1);
    assert_int_equal(req[0].error, 0);
    assert_int_equal(req[0].got, 100);
    assert_bytes(out, len - 100, 100);
    assert_zeros(out + 100, sizeof out - 100);
    memset(out, 0xee, sizeof out);
    source_read_many(src, req + 1, 2);
    assert_int_equal(req[1].error, 0);
    assert_int_equal(req[1].got, 0);
    assert_int_equal(req[2].got, 0);
    assert_zeros(out + 900, 10);
    assert_int_equal(out[899], 0xee);
    assert_true(source_read(src, UINT64_MAX, out, 1, NULL));
}

/* Many requests in any order, with neighbours, gaps and overlaps. */
static inline void check_many(struct source *src, size_t len)
{
    enum { N = 300 };
    static uint8_t out[N][700];
    struct source_req req[N];
    uint32_t seed = 7;

    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < N; i++) {
            seed = seed * 1664525 + 1013904223;
            req[i] = (struct source_req){ .off = (seed >> 8) % (len + 500),
                                          .len = 1 + seed % 700, .dst = out[i] };
            if (round == 0)
                req[i].off = i * 512;
            memset(out[i], 0xee, sizeof out[i]);
        }
        source_read_many(src, req, N);
        for (size_t i = 0; i < N; i++) {
            size_t there = 0;

            if (req[i].off < len)
                there = (size_t)u64_min(req[i].len, len - req[i].off);
            assert_int_equal(req[i].error, 0);
            assert_int_equal(req[i].got, there);
            assert_bytes(out[i], req[i].off, there);
            assert_zeros(out[i] + there, req[i].len - there);
        }
    }
}

static inline struct source *memory(const void *bytes, size_t len)
{
    struct source *src = NULL;

    assert_true(source_open_memory(bytes, len, "test", &src, NULL));
    return src;
}

static inline struct source *failing(struct source *inner, uint64_t off, uint64_t len)
{
    struct source *src = NULL;

    assert_true(source_open_failing(inner, off, len, &src, NULL));
    return src;
}

#endif
