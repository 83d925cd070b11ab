/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Header extensions: their common head, and those with fields. */
#include "config.h"

#include "qcow2/field_tables.h"
#include "qcow2/spec.h"

static const struct field_name EXT_TYPES[] = {
    { EXT_END, "end of extensions" },
    { EXT_BACKING_FORMAT, "backing file format" },
    { EXT_FEATURE_NAMES, "feature name table" },
    { EXT_BITMAPS, "bitmaps" },
    { EXT_CRYPTO, "encryption header pointer" },
    { EXT_DATA_FILE, "external data file name" },
    { 0, NULL },
};

static const struct field HEADER_EXT[] = {
    { "type", 0, 4, FIELD_ENUM, 2, TARGET_NONE, EXT_TYPES,
      "What kind of extension this is; 0 ends the list.",
      "A program skips the types it does not know, so that new ones can be added without "
      "making a new version." },
    { "length", 4, 4, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the data that follows, without padding.",
      "The next extension starts at the next multiple of 8. A wrong length derails the "
      "rest of the list." },
    { "data", 8, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "Data of the extension.", NULL },
};

const struct field_table FIELDS_HEADER_EXT = {
    "header-ext", "Header extension", "Header extensions", false, 0, FIELDS(HEADER_EXT),
};

static const struct field_name FEATURE_TYPES[] = {
    { 0, "incompatible" },
    { 1, "compatible" },
    { 2, "autoclear" },
    { 0, NULL },
};

static const struct field FEATURE_NAME[] = {
    { "type", 0, 1, FIELD_ENUM, 3, TARGET_NONE, FEATURE_TYPES,
      "Which of the three feature masks the name belongs to.", NULL },
    { "bit", 1, 1, FIELD_NUMBER, 3, TARGET_NONE, NULL,
      "Number of the bit in that mask.", NULL },
    { "name", 2, 46, FIELD_TEXT, 3, TARGET_NONE, NULL,
      "Name of the feature, padded with zeros.",
      "With it an old program can tell which feature it lacks, although it has never "
      "heard of it." },
};

const struct field_table FIELDS_FEATURE_NAME = {
    "feature-name", "Feature name", "Feature name table", false, 0, FIELDS(FEATURE_NAME),
};

static const struct field BITMAPS_EXT[] = {
    { "nb_bitmaps", 0, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Number of bitmaps, 1 to 65535.",
      "Without bitmaps the whole extension has to be absent." },
    { "reserved", 4, 4, FIELD_RESERVED, 2, TARGET_NONE, NULL, "Must be zero.", NULL },
    { "bitmap_directory_size", 8, 8, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Size of the bitmap directory: all its entries together.", NULL },
    { "bitmap_directory_offset", 16, 8, FIELD_OFFSET, 2, TARGET_BITMAP_DIR, NULL,
      "Where the bitmap directory starts; cluster aligned.",
      "It may be believed only while autoclear feature bit 0 is set: a program that "
      "knows nothing of bitmaps clears the bit when it writes to the image." },
};

const struct field_table FIELDS_BITMAPS_EXT = {
    "bitmaps-ext", "Bitmaps extension", "Bitmaps extension", false, 0,
    FIELDS(BITMAPS_EXT),
};

static const struct field CRYPTO_EXT[] = {
    { "offset", 0, 8, FIELD_OFFSET, 2, TARGET_CRYPTO_HEADER, NULL,
      "Where the LUKS header lies in this file; cluster aligned.",
      "The LUKS header holds the key slots: the key of the disk, locked with each of the "
      "passphrases. When it is lost, the guest data is lost with it, whatever one "
      "knows." },
    { "length", 8, 8, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the LUKS header and its key material.", NULL },
};

const struct field_table FIELDS_CRYPTO_EXT = {
    "crypto-ext", "Encryption header pointer", "Full disk encryption header pointer",
    false, 0, FIELDS(CRYPTO_EXT),
};
