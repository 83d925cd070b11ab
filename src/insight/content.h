/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a cluster holds, by its bytes alone: zeros, one of the format's own tables, a
 * structure of a file system, text, or nothing that can be told. Nothing is believed about
 * where the cluster lies or who points to it, so that this can say what overwrote a table,
 * or what space that nobody owns once was.
 *
 * A guess has a score of 0 to 1000 and a second guess. The image of another machine inside
 * of a guest's disk looks like our own tables; offsets past the end of our file are what
 * gives it away, and where it is small nothing does. */
#ifndef QCHECK_INSIGHT_CONTENT_H
#define QCHECK_INSIGHT_CONTENT_H

#include "qcow2/image.h"

/* X(enumerator, id, name for people, group) */
#define CONTENT_KINDS(X) \
    X(HOLE, "hole", "a hole in the file", EMPTY) \
    X(ZERO, "zeros", "zeros", EMPTY) \
    X(L1, "l1-table", "an L1 table", TABLE) \
    X(L2, "l2-table", "an L2 table", TABLE) \
    X(REFTABLE, "refcount-table", "a refcount table", TABLE) \
    X(REFBLOCK, "refcount-block", "a refcount block", TABLE) \
    X(SNAPTABLE, "snapshot-table", "a snapshot table", TABLE) \
    X(BITMAP_DIR, "bitmap-directory", "a bitmap directory", TABLE) \
    X(BITMAP_TABLE, "bitmap-table", "a bitmap table", TABLE) \
    X(HEADER, "qcow2-header", "a qcow2 header", TABLE) \
    X(COMPRESSED, "compressed-stream", "a compressed cluster", DATA) \
    X(MBR, "mbr", "a partition table (MBR)", DATA) \
    X(GPT, "gpt", "a partition table (GPT)", DATA) \
    X(LUKS, "luks", "a LUKS header", DATA) \
    X(LVM, "lvm", "an LVM label", DATA) \
    X(SWAP, "swap", "swap space", DATA) \
    X(EXT_SUPER, "ext-superblock", "an ext2/3/4 super block", DATA) \
    X(EXT_GROUPS, "ext-groups", "ext2/3/4 group descriptors", DATA) \
    X(EXT_INODES, "ext-inodes", "an ext2/3/4 inode table", DATA) \
    X(EXT_DIR, "ext-directory", "an ext2/3/4 directory", DATA) \
    X(NTFS_BOOT, "ntfs-boot", "an NTFS boot sector", DATA) \
    X(NTFS_MFT, "ntfs-mft", "NTFS file records", DATA) \
    X(NTFS_INDEX, "ntfs-index", "an NTFS directory index", DATA) \
    X(XFS_SUPER, "xfs-superblock", "an XFS super block", DATA) \
    X(XFS, "xfs-block", "XFS metadata", DATA) \
    X(BTRFS_SUPER, "btrfs-superblock", "a btrfs super block", DATA) \
    X(BTRFS, "btrfs-node", "a btrfs tree node", DATA) \
    X(FAT_BOOT, "fat-boot", "a FAT boot sector", DATA) \
    X(FAT, "fat", "a file allocation table", DATA) \
    X(FILE, "file", "the beginning of a file", DATA) \
    X(TEXT, "text", "text", DATA) \
    X(ENTROPY, "high-entropy", "encrypted or packed data", DATA) \
    X(BYTES, "binary", "binary data", DATA)

enum content_kind {
#define X(e, id, name, group) CONTENT_##e,
    CONTENT_KINDS(X)
#undef X
    N_CONTENTS
};

enum content_group { CONTENT_IS_EMPTY, CONTENT_IS_TABLE, CONTENT_IS_DATA };

struct content_info {
    const char *id;             /* stable */
    const char *name;           /* "an L2 table" */
    enum content_group group;
};

const struct content_info *content_info(enum content_kind kind);

struct content {
    enum content_kind kind, second;     /* N_CONTENTS: there is no second guess */
    unsigned score, second_score;       /* 0 to 1000 */
    uint32_t at;                        /* byte of the cluster where the structure starts */
    /* The address that the structure bears: bytes from the start of its file system, or of
     * the whole disk for a GPT. NO_ADDRESS: it bears none. */
    uint64_t address;
    char detail[64];                    /* "refcounts of 16 bits", "PNG image"; or empty */
};

struct content_context {
    const struct geometry *geo;
    struct source *src;         /* to look where a table leads, at most CONTENT_PROBES short
                                   reads; NULL: the bytes alone decide */
    bool closely;               /* of a single cluster: file_type_of() is asked, too */
};
#define CONTENT_PROBES 8
#define CONTENT_BYTES_MAX 262144     /* looked at of one cluster */

/* Looks at one cluster, or what of it lies in the file: `len` bytes, at most a cluster. */
void content_look(const struct content_context *ctx, const uint8_t *bytes, size_t len,
                  struct content *out);

/* Reads the cluster at host byte `off` and looks at it. `scratch`: room for a cluster.
 * False when it cannot be read. */
bool content_at(const struct image *img, uint64_t off, uint8_t *scratch,
                struct content *out);

/* The same for a single cluster, which may take some milliseconds more. */
bool content_at_closely(const struct image *img, uint64_t off, uint8_t *scratch,
                        struct content *out);

/* How much `len` bytes look like an L2 table: 0 to 1000, and how many entries are in use.
 * `first` of them as well: entries that an L1 entry may lead to. Zeros score 0. */
unsigned content_score_l2(const struct content_context *ctx, const uint8_t *bytes,
                          size_t len, size_t *used);
/* ... like a refcount block with refcounts of 1 << order bits. */
unsigned content_score_refblock(const uint8_t *bytes, size_t len, uint32_t order);

/* "an L2 table", "a refcount block (refcounts of 16 bits)" */
void content_text(const struct content *c, struct buf *out);

#endif
