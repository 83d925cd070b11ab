/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Constants of the qcow2 format, named as in the specification ("Qcow2 Image File
 * Format"). Nothing here knows about files or problems. */
#ifndef QCHECK_QCOW2_SPEC_H
#define QCHECK_QCOW2_SPEC_H

#include <stdint.h>

#define QCOW2_MAGIC             UINT64_C(0x514649fb)
#define HEADER_V2_LEN           72
#define HEADER_V3_LEN           104         /* shortest version 3 header */

/* incompatible_features */
#define INCOMPAT_DIRTY          (UINT64_C(1) << 0)
#define INCOMPAT_CORRUPT        (UINT64_C(1) << 1)
#define INCOMPAT_DATA_FILE      (UINT64_C(1) << 2)
#define INCOMPAT_COMPRESSION    (UINT64_C(1) << 3)
#define INCOMPAT_EXTENDED_L2    (UINT64_C(1) << 4)
#define INCOMPAT_KNOWN          UINT64_C(0x1f)
/* compatible_features */
#define COMPAT_LAZY_REFCOUNTS   (UINT64_C(1) << 0)
/* autoclear_features */
#define AUTOCLEAR_BITMAPS       (UINT64_C(1) << 0)
#define AUTOCLEAR_DATA_FILE_RAW (UINT64_C(1) << 1)

enum crypt_method { CRYPT_NONE, CRYPT_AES, CRYPT_LUKS };
enum compression_type { COMPRESSION_ZLIB, COMPRESSION_ZSTD };

/* header extension types */
#define EXT_END                 UINT32_C(0x00000000)
#define EXT_BACKING_FORMAT      UINT32_C(0xe2792aca)
#define EXT_FEATURE_NAMES       UINT32_C(0x6803f857)
#define EXT_BITMAPS             UINT32_C(0x23852875)
#define EXT_CRYPTO              UINT32_C(0x0537be77)
#define EXT_DATA_FILE           UINT32_C(0x44415441)

/* L1 and L2 entries */
#define OFLAG_COPIED            (UINT64_C(1) << 63)
#define OFLAG_COMPRESSED        (UINT64_C(1) << 62)
#define OFLAG_ZERO              (UINT64_C(1) << 0)
#define ENTRY_OFFSET_MASK       UINT64_C(0x00fffffffffffe00)
#define L1_RESERVED_MASK        UINT64_C(0x7f000000000001ff)
#define L2_RESERVED_MASK        UINT64_C(0x3f000000000001fe)

/* refcount table entries */
#define REFTABLE_RESERVED_MASK  UINT64_C(0x1ff)
#define REFTABLE_OFFSET_MASK    UINT64_C(0xfffffffffffffe00)

/* bitmap table entries and bitmap directory flags */
#define BITMAP_ENTRY_RESERVED   UINT64_C(0xff000000000001fe)
#define BITMAP_ENTRY_ALL_ONES   UINT64_C(1)
#define BITMAP_IN_USE           UINT32_C(1)
#define BITMAP_AUTO             UINT32_C(2)
#define BITMAP_EXTRA_COMPATIBLE UINT32_C(4)

#define SUBCLUSTERS             32          /* per cluster, extended L2 entries */

#endif
