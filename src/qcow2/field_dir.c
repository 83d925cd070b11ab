/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Entries of the snapshot table and of the bitmap directory. */
#include "config.h"

#include "qcow2/field_tables.h"

static const struct field SNAPSHOT[] = {
    { "l1_table_offset", 0, 8, FIELD_OFFSET, 2, TARGET_L1_TABLE, NULL,
      "Where the L1 table of this snapshot starts; cluster aligned.",
      "Taking a snapshot copies the L1 table and raises the refcount of all that it "
      "leads to. From then on active layer and snapshot share L2 tables and data until "
      "one of them is written to." },
    { "l1_size", 8, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Number of entries in that L1 table.",
      "It covers the disk as it was when the snapshot was taken, and the saved state of "
      "the machine behind it." },
    { "id_str_size", 12, 2, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the id, which follows the extra data.", NULL },
    { "name_size", 14, 2, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the name, which follows the id.", NULL },
    { "date_sec", 16, 4, FIELD_TIME, 2, TARGET_NONE, NULL,
      "When the snapshot was taken, in seconds since 1970 (UTC).", NULL },
    { "date_nsec", 20, 4, FIELD_NSEC, 2, TARGET_NONE, NULL,
      "Nanoseconds to add to that time.", NULL },
    { "vm_clock_nsec", 24, 8, FIELD_NSEC, 2, TARGET_NONE, NULL,
      "How long the guest had been running.", NULL },
    { "vm_state_size", 32, 4, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Size of the saved machine state; 0: only the disk was saved.",
      "The state, mostly guest memory, is stored like guest data at offsets after the "
      "end of the disk. Sizes of 4 GiB and more need the 64-bit field in the extra "
      "data." },
    { "extra_data_size", 36, 4, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the extra data, which follows this field.",
      "Version 3 requires at least 16 bytes: the 64-bit state size and the disk size." },
    { "extra_data", 40, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "Fields that were added later; a program leaves those it does not know alone.",
      NULL },
    { "id_str", 40, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "The id, unique in this image; not NUL-terminated.", NULL },
    { "name", 40, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "The name a person gave; not NUL-terminated.",
      "The next entry starts at the next multiple of 8." },
};

const struct field_table FIELDS_SNAPSHOT = {
    "snapshot", "Snapshot table entry", "Snapshots", false, 0, FIELDS(SNAPSHOT),
};

static const struct field SNAPSHOT_EXTRA[] = {
    { "vm_state_size_large", 0, 8, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Size of the saved machine state in 64 bits; replaces vm_state_size.", NULL },
    { "disk_size", 8, 8, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Size of the guest disk when the snapshot was taken.",
      "Where it is missing, the disk is taken to have had the size it has now." },
    { "icount", 16, 8, FIELD_NUMBER, 2, TARGET_NONE, NULL,
      "Instructions the guest had executed; all bits set: not recorded.",
      "Only machines that record and replay their execution use it." },
    { "unknown", 24, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "Extra data that no version of the format describes yet.", NULL },
};

const struct field_table FIELDS_SNAPSHOT_EXTRA = {
    "snapshot-extra", "Extra data of a snapshot", "Snapshots", false, 0,
    FIELDS(SNAPSHOT_EXTRA),
};

static const struct field_name BITMAP_FLAGS[] = {
    { 0, "in use" },
    { 1, "auto" },
    { 2, "extra data compatible" },
    { 0, NULL },
};

static const struct field_name BITMAP_TYPES[] = {
    { 1, "dirty tracking" },
    { 0, NULL },
};

static const struct field BITMAP_DIR_ENTRY[] = {
    { "bitmap_table_offset", 0, 8, FIELD_OFFSET, 2, TARGET_BITMAP_TABLE, NULL,
      "Where the table of this bitmap starts; cluster aligned.",
      "The table points to the clusters that hold the bits, as an L2 table points to "
      "guest data." },
    { "bitmap_table_size", 8, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Number of entries in that table.",
      "It follows from the size of the disk and the granularity; any other number makes "
      "QEMU refuse the image." },
    { "flags", 12, 4, FIELD_MASK, 2, TARGET_NONE, BITMAP_FLAGS,
      "In use, auto, extra data compatible.",
      "In use: a program had the bitmap in memory and did not write it back, so that it "
      "cannot be believed. Auto: the bitmap is to follow writes whenever the image is "
      "opened. QEMU refuses the third one." },
    { "type", 16, 1, FIELD_ENUM, 2, TARGET_NONE, BITMAP_TYPES,
      "Kind of bitmap; 1, dirty tracking, is the only one.",
      "A set bit says that a piece of the disk has changed since the bitmap was begun; "
      "incremental backups copy just these pieces." },
    { "granularity_bits", 17, 1, FIELD_LOG2, 2, TARGET_NONE, NULL,
      "How much of the disk one bit stands for, as a power of two: 9 to 31.", NULL },
    { "name_size", 18, 2, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the name, at most 1023.", NULL },
    { "extra_data_size", 20, 4, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the extra data, for types of bitmaps yet to come; 0.",
      "QEMU refuses an image in which it is not 0." },
    { "extra_data", 24, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "Extra data of the type.", NULL },
    { "name", 24, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "The name, unique in this image; not NUL-terminated.",
      "Zeros follow up to the next multiple of 8, where the next entry starts." },
};

const struct field_table FIELDS_BITMAP_DIR_ENTRY = {
    "bitmap-dir-entry", "Bitmap directory entry", "Bitmaps", false, 0,
    FIELDS(BITMAP_DIR_ENTRY),
};
