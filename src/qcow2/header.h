/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The image header and its extensions, decoded. Nothing here is judged: values are what
 * the file says, however absurd. Where a field does not exist in this version or this
 * header_length, it has the value the specification gives to its absence.
 * Spec: "Header", "Additional fields", "Header extensions". */
#ifndef QCHECK_QCOW2_HEADER_H
#define QCHECK_QCOW2_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Field names are those of the specification. All widened to 64 bits. */
struct header {
    uint64_t magic;
    uint64_t version;
    uint64_t backing_file_offset;
    uint64_t backing_file_size;
    uint64_t cluster_bits;
    uint64_t size;                      /* bytes of guest disk */
    uint64_t crypt_method;
    uint64_t l1_size;                   /* entries */
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint64_t refcount_table_clusters;
    uint64_t nb_snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible_features;     /* version 2: 0 */
    uint64_t compatible_features;       /* version 2: 0 */
    uint64_t autoclear_features;        /* version 2: 0 */
    uint64_t refcount_order;            /* version 2: 4 */
    uint64_t header_length;             /* version 2: 72 */
    uint64_t compression_type;          /* absent: 0 */
};

/* Decodes from the first `len` bytes of the file (missing bytes count as zeros). A
 * version other than 2 is read by the rules of version 3. */
void header_decode(const uint8_t *bytes, size_t len, struct header *out);

struct field;
/* The value of the field of this name, which must be a member. */
uint64_t header_value(const struct header *h, const char *name);

/* Does this field of the header exist in that version, with that header_length? */
bool header_has_field(const struct field *f, uint64_t version, uint64_t header_length);

/* One header extension as it lies in the file. */
struct header_ext {
    uint32_t type;
    uint32_t length;                    /* bytes of data, without padding */
    uint64_t data_off;                  /* host byte of its data, 8 after its start */
};

enum ext_end {                          /* how the list of extensions ended */
    EXT_ENDED_MARK,                     /* a type 0 entry */
    EXT_ENDED_AREA,                     /* the area was used up */
    EXT_ENDED_TOO_LONG,                 /* an extension reaches past the area */
    EXT_ENDED_OUR_LIMIT,                /* EXTENSIONS_MAX */
};

struct bitmaps_ext { uint64_t nb_bitmaps, reserved, directory_size, directory_offset; };
struct crypto_ext { uint64_t offset, length; };     /* of the LUKS header area, bytes */

struct extensions {
    struct header_ext *list;            /* owned, in file order */
    size_t n;
    enum ext_end end;
    uint64_t end_off;                   /* host byte of the entry where it stopped: the
                                           end mark, or the one too long or too many */
    /* The last one of each known kind, NULL where there is none (points into list). */
    const struct header_ext *backing_format, *feature_names, *bitmaps_at, *crypto_at,
        *data_file;
    bool has_bitmaps;                   /* bitmaps extension with at least 24 bytes */
    struct bitmaps_ext bitmaps;
    bool has_crypto;                    /* crypto extension with at least 16 bytes */
    struct crypto_ext crypto;
};

/* Reads the extensions from `bytes`, the first cluster of the file (cut short where the
 * file is). False only when memory ran out. Free with extensions_free. */
bool extensions_decode(const uint8_t *bytes, size_t len, const struct header *hdr,
                       uint64_t cluster_size, struct extensions *out);
void extensions_free(struct extensions *ext);

/* The same, one by one and without a limit. Starts at *pos (extensions_start); true: *ext
 * is the next extension and *pos is moved behind it, also for the end mark. False: the
 * area is used up (*too_long false) or the extension at *pos reaches past it. */
bool extension_next(const uint8_t *bytes, size_t len, uint64_t area_end, uint64_t *pos,
                    struct header_ext *ext, bool *too_long);
/* Bytes [start, end) of the file that hold extensions; start >= end: none. */
void extensions_area(const struct header *hdr, uint64_t cluster_size, uint64_t *start,
                     uint64_t *end);

/* Name of an extension type ("bitmaps", "feature name table", ...), "unknown"
 * otherwise. */
const char *extension_name(uint32_t type);

/* Name of one feature bit: what the specification says, else what the image's own feature
 * name table says (made visible), else "unknown bit N". type: 0 incompatible, 1
 * compatible, 2 autoclear. `bytes` is the first cluster again. */
void feature_bit_name(const uint8_t *bytes, size_t len, const struct extensions *ext,
                      int type, int bit, struct buf *out);

#endif
