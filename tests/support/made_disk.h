/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Disks with a file system that its own tools made and filled, for witnesses of a rescue. */
#ifndef QCHECK_TESTS_SUPPORT_MADE_DISK_H
#define QCHECK_TESTS_SUPPORT_MADE_DISK_H

#include "support/rescue_memory.h"

#define MADE_START (UINT64_C(1) << 20)      /* where the volume begins on the disk */

struct made_disk {
    uint8_t *bytes;             /* owned */
    size_t size;
};

/* Runs a shell command that makes a file system in the file $part (mib - 1 MiB of zeros), from
 * the files in the folder $root. The test is skipped when `tool` is missing. */
struct made_disk made_disk(const char *tool, const char *command, size_t mib);
void made_disk_free(struct made_disk *d);

/* The clusters of a disk that hold something, shuffled. */
size_t *made_disk_shuffled(const struct made_disk *d, uint32_t cluster, size_t *n);

/* Says where the volume is. */
extern const struct rescue_witness witness_of_made_disk;

/* Asks a witness about the disk in clusters of that size, in the order given (NULL: rising), and
 * fails unless every pin is right and at least `least` of 1000 candidates have one. */
void made_disk_expect(const struct made_disk *d, const struct rescue_witness *w,
                      uint32_t cluster, const size_t *order, size_t n, unsigned least);
/* Fails unless CONTENT is where something is, and what is said to be free is of zeros but for
 * `stale` of 1000 grains. */
void made_disk_expect_marks(struct rescue_memory *m, unsigned stale);
/* Changes bytes of [from, from + len) at random, `times` times, and asks each time: nothing that
 * is CERTAIN is wrong, and nothing is read out of bounds. The disk is as before then. */
void made_disk_mutate(struct made_disk *d, const struct rescue_witness *w, uint32_t cluster,
                      size_t from, size_t len, unsigned times);

#endif
