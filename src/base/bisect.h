/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Looking for a place in a sorted list. */
#ifndef QCHECK_BASE_BISECT_H
#define QCHECK_BASE_BISECT_H

#include <stdint.h>

/* Sets `at` to the first index below n for which `holds` is true; n: there is none. `holds` is
 * an expression of the index `i`, false up to some index and true from there on:
 *
 *     BISECT(at, list->n, i, list->entry[i].end > off);
 */
#define BISECT(at, n, i, holds)                         \
    do {                                                \
        uint64_t low_ = 0, high_ = (n);                 \
        while (low_ < high_) {                          \
            uint64_t i = low_ + (high_ - low_) / 2;     \
            if (holds)                                  \
                high_ = i;                              \
            else                                        \
                low_ = i + 1;                           \
        }                                               \
        (at) = low_;                                    \
    } while (0)

#endif
