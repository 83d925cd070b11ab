/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What libFuzzer calls, and what replay.c calls in its place. */
#ifndef QCHECK_TESTS_FUZZ_H
#define QCHECK_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one input can go through. What must not happen ends the program. */
struct fuzz_part {
    const char *name;
    bool image;             /* the bytes are an image, which mutate.c knows how to damage */
    void (*run)(const uint8_t *data, size_t size);
};

/* All there are, "all" first; one without a name ends them. */
extern const struct fuzz_part fuzz_parts[];

/* The one that the environment variable FUZZ_PART names; not set: all of them. */
const struct fuzz_part *fuzz_part(void);

/* Takes the bytes through that part. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Damages an image in place where it hurts: `size` bytes, room for `max_size`. Returns the
 * new size. The same seed does the same. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* Changes some bytes without knowing what they are. libFuzzer has it; replay.c has its own. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#endif
