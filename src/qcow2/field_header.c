/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The image header, field by field. */
#include "config.h"

#include "qcow2/field_tables.h"
#include "qcow2/spec.h"

static const struct field_name CRYPT_METHODS[] = {
    { CRYPT_NONE, "no encryption" },
    { CRYPT_AES, "AES (weak, obsolete)" },
    { CRYPT_LUKS, "LUKS" },
    { 0, NULL },
};

static const struct field_name COMPRESSION_TYPES[] = {
    { COMPRESSION_ZLIB, "zlib (deflate)" },
    { COMPRESSION_ZSTD, "zstd" },
    { 0, NULL },
};

static const struct field_name INCOMPATIBLE[] = {
    { 0, "dirty" },
    { 1, "corrupt" },
    { 2, "external data file" },
    { 3, "compression type" },
    { 4, "extended L2 entries" },
    { 0, NULL },
};

static const struct field_name COMPATIBLE[] = {
    { 0, "lazy refcounts" },
    { 0, NULL },
};

static const struct field_name AUTOCLEAR[] = {
    { 0, "bitmaps" },
    { 1, "raw external data" },
    { 0, NULL },
};

static const struct field HEADER[] = {
    { "magic", 0, 4, FIELD_MAGIC, 2, TARGET_NONE, NULL,
      "Marks the file as QCOW: the letters QFI and the byte 0xfb.",
      "Every program looks here first to tell what kind of file it has. When these four "
      "bytes are lost, tools take the file for a raw disk, although all the rest may be "
      "intact." },
    { "version", 4, 4, FIELD_NUMBER, 2, TARGET_NONE, NULL,
      "Format version: 2 (compat 0.10) or 3 (compat 1.1).",
      "Version 3 lengthened the header by feature masks, the refcount width and its own "
      "length, and gave L2 entries a flag for clusters that read as zeros. Version 1 is "
      "the older format qcow, laid out differently." },
    { "backing_file_offset", 8, 8, FIELD_OFFSET, 2, TARGET_TEXT, NULL,
      "Where the name of the backing file is stored; 0: there is none.",
      "Guest clusters that this image does not hold are read from the backing file. Its "
      "name lies in the first cluster, behind the header extensions, and also marks "
      "where the extensions must end." },
    { "backing_file_size", 16, 4, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Length of the backing file name, at most 1023.",
      "The name has no NUL at its end; this is the only way to know how long it is. "
      "Without a backing file the value means nothing." },
    { "cluster_bits", 20, 4, FIELD_LOG2, 2, TARGET_NONE, NULL,
      "Size of a cluster as a power of two: 9 (512 bytes) to 21 (2 MiB).",
      "The cluster is the unit of everything: the file is divided into clusters, tables "
      "fill whole clusters, and one table entry stands for one cluster of the guest "
      "disk. With a wrong value no offset in the image can be understood." },
    { "size", 24, 8, FIELD_BYTES, 2, TARGET_NONE, NULL,
      "Size of the disk that the guest sees.",
      "This is independent of the length of the file: clusters are added when the guest "
      "writes. It says how many L1 entries are needed at least." },
    { "crypt_method", 32, 4, FIELD_ENUM, 2, TARGET_NONE, CRYPT_METHODS,
      "How guest data is encrypted.",
      "Only guest data is encrypted, never the tables, so that an encrypted image can be "
      "checked without the key. LUKS keeps its own header in clusters of the image, "
      "which a header extension points to." },
    { "l1_size", 36, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Number of entries in the active L1 table.",
      "There may be more entries than the disk needs: QEMU keeps the saved state of a "
      "running machine beyond the end of the disk. Fewer than needed makes the image "
      "unusable." },
    { "l1_table_offset", 40, 8, FIELD_OFFSET, 2, TARGET_L1_TABLE, NULL,
      "Where the active L1 table starts; cluster aligned.",
      "The L1 table is the root of the two-level map from guest offsets to clusters of "
      "the file. Each entry points to an L2 table; without it guest data is only a heap "
      "of clusters in unknown order." },
    { "refcount_table_offset", 48, 8, FIELD_OFFSET, 2, TARGET_REFTABLE, NULL,
      "Where the refcount table starts; cluster aligned.",
      "The refcount table points to refcount blocks, which say for each cluster of the "
      "file how often it is used. All of it could be computed again from the other "
      "tables." },
    { "refcount_table_clusters", 56, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Length of the refcount table in clusters.",
      "QEMU takes at most 8 MiB. Length 0 makes QEMU refuse to open the image, except "
      "for its own check." },
    { "nb_snapshots", 60, 4, FIELD_COUNT, 2, TARGET_NONE, NULL,
      "Number of internal snapshots, at most 65536.",
      "Each snapshot has an entry in the snapshot table and an L1 table of its own." },
    { "snapshots_offset", 64, 8, FIELD_OFFSET, 2, TARGET_SNAPSHOT_TABLE, NULL,
      "Where the snapshot table starts; cluster aligned.",
      "The check of QEMU insists on a sound offset even when there are no snapshots." },
    { "incompatible_features", 72, 8, FIELD_MASK, 3, TARGET_NONE, INCOMPATIBLE,
      "Features a program must know, or it must not open the image.",
      "Dirty: refcounts may be out of date, because they were written lazily. Corrupt: a "
      "program met damage and keeps others from writing until a repair. The other bits "
      "change how the image is read." },
    { "compatible_features", 80, 8, FIELD_MASK, 3, TARGET_NONE, COMPATIBLE,
      "Features that a program may safely ignore.",
      "Lazy refcounts: refcounts need not be written at once as long as the dirty bit is "
      "set meanwhile. That saves writes and costs a repair after a crash." },
    { "autoclear_features", 88, 8, FIELD_MASK, 3, TARGET_NONE, AUTOCLEAR,
      "Features whose bits a program that does not know them must clear when it writes.",
      "A cleared bit tells that the data of the feature may be stale. With the bitmaps "
      "bit clear, the bitmaps in the image no longer agree with the disk and are "
      "ignored." },
    { "refcount_order", 96, 4, FIELD_LOG2_BITS, 3, TARGET_NONE, NULL,
      "Width of a refcount in bits as a power of two: 0 (1 bit) to 6 (64 bits).",
      "4, that is 16 bits, is usual and the only width in version 2. A narrow width "
      "bounds how many snapshots can share a cluster: 1 bit allows none." },
    { "header_length", 100, 4, FIELD_BYTES, 3, TARGET_NONE, NULL,
      "Length of this header; the header extensions begin behind it.",
      "At least 104, a multiple of 8. Fields past this length do not exist and have "
      "their default values." },
    { "compression_type", 104, 1, FIELD_ENUM, 3, TARGET_NONE, COMPRESSION_TYPES,
      "How compressed clusters are compressed.",
      "It exists when header_length is more than 104; otherwise zlib is meant. Anything "
      "but zlib requires the incompatible feature bit for the compression type, and zlib "
      "requires that it is clear." },
    { "padding", 105, 7, FIELD_RESERVED, 3, TARGET_NONE, NULL,
      "Zeros, up to the next multiple of 8.", NULL },
    { "unknown", 112, 0, FIELD_TEXT, 3, TARGET_NONE, NULL,
      "Header fields that no version of the format describes yet.",
      "A header may become longer; what a program does not know it leaves as it is." },
    { "backing_file_name", 0, 0, FIELD_TEXT, 2, TARGET_NONE, NULL,
      "Name of the backing file, not NUL-terminated.",
      "A relative name starts from the directory of this image. The name may also be a "
      "description in JSON (json:{...}) or an address (nbd://...)." },
};

const struct field_table FIELDS_HEADER = {
    "header", "Image header", "Header", false, 0, FIELDS(HEADER),
};
