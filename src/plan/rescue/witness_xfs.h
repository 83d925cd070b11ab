/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness of XFS. Every block of metadata of version 5 bears its address in
 * sectors of 512 bytes, the UUID of its file system, a log position and a checksum; inodes bear
 * their number. Headers of allocation groups bear the number of their group in version 4 too.
 * Spec: XFS Algorithms & Data Structures, 3rd edition. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_XFS_H
#define QCHECK_PLAN_RESCUE_WITNESS_XFS_H

#include "plan/rescue/claims.h"
#include "plan/rescue/volume_home.h"

#define XFS_SEEN_MAX    (1u << 21)
#define XFS_SUPERS_MAX  16u
#define XFS_UUIDS_MAX   64u
#define XFS_BLOCK_MAX   65536u
#define XFS_GROUPS_MAX  65536u
#define XFS_INODES_MAX  (1u << 20)      /* that are read */
#define XFS_RANGES_MAX  (1u << 20)      /* unwritten ones that are remembered */

enum xfs_kind {
    XFS_BLOCK,                  /* address: in bytes of the volume */
    XFS_GROUP_HEADER,           /* address: number of the group; sector: 1 to 3 */
    XFS_INODE,                  /* address: its number */
    XFS_LOG,                    /* address: block of the log */
};

/* Something in a candidate that tells where it belongs. */
struct xfs_seen {
    uint64_t address, lsn;
    uint32_t cand, at;
    uint8_t kind, uuid;         /* uuid: number in xfs_witness.uuid; XFS_UUIDS_MAX: none */
    uint8_t sector;
    bool proved;                /* its checksum is right */
};

struct xfs_super {
    uint8_t uuid[16], meta_uuid[16];
    uint64_t blocks, log_start, lsn;
    uint32_t block, group_blocks, groups, log_blocks, sector, inode, dir_block;
    unsigned inodes_per_block_bits, group_bits;
    bool v5, sparse, far_counts;        /* far_counts: 64-bit numbers of extents */
};

struct xfs_range { uint64_t off, len; };        /* bytes of the volume */

/* A file system that is being read. */
struct xfs {
    struct rescue_guest *g;     /* borrowed */
    struct xfs_witness *w;      /* borrowed */
    struct xfs_super super;
    uint64_t start;             /* of the volume on the disk */
    enum rescue_sure sure;      /* of that */
    struct xfs_range *idle;     /* owned: unwritten, or log that was never used */
    size_t n_idle, idle_cap;
    uint32_t inodes_left;       /* that may be read */
    bool whole;                 /* nothing was missing so far */
    bool starved;
    bool news;
};

struct xfs_witness {
    struct xfs_seen *seen;      /* owned */
    size_t n_seen, seen_cap;
    uint8_t uuid[XFS_UUIDS_MAX][16];
    size_t n_uuids;
    struct { struct xfs_super super; bool whole; } super[XFS_SUPERS_MAX];
    size_t n_supers;
    uint32_t block_guess, inode_guess, sector_guess;    /* sizes that were proved last */
    uint64_t log_cycle_max;
    unsigned rounds;
    struct claims claims;
};

/* --- witness_xfs_look.c --- */

bool xfs_look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes, size_t len);
bool xfs_super_read(const uint8_t *p, size_t len, struct xfs_super *out);
/* Remembers a super block, in place of an older one of the same file system. */
void xfs_super_keep(struct xfs_witness *w, const struct xfs_super *super);
/* The number of a UUID; XFS_UUIDS_MAX: too many are known. */
size_t xfs_uuid_number(struct xfs_witness *w, const uint8_t *uuid);
/* Is the checksum at `at` that of those bytes? */
bool xfs_sum_right(const uint8_t *p, size_t len, size_t at);

/* --- witness_xfs_tree.c --- */

/* Byte of the volume of a block of a group, of an inode, of a block of the file system (with
 * the group's number in its upper bits). UINT64_MAX: there is none. */
uint64_t xfs_group_off(const struct xfs *fs, uint64_t group, uint64_t block);
uint64_t xfs_inode_off(const struct xfs *fs, uint64_t ino);
uint64_t xfs_block_off(const struct xfs *fs, uint64_t fsblock);

void xfs_mark(struct xfs *fs, uint64_t off, uint64_t len, enum rescue_use use);
/* Not used, though no free space. */
void xfs_idle(struct xfs *fs, uint64_t off, uint64_t len);

/* Goes through the leaves of a B+tree: calls leaf for each, with its records. `width` of a
 * record. `wide`: pointers and siblings have 8 bytes (block maps), else 4 (of a group). Returns
 * whether all was there. */
struct xfs_tree {
    char magic[2][5];           /* version 4, version 5 */
    unsigned record, key;       /* bytes */
    bool wide;
    uint64_t group;
    void (*leaf)(struct xfs *fs, void *ctx, const uint8_t *records, unsigned n);
    void *ctx;
};
bool xfs_tree_walk(struct xfs *fs, const struct xfs_tree *tree, uint64_t root, unsigned level);

/* All groups: free space and inodes. */
void xfs_tell(struct xfs *fs);

/* --- witness_xfs_inode.c --- */

/* What an inode says: extents of a file, blocks of a directory. */
void xfs_inode_tell(struct xfs *fs, uint64_t ino, const uint8_t *p);

#endif
