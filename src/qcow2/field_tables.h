/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The field tables themselves, by name; everybody else asks field_table("id"). */
#ifndef QCHECK_QCOW2_FIELD_TABLES_H
#define QCHECK_QCOW2_FIELD_TABLES_H

#include "qcow2/field.h"

#define FIELDS(array) (array), sizeof(array) / sizeof(array)[0]

/* field_header.c */
extern const struct field_table FIELDS_HEADER;
/* field_ext.c */
extern const struct field_table FIELDS_HEADER_EXT, FIELDS_FEATURE_NAME,
    FIELDS_BITMAPS_EXT, FIELDS_CRYPTO_EXT;
/* field_entry.c */
extern const struct field_table FIELDS_L1_ENTRY, FIELDS_L2_ENTRY,
    FIELDS_L2_ENTRY_EXTENDED, FIELDS_REFTABLE_ENTRY, FIELDS_BITMAP_TABLE_ENTRY;
extern const struct field_table FIELDS_COMPRESSED[];    /* [cluster_bits - 9] */
/* field_dir.c */
extern const struct field_table FIELDS_SNAPSHOT, FIELDS_SNAPSHOT_EXTRA,
    FIELDS_BITMAP_DIR_ENTRY;

#endif
