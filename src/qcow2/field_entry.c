/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Table entries: words of 64 bits, cut into ranges of bits. Offsets are given without a
 * shift: the low bits of an aligned offset are zero, which is where the flags live. */
#include "config.h"

#include "qcow2/field_tables.h"

static const struct field L1_ENTRY[] = {
    { "copied", 63, 1, FIELD_FLAG, 2, TARGET_NONE, NULL,
      "Set when the refcount of the L2 table is exactly 1.",
      "It saves looking up the refcount before writing: a table used only once may be "
      "changed in place, a shared one must be copied first. In snapshots it means "
      "nothing." },
    { "reserved", 56, 7, FIELD_RESERVED, 2, TARGET_NONE, NULL, "Must be zero.", NULL },
    { "l2_offset", 9, 47, FIELD_OFFSET, 2, TARGET_L2_TABLE, NULL,
      "Where the L2 table starts; 0: none, this part of the disk is unallocated.",
      "One L2 table fills one cluster. With clusters of 64 KiB it has 8192 entries and "
      "covers 512 MiB of the disk." },
    { "reserved_low", 0, 9, FIELD_RESERVED, 2, TARGET_NONE, NULL,
      "Must be zero: the table starts at a cluster.", NULL },
};

const struct field_table FIELDS_L1_ENTRY = {
    "l1-entry", "L1 table entry", "L1 table entry", true, 8, FIELDS(L1_ENTRY),
};

static const struct field L2_ENTRY[] = {
    { "copied", 63, 1, FIELD_FLAG, 2, TARGET_NONE, NULL,
      "Set when the refcount of the cluster is exactly 1.",
      "Set wrongly, a write goes to a cluster that a snapshot or another entry still "
      "uses, and damages it silently. Clear wrongly, it only costs a copy." },
    { "compressed", 62, 1, FIELD_FLAG, 2, TARGET_NONE, NULL,
      "Clear here: a standard cluster.",
      "When it is set, the rest of the word is a compressed cluster descriptor." },
    { "reserved_high", 56, 6, FIELD_RESERVED, 2, TARGET_NONE, NULL,
      "Must be zero.", NULL },
    { "host_offset", 9, 47, FIELD_OFFSET, 2, TARGET_DATA, NULL,
      "Where the data lies; cluster aligned. 0: no cluster is allocated.",
      "What is not allocated is read from the backing file, or as zeros where there is "
      "none. With an external data file this is an offset in that file." },
    { "reserved", 1, 8, FIELD_RESERVED, 2, TARGET_NONE, NULL, "Must be zero.", NULL },
    { "zero", 0, 1, FIELD_FLAG, 3, TARGET_NONE, NULL,
      "The cluster reads as zeros, whatever is stored.",
      "With an offset the space is kept for later, without one there is none. In version "
      "2 and with extended entries this bit has no meaning and must be zero." },
};

const struct field_table FIELDS_L2_ENTRY = {
    "l2-entry", "L2 table entry", "L2 table entry", true, 8, FIELDS(L2_ENTRY),
};

static const struct field L2_BITMAP[] = {
    { "reads_as_zeros", 32, 32, FIELD_MASK, 3, TARGET_NONE, NULL,
      "One bit for each of 32 subclusters: it reads as zeros.", NULL },
    { "allocated", 0, 32, FIELD_MASK, 3, TARGET_NONE, NULL,
      "One bit for each of 32 subclusters: its data lies in the host cluster.",
      "A subcluster with neither bit is read from the backing file. Both bits at once "
      "are an error, and so is an allocated subcluster of an entry without a cluster. In "
      "compressed clusters the whole bitmap is zero." },
};

const struct field_table FIELDS_L2_ENTRY_EXTENDED = {
    "l2-entry-extended", "Subcluster bitmap of an extended L2 entry",
    "Extended L2 Entries", true, 8, FIELDS(L2_BITMAP),
};

/* The border between offset and size for clusters of 2^cb bytes. */
#define SHIFT(cb) (62 - ((cb) - 8))

