/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The guest's disk while it is being put together again: what its intact tables map, the
 * clusters that nobody owns (candidates), and what is known of where each of them belongs.
 *
 * Witnesses look at the candidates and at the disk as far as it is known, and say three
 * kinds of things: this candidate belongs there (a pin), these bytes are free or in use
 * (a mark), and these bytes are the content of a file (an extent). They are asked in rounds,
 * since what one says lets another read more, until none has anything new to say. The rest is
 * placed by its order in the file (align.h).
 *
 * Guest offsets are bytes of the guest's disk. Everything a witness reads was chosen by an
 * enemy. */
#ifndef QCHECK_PLAN_RESCUE_RESCUE_H
#define QCHECK_PLAN_RESCUE_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct rescue_guest;

/* How sure a placement is. CERTAIN: the bytes bear their own address or a checksum of at least
 * 32 bits proves them at this place. A wrong placement that is called certain is a bug.
 * LIKELY: structures agree, and nothing contradicts. POSSIBLE: order in the file only. */
enum rescue_sure { SURE_POSSIBLE, SURE_LIKELY, SURE_CERTAIN };

enum rescue_use {
    USE_UNKNOWN,
    USE_FREE,           /* not in use by the file system; usually zeros, may hold old data */
    USE_DATA,           /* in use; may hold anything, zeros as well */
    USE_CONTENT,        /* known to hold something other than zeros */
};

/* Bytes of the guest's disk, of a guest cluster, number of guest clusters. */
uint64_t rescue_size(const struct rescue_guest *g);
uint32_t rescue_cluster(const struct rescue_guest *g);
uint64_t rescue_clusters(const struct rescue_guest *g);

/* Candidates, numbered by their place in the file (rising). */
size_t rescue_candidates(const struct rescue_guest *g);
/* Reads one: `rescue_cluster` bytes, decompressed where it is compressed. */
bool rescue_candidate_read(struct rescue_guest *g, size_t cand, uint8_t *dst,
                           struct error *err);

/* Reads the disk as far as it is known: intact tables and pins of at least `sure`; where nothing
 * is placed, what lies below is LIKELY. False: a part of it is not known, or storage failed;
 * dst may have been written. */
bool rescue_read(struct rescue_guest *g, uint64_t guest_off, void *dst, size_t len,
                 enum rescue_sure sure);
/* Is that guest cluster lost, so that a candidate may belong there? */
bool rescue_lost(const struct rescue_guest *g, uint64_t guest_cl);
/* The candidate placed at a guest cluster; false: none. */
bool rescue_placed(const struct rescue_guest *g, uint64_t guest_cl, size_t *cand,
                   enum rescue_sure *sure);

/* --- what witnesses say --- */

/* This candidate belongs at that guest cluster, because of `why` (static text, ends a sentence
 * that begins "Placed by": "the address that an XFS block bears"). Of two that contradict, the
 * surer stays; two of one confidence that contradict both drop to POSSIBLE, and nothing of that
 * confidence is heard about them again. Candidates of the same bytes do not contradict: the
 * first one stays. Returns whether that was news. Ignores what is out of bounds or not lost. */
bool rescue_pin(struct rescue_guest *g, size_t cand, uint64_t guest_cl,
                enum rescue_sure sure, const char *why);

/* What [guest_off, guest_off + len) is used for. Kept at rescue_grain() bytes: USE_FREE is
 * rounded inwards, the others outwards. Where two say different things the stronger stays
 * (CONTENT, DATA, FREE, UNKNOWN). Returns whether that was news. */
bool rescue_mark(struct rescue_guest *g, uint64_t guest_off, uint64_t len,
                 enum rescue_use use);
uint32_t rescue_grain(const struct rescue_guest *g);        /* bytes: 512, more for huge disks */

enum rescue_volume_kind {
    FOUND_PARTITION, FOUND_LOGICAL,       /* room for a file system */
    FOUND_HOLDER,                          /* a partition that holds volumes: LVM2 */
    FOUND_EXT, FOUND_FAT, FOUND_EXFAT, FOUND_NTFS, FOUND_XFS, FOUND_BTRFS,
};

/* A volume or file system lies there. Many witnesses find one; told once. */
bool rescue_volume(struct rescue_guest *g, uint64_t guest_off, uint64_t len,
                   enum rescue_volume_kind kind);

/* A partition that holds volumes, not a file system: LVM2. */
bool rescue_holder(struct rescue_guest *g, uint64_t guest_off, uint64_t len);

/* Bytes from `off` on of a volume that lies in pieces. */
struct rescue_piece { uint64_t off, guest_off, len; };
/* Gives it addresses of its own, [*start, *start + length), past the end of the disk. All
 * functions here take them, and mean the bytes that lie there. The same volume said again gets
 * the same. False: the pieces do not follow each other, or do not lie on the disk. */
bool rescue_join(struct rescue_guest *g, const struct rescue_piece *piece, size_t n,
                 uint64_t *start);
/* Bytes from there to the end of the disk, or of the volume that was joined. */
uint64_t rescue_room(const struct rescue_guest *g, uint64_t guest_off);

/* A piece of a file: bytes from file_off on lie at guest_off. `file` tells files apart (for
 * instance volume number << 32 | inode). Marks the range as USE_DATA, but what lies past `size`,
 * which is zeros as a rule, as USE_FREE. `name` may be NULL; copied. Returns whether it was
 * kept; that it was said before does not count. The alignment uses it: a file's clusters are
 * neighbours in the order of writing, its head has a type, its content goes on as it began. */
bool rescue_extent(struct rescue_guest *g, uint64_t file, uint64_t file_off,
                   uint64_t guest_off, uint64_t len, uint64_t size, const char *name);

/* --- witnesses --- */

struct rescue_witness {
    const char *name;           /* "ext", for --progress and tests */
    /* State of its own; NULL: no memory. */
    void *(*begin)(struct rescue_guest *g);
    /* Looks at one candidate; called once for each in rising order, so that the file is read
     * once. Remembers what it recognises (super blocks, blocks that bear their address): at
     * most a bounded number of things. False only when memory runs out. */
    bool (*look)(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len);
    /* Draws conclusions from all that is known by now. *news is set when it said anything
     * new. Called again while any witness had news, at most RESCUE_ROUNDS times. */
    bool (*reason)(void *self, struct rescue_guest *g, bool *news, struct error *err);
    void (*end)(void *self);
};
#define RESCUE_ROUNDS 16

/* One file (or a few) each. Add yours to RESCUE_WITNESSES in witnesses.c; a disk in memory to
 * try it on is in tests/support/rescue_memory.h. */
extern const struct rescue_witness witness_below;       /* what the backing file has */
extern const struct rescue_witness witness_disk;        /* MBR, GPT, swap */
extern const struct rescue_witness witness_lvm;
extern const struct rescue_witness witness_ext, witness_exfat, witness_fat, witness_ntfs,
    witness_xfs, witness_btrfs;

#endif
