/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness for FAT12, FAT16 and FAT32.
 *
 * Nothing there has a checksum. A piece of the allocation table tells where it belongs since
 * files mostly lie in one piece, so that entry i says i + 1; a directory names its own first
 * cluster in "."; what the table says of a cluster at the place of a directory, and what looks
 * like one, go together. "Unit" here is what FAT calls a cluster. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_FAT_H
#define QCHECK_PLAN_RESCUE_WITNESS_FAT_H

#include "plan/rescue/claims.h"
#include "plan/rescue/volume_home.h"
#include "plan/rescue/rescue_guest.h"

#define FAT_FS_MAX      16
#define FAT_BOOTS_MAX   256             /* boot sectors remembered */
#define FAT_DOTS_MAX    (1u << 16)      /* directories remembered */
#define FAT_VOTES_MIN   8               /* entries that must agree about a piece of a table */
#define FAT_CHUNK       4096            /* bytes of a table read at once */
#define FAT_STEPS_MAX   (1u << 24)      /* units followed in one round */
#define FAT_DIRS_MAX    (1u << 18)      /* directories read in one round */

enum { FAT_LIKE_TABLE32 = 1, FAT_LIKE_TABLE16 = 2, FAT_LIKE_DIR = 4 };

struct fat_fs {
    uint64_t off;               /* guest byte of the boot sector */
    uint32_t index;
    unsigned kind;              /* 12, 16 or 32: bits of an entry */
    uint32_t sector;            /* bytes */
    uint64_t unit;              /* bytes */
    uint64_t len;               /* bytes of the file system */
    uint64_t table, table_len;  /* bytes from off; of one copy */
    uint32_t n_tables;
    uint64_t root, root_len;    /* FAT12 and FAT16; bytes from off */
    uint32_t root_unit;         /* FAT32 */
    uint64_t data;              /* bytes from off where unit 2 lies */
    uint32_t n_units;           /* and the two that do not exist */
    uint32_t info, backup;      /* sectors of FAT32, 0: none */
    bool rest_is_zero;          /* what is not found of the table holds nothing */
    uint8_t *marked;            /* owned: of each chunk of the table */
    uint8_t chunk[FAT_CHUNK + 4];       /* of the table, */
    uint64_t chunk_at;          /* ... and where in it; UINT64_MAX: none */
    size_t steps_left;
};

struct fat_boot { size_t cand; uint32_t at; uint8_t bytes[512]; };
struct fat_dot { size_t cand; uint32_t at, unit; };

struct fat_witness {
    struct fat_boot *boot;      /* owned */
    size_t n_boots;
    struct fat_dot *dot;        /* owned */
    size_t n_dots;
    struct fat_fs *fs[FAT_FS_MAX];
    size_t n_fs;
    uint8_t like[];             /* of each candidate */
};

/* --- witness_fat.c --- */

/* Are there, in 512 bytes, entries that each say the number after their own? */
bool fat_like_table(const uint8_t *p, size_t width);

/* --- witness_fat_table.c --- */

/* Takes a boot sector apart; false when it is none. */
bool fat_boot_parse(const uint8_t *p, uint64_t size_max, struct fat_fs *out);
uint64_t fat_unit_at(const struct fat_fs *fs, uint32_t unit);       /* guest byte */
/* What the table says of a unit; false: not known. */
bool fat_next(struct fat_fs *fs, struct rescue_guest *g, uint32_t unit, uint32_t *next);
/* Marks what can be read of the table. */
void fat_mark(struct fat_fs *fs, struct rescue_guest *g, bool *news);
/* Where in a table this candidate's bytes belong: votes for each place. */
struct fat_votes { uint64_t guest_off[16]; unsigned n[16], used; };
void fat_table_votes(const struct fat_fs *fs, const struct rescue_guest *g,
                     const uint8_t *bytes, struct fat_votes *votes);

/* --- witness_fat_dirs.c --- */

/* Does it look like entries of a directory? A weight: how many. */
unsigned fat_like_dir(const uint8_t *p, size_t len, uint32_t n_units);
/* Reads all directories that can be read: extents of files. Units of directories that cannot be
 * read yet are given to `missing`; 0: the root of FAT12 or FAT16. */
void fat_dirs_read(struct fat_fs *fs, struct rescue_guest *g, bool *news,
                   void (*missing)(void *ctx, uint32_t unit), void *ctx);

#endif
