/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Checked arithmetic and loads of integers. Every number that came from a file goes
 * through these before it is added, multiplied, shifted or compared. */
#ifndef QCHECK_BASE_NUM_H
#define QCHECK_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loads an unsigned big-endian integer of 1 to 8 bytes. */
static inline uint64_t be_load(const void *at, size_t width)
{
    const uint8_t *p = at;
    uint64_t v = 0;

    for (size_t i = 0; i < width; i++)
        v = v << 8 | p[i];
    return v;
}

/* ... little-endian, for what lies on a guest's disk. */
static inline uint64_t le_load(const void *at, size_t width)
{
    const uint8_t *p = at;
    uint64_t v = 0;

    while (width--)
        v = v << 8 | p[width];
    return v;
}

static inline bool bytes_all_zero(const void *at, size_t len)
{
    const uint8_t *p = at;

    return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

/* Stores the low `width` bytes of v, 1 to 8, big endian. */
static inline void be_store(void *at, size_t width, uint64_t v)
{
    uint8_t *p = at;

    for (size_t i = width; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

/* The three widths of the hot loops; compilers turn each into one load and a byte
 * swap. */
static inline uint64_t be64(const void *at)
{
    uint64_t v;

    memcpy(&v, at, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint32_t be32(const void *at)
{
    return (uint32_t)be_load(at, 4);
}

static inline uint16_t be16(const void *at)
{
    return (uint16_t)be_load(at, 2);
}

/* *out = a + b; false (and *out untouched) when that does not fit. */
static inline bool u64_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/* *out = a * b; false (and *out untouched) when that does not fit. */
static inline bool u64_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* Is [off, off+len) inside [0, size)? An empty range at `size` is inside. */
static inline bool range_inside(uint64_t off, uint64_t len, uint64_t size)
{
    return off <= size && len <= size - off;
}

/* What part of `total` is done, 0 to 1000. */
static inline uint64_t u64_permille(uint64_t done, uint64_t total)
{
    return done >= total ? 1000 : (uint64_t)((double)done / (double)total * 1000);
}

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* For sorting: less than, equal to or more than 0, as a stands to b. */
static inline int u64_order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* ceil(a / b) without overflow; b > 0. */
static inline uint64_t div_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* a rounded up to a multiple of b (> 0); UINT64_MAX when that does not fit. */
static inline uint64_t round_up(uint64_t a, uint64_t b)
{
    uint64_t n = div_up(a, b);

    return n > UINT64_MAX / b ? UINT64_MAX : n * b;
}

#endif
