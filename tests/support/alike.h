/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Images for tests of causes, one at a time: made, damaged in the way of a cause or in one that
 * looks like it, opened, and taken back by end(). */
#ifndef QCHECK_TESTS_SUPPORT_ALIKE_H
#define QCHECK_TESTS_SUPPORT_ALIKE_H

#include "support/image_builder.h"

extern struct builder *built;           /* the bytes of the image at hand */

struct image *open_built(void);
struct image *open_source(struct source *src);
void end(struct image *img);

#define N_TABLES 6

void make(struct builder_options opt);
/* Six tables with 24 clusters of data in each. */
void full(void);
uint64_t table(uint64_t i);             /* host byte of L2 table i */
void fill(uint64_t off, uint64_t len, uint64_t word);
uint64_t entry(uint64_t guest_cluster);
void set_bit(const char *field, uint64_t bit);
/* Frees a cluster of the guest, as a discard does. */
void discard(uint64_t guest_cluster);
/* n clusters at the end that count as free and hold this word. */
void behind(uint64_t n, uint64_t word);
void lost_refcounts(void);

/* --- the storage; NULL: this system cannot --- */

/* QEMU's lock is held on it by another descriptor. */
struct image *held_for_writing(void);
struct image *held_for_reading(void);
struct image *a_table_cannot_be_read(void);
struct image *only_data_cannot_be_read(void);
struct image *three_holes(void);        /* clusters of data that are holes of the file */
struct image *preallocated(void);       /* nearly all are */

#endif
