/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writing what the format has names for: fields of structures and entries of tables. */
#ifndef QCHECK_PLAN_EDIT_H
#define QCHECK_PLAN_EDIT_H

#include "base/patch.h"
#include "qcow2/field.h"

/* A field of up to 8 bytes of a structure at host byte `at`. `table` and `field` are names
 * of a field table (qcow2/field.h) that is not one of bits; the value must fit. */
void edit_field(struct patches *step, const char *table, uint64_t at, const char *field,
                uint64_t value);
static inline void edit_header(struct patches *step, const char *field, uint64_t value)
{
    edit_field(step, "header", 0, field, value);
}

/* A big-endian word of 8 bytes, as in L1, L2 and refcount tables. */
void edit_entry(struct patches *step, uint64_t off, uint64_t value);

/* Appends an entry of a table of entries of different lengths to `out`, padded to 8 bytes. One
 * that reaches past the end of the file is refused. */
bool edit_carry(struct source *src, uint64_t off, uint64_t len, struct buf *out,
                struct error *err);

/* Patches for the parts of two pieces of `len` bytes, a multiple of 8, that differ. */
void edit_difference(struct patches *step, uint64_t off, const uint8_t *old,
                     const uint8_t *now, size_t len);

struct image;
struct place;
/* What the entry of a table at a place would say, in brackets, for people. */
void edit_entry_means(const struct image *img, const struct place *p, uint64_t value,
                      struct buf *out);

/* What the bitmap of an extended L2 entry says: "0x1 (0 zero, 1 allocated)". */
void edit_bitmap_text(uint64_t bitmap, struct buf *out);

#endif
