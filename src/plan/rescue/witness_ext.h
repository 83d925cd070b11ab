/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness for ext2, ext3 and ext4.
 *
 * A super block, or a copy of one, tells the geometry; where the file system starts is known
 * by the partition of just that length. From there on each round reads what is placed: group
 * descriptors lead to bitmaps and tables of inodes, those to directories and to blocks that
 * map files. Each such block is an item: its address is known, and what its bytes must be. A
 * candidate is tried at the addresses that its blocks suggest, and all items that would fall
 * into it there must agree.
 *
 * With metadata_csum a block proves itself: the checksum of an inode contains its number, that
 * of a directory or an extent block the number of its inode. CRCs are linear, so these numbers
 * are calculated from the bytes rather than tried. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_EXT_H
#define QCHECK_PLAN_RESCUE_WITNESS_EXT_H

#include "plan/rescue/rescue_guest.h"

#define EXT_FS_MAX      16                  /* file systems of one disk */
#define EXT_GROUPS_MAX  (1u << 18)          /* of one: 32 TiB with blocks of 4 KiB */
#define EXT_SUPERS_MAX  1024                /* copies of super blocks remembered */
#define EXT_ITEMS_MAX   (1u << 20)          /* directories and maps of files remembered */
#define EXT_NAMES_MAX   (1u << 18)
#define EXT_DEPTH_MAX   5                   /* levels of an extent tree below its root */
#define EXT_NODES_MAX   (1u << 20)          /* blocks read in one round that map files */
#define EXT_BLOCK_MAX   65536

/* What the blocks of a candidate look like; of any block size. */
enum {
    EXT_LIKE_SUPER = 1, EXT_LIKE_INODES = 2, EXT_LIKE_DIR = 4, EXT_LIKE_EXTENTS = 8,
    EXT_LIKE_INDIRECT = 16, EXT_LIKE_BITMAP = 32, EXT_LIKE_JOURNAL = 64,
};

enum {
    EXT_FLAG_INODE_UNINIT = 1, EXT_FLAG_BLOCK_UNINIT = 2,       /* of groups */
};

/* Blocks of which the content is known to be of a kind. */
enum ext_kind {
    EXT_SUPER, EXT_DESCS, EXT_RESERVED, EXT_BBITMAP, EXT_IBITMAP, EXT_ITABLE,
    EXT_JOURNAL,                /* the whole of it */
    EXT_DIR, EXT_EXTENTS, EXT_INDIRECT,
};

struct ext_item {
    uint64_t block;
    uint32_t n;                 /* blocks */
    uint32_t id;                /* group; DESCS: first group; JOURNAL: first block of it; DIR
                                   and on: inode */
    uint32_t seed;              /* checksum of what identifies the inode */
    uint32_t first;             /* logical block of the file where it begins */
    uint32_t left;              /* INDIRECT: blocks of the file from `first` on */
    uint8_t kind, level;        /* EXTENTS: depth; INDIRECT: 1 to 3; JOURNAL: 1 where nothing
                                   else lies between its blocks */
};

struct ext_bg {
    uint64_t bbitmap, ibitmap, itable;
    uint32_t bsum, isum, free_blocks, free_inodes, unused_inodes;
    uint16_t flags;
    bool known;                 /* the descriptor was read */
    bool fresh;                 /* ... from the first table, not from a copy */
    bool blocks_marked, inodes_marked;
    uint8_t *done;              /* owned: inodes that have told all, a bit each */
};

struct ext_name { uint32_t inode, at; };    /* at: in `text` */

struct ext_undo { uint32_t column[32]; };

struct ext_fs {
    uint64_t off;               /* guest byte of block 0 */
    enum rescue_sure sure;      /* ... and how sure that is */
    uint32_t index;             /* among the file systems of the disk */
    unsigned bits;              /* log2 of bytes of a block */
    uint32_t block;
    unsigned ratio_bits;        /* log2 of blocks that one bit of a bitmap stands for */
    uint64_t n_blocks;
    uint32_t first_block, per_group, inodes_per_group, itable_blocks, inode_size, desc_size;
    uint32_t n_groups, n_desc_blocks, first_meta_bg, reserved, desc_per_block;
    uint32_t compat, incompat, ro_compat, backup_bg[2], first_inode;
    uint8_t uuid[16];
    uint8_t jnl_backup[68];     /* i_block and size of the journal's inode, as the super
                                   block repeats them; zeros: it does not */
    uint64_t journal;           /* its first block; 0: not known */
    uint64_t written;           /* seconds */
    uint32_t seed;              /* of checksums */
    bool sums, sums32;          /* metadata_csum; with all 32 bits in bitmaps */
    bool inode_sums32;
    bool super_read;            /* the first super block was read where it belongs */
    struct ext_undo undo_inode, undo_dir, undo_extents;

