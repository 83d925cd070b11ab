/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Wraps a source in memory so that it behaves like a sparse file, and pulls a trigger in the
 * middle of things. */
#ifndef QCHECK_TESTS_FUZZ_WRAPPED_H
#define QCHECK_TESTS_FUZZ_WRAPPED_H

#include <stdatomic.h>

#include "base/source.h"

struct wrapping {
    bool sparse;                /* blocks of zeros are holes */
    unsigned cancel_after;      /* requests until *cancel is set; 0: never */
    _Atomic bool *cancel;
};

/* `bytes` are borrowed, `how` as well: it may be changed until the source is closed. */
bool wrapped_open(const uint8_t *bytes, size_t size, struct wrapping *how,
                  struct source **out);

#endif
