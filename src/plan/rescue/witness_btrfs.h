/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness of btrfs. Its trees lie at logical addresses, which the chunk tree
 * translates to places on the device. Every node bears its logical address, the UUID of its
 * file system, a generation and a checksum; data has a checksum per sector in a tree. Spec:
 * btrfs(5), "On-disk format" of the btrfs documentation. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_BTRFS_H
#define QCHECK_PLAN_RESCUE_WITNESS_BTRFS_H

#include "plan/rescue/claims.h"
#include "plan/rescue/volume_home.h"

#define NODE_MAX        65536u
#define NODE_HEADER     101u
#define NODES_MAX       (1u << 20)      /* remembered of the candidates */
#define SUPERS_MAX      16u
#define FSIDS_MAX       64u
#define CHUNKS_MAX      65536u
#define STRIPES_MAX     4u
#define SUMS_MAX        (1u << 24)
#define LEVELS_MAX      8u

#define BTRFS_SUMS      7u              /* the tree of checksums */

enum { CHUNK_DATA = 1, CHUNK_SYSTEM = 2, CHUNK_METADATA = 4 };

/* A node that was seen in a candidate. */
struct btrfs_seen {
    uint64_t logical, generation;
    uint32_t cand, at;
    bool sums;                      /* a leaf of the tree of checksums */
    uint8_t fsid;                   /* number in btrfs_witness.fsid */
    bool proved;                    /* its checksum was right */
    uint8_t zeros;                  /* bit i: of the clusters after its first, i is of zeros and
                                       has no candidate */
};

struct btrfs_chunk {
    uint64_t logical, len, type;
    bool mirrored;                  /* each stripe holds all of it */
    unsigned n_stripes;             /* on this device */
    uint64_t stripe[STRIPES_MAX];   /* bytes of the device */
};

/* The checksum of a sector. */
struct btrfs_sum {
    uint32_t crc, block;            /* block: of the device, in sectors */
    uint32_t age;                   /* 0: of the tree in use; else of old nodes, 1 the newest */
};

struct btrfs_super {
    uint8_t fsid[16], node_fsid[16];
    uint64_t generation, root, chunk_root, total_len, devid;
    uint32_t sector, node;          /* bytes */
    unsigned csum_type, root_level, chunk_level;
    uint8_t array[2048];            /* the first chunks: keys and chunk items */
    size_t array_len;
};

/* A file system that is being read. */
struct btrfs {
    struct rescue_guest *g;         /* borrowed */
    struct btrfs_witness *w;        /* borrowed */
    struct btrfs_super super;
    uint64_t start;                 /* of the device on the disk */
    enum rescue_sure sure;          /* of that */
    struct btrfs_chunk *chunk;      /* owned; by logical address */
    size_t n_chunks;
    bool chunks_whole;
    struct btrfs_sum *sum;          /* owned; of lost sectors, by block */
    size_t n_sums, sums_cap;
};

struct btrfs_witness {
    struct btrfs_seen *seen;        /* owned; by logical address once `sorted` */
    size_t n_seen, seen_cap;
    bool sorted;
    uint8_t fsid[FSIDS_MAX][16];
    size_t n_fsids;
    struct btrfs_super_seen {
        struct btrfs_super super;
        size_t cand;                /* SIZE_MAX: it is at its place */
        uint32_t at;
        uint64_t bytenr;
        bool whole;                 /* all has been read */
        size_t n_sums;              /* by which data was looked for */
    } super[SUPERS_MAX];
    size_t n_supers;
    uint32_t node_guess;            /* size of the last node that was proved */
    uint8_t *cluster;               /* owned: a candidate */
    uint32_t pair[2];               /* candidates that were compared last, and are alike */
    struct claims claims;
};

/* --- witness_btrfs_node.c --- */

/* Does a node seem to begin there? Proved: its checksum is right for that length. */
bool btrfs_node_like(const uint8_t *p, size_t len);
bool btrfs_node_proved(const uint8_t *p, size_t len);
bool btrfs_super_read(const uint8_t *p, size_t len, struct btrfs_super *out,
                      uint64_t *bytenr);

/* Places of a logical address: of each copy, and how many bytes follow there. 0: unknown. */
unsigned btrfs_places(const struct btrfs *fs, uint64_t logical, uint64_t place[STRIPES_MAX],
                      uint64_t *len);
uint64_t btrfs_chunk_type(const struct btrfs *fs, uint64_t logical);    /* 0: no chunk */

/* The bytes of a node that was seen. One that is longer than a cluster goes on in the candidates
 * that follow, if at all. */
bool btrfs_node_of_candidates(struct btrfs *fs, const struct btrfs_seen *s, uint8_t *dst);

/* Calls leaf for every leaf of a tree that can be read, in order of keys. `gap`: something
 * before this one is missing. Returns whether all was there. */
typedef void btrfs_leaf_fn(struct btrfs *fs, void *ctx, const uint8_t *leaf, bool gap);
bool btrfs_walk(struct btrfs *fs, uint64_t root, uint64_t generation, unsigned level,
                btrfs_leaf_fn *leaf, void *ctx);

struct btrfs_item {
    uint64_t objectid, offset;
    unsigned type;
    const uint8_t *at;
    uint32_t len;
};
/* Item i of a leaf; false: past the last, or not inside of the leaf. */
bool btrfs_item(const struct btrfs *fs, const uint8_t *leaf, uint32_t i,
                struct btrfs_item *out);

bool btrfs_chunks_read(struct btrfs *fs);       /* false: none can be read */

/* --- witness_btrfs_data.c --- */

/* Reads the trees: gathers the sums of lost sectors, marks what is used and what is free, tells
 * extents of files. *whole: all of them could be read. */
bool btrfs_tell(struct btrfs *fs, bool *news, bool *whole, struct error *err);
/* Adds sums of sectors that have none, by old nodes that remain: data of deleted files. */
bool btrfs_old_sums(struct btrfs *fs);
/* The sum of a sector of the device; NULL: none is known. */
const struct btrfs_sum *btrfs_sum_at(const struct btrfs *fs, uint64_t block);

/* --- witness_btrfs_match.c --- */

/* Places data by the sums of its sectors. */
bool btrfs_match(struct btrfs *fs, bool *news, struct error *err);

#endif
