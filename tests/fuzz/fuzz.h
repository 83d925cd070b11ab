/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What libFuzzer calls, and what replay.c calls in its place. */
#ifndef QCHECK_TESTS_FUZZ_H
#define QCHECK_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Opens the bytes as an image, scans it, and shows it in every way there is. Returns 0; what
 * must not happen ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Damages an image in place where it hurts: `size` bytes, room for `max_size`. Returns the
 * new size. The same seed does the same. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Changes some bytes without knowing what they are. libFuzzer has it; replay.c has its own. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
