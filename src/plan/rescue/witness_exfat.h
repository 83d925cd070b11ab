/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness for exFAT. Its allocation bitmap says what is in use; most files lie in
 * one piece, and their directory entries say so. Sets of entries have a checksum of 16 bits, the
 * table of upper case letters one of 32. Nothing bears its own address. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_EXFAT_H
#define QCHECK_PLAN_RESCUE_WITNESS_EXFAT_H

#include "plan/rescue/witness_fat.h"

#define EXFAT_FS_MAX    8
#define EXFAT_BOOTS_MAX 64
#define EXFAT_DIRS_MAX  (1u << 16)      /* directories read in one round */
#define EXFAT_SET_MAX   19              /* entries of a set */

enum { EXFAT_LIKE_DIR = 1, EXFAT_LIKE_ROOT = 2, EXFAT_LIKE_TABLE = 4,
       EXFAT_LIKE_ENTRIES = 8 };

/* A file that is in one piece, or follows the table. */
struct exfat_run {
    uint32_t first;             /* unit; 0: empty */
    uint64_t len, valid;        /* bytes; of these, those that were written */
    bool chained;
};

struct exfat_fs {
    struct fat_fs fat;          /* kind 32: its table and units are the same */
    unsigned percent;           /* of units in use, 255: not known */
    struct exfat_run bitmap;    /* first 0: not known yet */
    bool marked;                /* all of the bitmap was read and told */
};

struct exfat_boot { size_t cand; uint32_t at; uint8_t bytes[512]; };

struct exfat_witness {
    struct exfat_boot boot[EXFAT_BOOTS_MAX];
    size_t n_boots;
    struct exfat_fs *fs[EXFAT_FS_MAX];
    size_t n_fs;
    uint8_t like[];             /* of each candidate */
};

/* --- witness_exfat_dirs.c --- */

/* Takes a boot sector apart; false when it is none. */
bool exfat_boot_parse(const uint8_t *p, uint64_t size_max, struct exfat_fs *out);
/* Is this the beginning of a set of entries whose checksum is right, within len bytes? */
bool exfat_set_fits(const uint8_t *p, size_t len);
/* What a directory begins with that has the bitmap in it: the root. */
bool exfat_like_root(const uint8_t *p);
/* Reads all directories that can be read, from the root: the bitmap, extents of files. Units of
 * directories that cannot be read yet are given to `missing`. */
void exfat_dirs_read(struct exfat_fs *fs, struct rescue_guest *g, bool *news,
                     void (*missing)(void *ctx, uint32_t unit), void *ctx);
/* The unit that holds byte `off` of a run; 0: not known. */
uint32_t exfat_unit_of(struct exfat_fs *fs, struct rescue_guest *g, const struct exfat_run *run,
                       uint64_t off);

#endif