#define COMPRESSED(cb) { \
    { "copied", 63, 1, FIELD_FLAG, 2, TARGET_NONE, NULL, \
      "Must be clear: compressed clusters are never written in place.", NULL }, \
    { "compressed", 62, 1, FIELD_FLAG, 2, TARGET_NONE, NULL, \
      "Set: the rest of the word is this descriptor.", NULL }, \
    { "additional_sectors", SHIFT(cb), (cb) - 8, FIELD_COUNT, 2, TARGET_NONE, NULL, \
      "Sectors of 512 bytes that the data reaches into after the first one.", \
      "The exact length is not stored: the decompressor stops by itself. Several " \
      "compressed clusters share a host cluster, and one may straddle two." }, \
    { "host_offset", 0, SHIFT(cb), FIELD_OFFSET, 2, TARGET_COMPRESSED, NULL, \
      "Where the compressed data starts: any byte, aligned to nothing.", NULL }, \
}
#define COMPRESSED_FIELDS 4

static const struct field COMPRESSED[][COMPRESSED_FIELDS] = {
    COMPRESSED(9), COMPRESSED(10), COMPRESSED(11), COMPRESSED(12), COMPRESSED(13),
    COMPRESSED(14), COMPRESSED(15), COMPRESSED(16), COMPRESSED(17), COMPRESSED(18),
    COMPRESSED(19), COMPRESSED(20), COMPRESSED(21),
};

#define COMPRESSED_TABLE(cb) { \
    "compressed-descriptor", "Compressed cluster descriptor", \
    "Compressed Clusters Descriptor", true, 8, COMPRESSED[(cb) - 9], COMPRESSED_FIELDS, \
}

const struct field_table FIELDS_COMPRESSED[] = {
    COMPRESSED_TABLE(9), COMPRESSED_TABLE(10), COMPRESSED_TABLE(11), COMPRESSED_TABLE(12),
    COMPRESSED_TABLE(13), COMPRESSED_TABLE(14), COMPRESSED_TABLE(15),
    COMPRESSED_TABLE(16), COMPRESSED_TABLE(17), COMPRESSED_TABLE(18),
    COMPRESSED_TABLE(19), COMPRESSED_TABLE(20), COMPRESSED_TABLE(21),
};

static const struct field REFTABLE_ENTRY[] = {
    { "refblock_offset", 9, 55, FIELD_OFFSET, 2, TARGET_REFBLOCK, NULL,
      "Where the refcount block starts; 0: none, its clusters have refcount 0.",
      "A refcount block fills one cluster. With clusters of 64 KiB and 16-bit refcounts "
      "it describes 32768 clusters, 2 GiB of the file." },
    { "reserved", 0, 9, FIELD_RESERVED, 2, TARGET_NONE, NULL, "Must be zero.", NULL },
};

const struct field_table FIELDS_REFTABLE_ENTRY = {
    "reftable-entry", "Refcount table entry", "Host cluster management", true, 8,
    FIELDS(REFTABLE_ENTRY),
};

static const struct field BITMAP_TABLE_ENTRY[] = {
    { "reserved_high", 56, 8, FIELD_RESERVED, 2, TARGET_NONE, NULL,
      "Must be zero.", NULL },
    { "host_offset", 9, 47, FIELD_OFFSET, 2, TARGET_BITMAP_DATA, NULL,
      "Where this cluster of the bitmap lies; 0: not stored, see all_ones.", NULL },
    { "reserved", 1, 8, FIELD_RESERVED, 2, TARGET_NONE, NULL, "Must be zero.", NULL },
    { "all_ones", 0, 1, FIELD_FLAG, 2, TARGET_NONE, NULL,
      "Without an offset: all bits of this piece are 1 (set) or 0 (clear).",
      "With an offset it must be clear." },
};

const struct field_table FIELDS_BITMAP_TABLE_ENTRY = {
    "bitmap-table-entry", "Bitmap table entry", "Bitmap table", true, 8,
    FIELDS(BITMAP_TABLE_ENTRY),
};
