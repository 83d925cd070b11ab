/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Numbers that look random, and are the same in every run. */
#ifndef QCHECK_TESTS_PICK_H
#define QCHECK_TESTS_PICK_H

#include <stdint.h>

/* One of [0, n). */
static inline uint64_t pick(uint64_t n)
{
    static uint64_t x = UINT64_C(88172645463325252);

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x % n;
}

#endif