    struct ext_bg *group;    /* owned */
    struct ext_item *item;      /* owned; by block */
    size_t n_items, items_cap, n_fixed;
    struct ext_name *name;      /* owned; by inode once sorted */
    size_t n_names, names_cap;
    char *text;                 /* owned */
    size_t text_len, text_cap;
    uint8_t *node[EXT_DEPTH_MAX + 2];       /* owned: a block each */
    uint8_t *imap;              /* owned: the inode bitmap of a group */
    uint32_t imap_group;        /* UINT32_MAX: of none */
    bool imap_read;
    unsigned round;
    size_t nodes_left;
    bool starved;
};

/* A super block seen in a candidate. */
struct ext_seen { size_t cand; uint32_t at; uint8_t bytes[1024]; };

struct ext_witness {
    struct ext_seen *seen;      /* owned */
    size_t n_seen;
    struct ext_fs *fs[EXT_FS_MAX];
    size_t n_fs;
    uint8_t like[];             /* of each candidate */
};

/* --- witness_ext_fs.c: super block and groups --- */

/* Takes a super block apart; false when it is none. Allocates nothing. */
bool ext_super_parse(const uint8_t *p, uint64_t size_max, struct ext_fs *out);
uint32_t ext_super_group(const uint8_t *p);
bool ext_has_super(const struct ext_fs *fs, uint32_t group);
uint64_t ext_super_at(const struct ext_fs *fs, uint32_t group);     /* byte of the fs */
uint64_t ext_group_first(const struct ext_fs *fs, uint32_t group);
uint32_t ext_group_blocks(const struct ext_fs *fs, uint32_t group);
struct ext_fs *ext_fs_new(const uint8_t *super, uint64_t off, uint64_t size_max,
                          enum rescue_sure sure, uint32_t index);
void ext_fs_free(struct ext_fs *fs);                    /* accepts NULL */
/* Reads all descriptors that can be read, and lists the blocks that have a fixed place. */
void ext_groups_read(struct ext_fs *fs, struct rescue_guest *g);
void ext_item_add(struct ext_fs *fs, const struct ext_item *item);
void ext_items_sort(struct ext_fs *fs);
/* The first item that ends after `block`, among [0, n). */
size_t ext_item_from(const struct ext_fs *fs, uint64_t block, size_t n);
bool ext_block_read(struct ext_fs *fs, struct rescue_guest *g, uint64_t block, uint8_t *dst);
/* The inode bitmap of a group, all zeros where it was never written; valid until the next
 * call. NULL: not known. */
const uint8_t *ext_imap(struct ext_fs *fs, struct rescue_guest *g, uint32_t group);

static inline bool ext_bit(const uint8_t *map, uint32_t i)
{
    return map[i / 8] >> i % 8 & 1;
}

/* --- witness_ext_sums.c: checksums, and back --- */

void ext_undo_make(struct ext_undo *u, size_t len);
uint32_t ext_inode_seed(const struct ext_fs *fs, uint32_t inode, uint32_t generation);
/* The number that an inode bears by its checksum; 0: none that this file system has. */
uint32_t ext_inode_solve(const struct ext_fs *fs, const uint8_t *p);
bool ext_inode_sum_fits(const struct ext_fs *fs, const uint8_t *p, uint32_t inode);
/* The seed of the inode that a directory block or an extent block belongs to, by its
 * checksum. False: the block has none. */
bool ext_dir_solve(const struct ext_fs *fs, const uint8_t *p, uint32_t *seed);
bool ext_extents_solve(const struct ext_fs *fs, const uint8_t *p, uint32_t *seed);
/* 1: right, 0: it bears none, -1: wrong */
int ext_dir_sum(const struct ext_fs *fs, const uint8_t *p, uint32_t seed);
bool ext_desc_sum_fits(const struct ext_fs *fs, const uint8_t *p, uint32_t group);

/* --- witness_ext_fit.c: does a candidate fit there? --- */

struct ext_fit {
    unsigned proofs;            /* blocks proved by a checksum or address of 32 bits */
    unsigned good, bad;         /* weights */
};
/* How the bytes of a cluster agree with all that is known of a guest cluster. */
void ext_fit(struct ext_fs *fs, struct rescue_guest *g, const uint8_t *bytes,
             uint64_t guest_cl, struct ext_fit *fit);
bool ext_like_inode(const uint8_t *p, size_t size);
bool ext_like_dir(const uint8_t *p, size_t len);
bool ext_like_indirect(const uint8_t *p, size_t len);
uint8_t ext_like(const uint8_t *bytes, size_t len);
uint32_t ext_count_zero_bits(const uint8_t *map, uint32_t n);

/* --- witness_ext_hints.c, _marks.c, _inodes.c --- */

/* Tries the candidates that are not placed; pins. */
bool ext_place(struct ext_witness *w, struct ext_fs *fs, struct rescue_guest *g, bool *news,
               struct error *err);
bool ext_journal_unused(struct ext_fs *fs, struct rescue_guest *g, uint64_t block);
void ext_mark(struct ext_fs *fs, struct rescue_guest *g, bool *news);
/* Reads all inodes that can be read: extents of files, items for directories and maps. */
void ext_inodes_read(struct ext_fs *fs, struct rescue_guest *g, bool *news);

#endif
