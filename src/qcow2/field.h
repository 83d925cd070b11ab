/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Field tables: each on-disk structure described once. From them come the header decoder,
 * the header view, the notes beside the hex view, JSON, printed documentation, "Enter
 * follows this pointer", and the tests' way to damage a field by name. */
#ifndef QCHECK_QCOW2_FIELD_H
#define QCHECK_QCOW2_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum field_kind {
    FIELD_NUMBER,           /* plain number */
    FIELD_BYTES,            /* a length in bytes */
    FIELD_COUNT,            /* number of things (entries, clusters, bits) */
    FIELD_OFFSET,           /* host byte offset */
    FIELD_LOG2,             /* exponent of 2, of a number of bytes */
    FIELD_LOG2_BITS,        /* exponent of 2, of a number of bits */
    FIELD_ENUM,             /* one of `names` */
    FIELD_MASK,             /* bits by `names` */
    FIELD_MAGIC,
    FIELD_TIME,             /* seconds since 1970 */
    FIELD_NSEC,
    FIELD_TEXT,             /* bytes of a name; width 0: another field has its length */
    FIELD_RESERVED,         /* must be zero */
    FIELD_FLAG,             /* one bit, in bit tables */
};

/* What an offset points to: where Enter goes. */
enum field_target {
    TARGET_NONE, TARGET_L1_TABLE, TARGET_L2_TABLE, TARGET_REFTABLE, TARGET_REFBLOCK,
    TARGET_SNAPSHOT_TABLE, TARGET_BITMAP_DIR, TARGET_BITMAP_TABLE, TARGET_BITMAP_DATA,
    TARGET_CRYPTO_HEADER, TARGET_DATA, TARGET_COMPRESSED, TARGET_TEXT,
};

struct field_name { uint64_t value; const char *name; };    /* bit number or enum value */

struct field {
    const char *name;               /* as in the specification */
    uint16_t off;                   /* bytes from the start; in bit tables: lowest bit */
    uint16_t width;                 /* bytes (bit tables: bits); 0: variable */
    enum field_kind kind;
    uint8_t since;                  /* first version that has it: 2 or 3 */
    enum field_target target;
    const struct field_name *names; /* FIELD_ENUM, FIELD_MASK; ends with name NULL */
    const char *meaning;            /* one line */
    const char *detail;             /* a paragraph for people who learn; may be NULL */
};

struct field_table {
    const char *id;                 /* "header", "l1-entry", ... stable */
    const char *title;              /* "Image header" */
    const char *spec;               /* section of the specification */
    bool bits;                      /* fields are bit ranges of one big-endian word */
    uint16_t word;                  /* width of that word in bytes (bit tables) */
    const struct field *field;
    size_t n;
};

/* All of them; ids: header, header-ext, feature-name, bitmaps-ext, crypto-ext,
 * l1-entry, l2-entry, l2-entry-extended (the bitmap word), compressed-descriptor,
 * reftable-entry, snapshot, snapshot-extra, bitmap-dir-entry, bitmap-table-entry. */
const struct field_table *field_table(const char *id);      /* NULL: no such table */
const struct field_table *field_table_at(size_t i);         /* NULL past the last */

/* The compressed-descriptor table for clusters of 2^cluster_bits bytes (9 to 21): the
 * border between offset and size moves with it. field_table() has that of 64 KiB
 * clusters. */
const struct field_table *field_table_compressed(uint32_t cluster_bits);

/* Value of a field in the bytes of its structure (bit tables: of its word); bytes that
 * `len` does not reach count as 0. Wider than 8 bytes or width 0: 0. Offsets in bit
 * tables are byte offsets: they stand where they are, unshifted. */
uint64_t field_value(const struct field_table *t, const struct field *f,
                     const uint8_t *bytes, size_t len);

/* Value in words: "16 (64 KiB)", "0x30000 (196608)", "dirty, extended L2 entries"...
 * Bytes of text (FIELD_TEXT) are not a value: show them with text_visible. */
void field_describe(const struct field *f, uint64_t value, struct buf *out);

/* NULL: none. Fields of variable length are found as parts, below. */
const struct field *field_named(const struct field_table *t, const char *name);

/* One structure somewhere in the file, cut into parts: what the header view lists and the
 * hex view outlines. */
struct part {
    const struct field_table *table;
    const struct field *field;
    uint64_t off;                   /* host byte */
    uint64_t len;                   /* bytes */
    uint64_t value;                 /* for fields of up to 8 bytes */
    uint32_t index;                 /* number of the structure among its like */
};

struct parts { struct part *list; size_t n; };              /* owned */

struct image;
/* Parts of the whole header area: header fields, every extension with its fields, and
 * the backing file name, by rising offset but for the last. `index` counts the
 * extensions, and the records of a feature name table. False when memory runs out.
 * Free with parts_free. */
bool parts_of_header(const struct image *img, struct parts *out);
/* Parts of the entry of snapshot / bitmap number i. */
bool parts_of_snapshot(const struct image *img, size_t i, struct parts *out);
bool parts_of_bitmap(const struct image *img, size_t i, struct parts *out);
void parts_free(struct parts *p);

#endif
