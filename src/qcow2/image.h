/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* An opened image: source, header, geometry and the small tables, all decoded, nothing
 * judged. Opening succeeds for anything in which a qcow2 header can be made out. */
#ifndef QCHECK_QCOW2_IMAGE_H
#define QCHECK_QCOW2_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/source.h"
#include "qcow2/bitmap.h"
#include "qcow2/entry.h"
#include "qcow2/geometry.h"
#include "qcow2/guess/guess.h"
#include "qcow2/header.h"
#include "qcow2/snapshot.h"
#include "qcow2/structures.h"

/* A rule of QEMU that keeps it from opening or checking the image (the first one in its
 * order of evaluation). */
struct refusal {
    const char *id;             /* stable, e.g. "l1-too-large"; NULL: QEMU opens it */
    char text[240];             /* what is wrong, in words, with the numbers */
    bool at_check;              /* opens, but the check gives up (snapshot table, ...) */
};

/* What is known about another file that QEMU opens with the image. */
enum side_state {
    SIDE_NONE,                  /* the image names none */
    SIDE_UNKNOWN,               /* was not looked at */
    SIDE_THERE,
    SIDE_MISSING,
    SIDE_UNFIT,                 /* a directory or something else that is no image; or an
                                   empty file that should be qcow2 */
    SIDE_SHORT,                 /* the data file is shorter than the disk */
};

struct side_file {
    enum side_state state;
    bool device;                /* a block device, of unknown size */
    uint64_t size;              /* bytes of a file that is there */
    uint64_t allocated;         /* bytes of it on disk; 0: not known */
};

struct image {
    struct source *src;         /* owned */
    struct header hdr;          /* with values forced and guessed put in */
    struct guesses guesses;     /* which these are */
    uint8_t *head;              /* owned: first cluster of the file, zeros past its end */
    size_t head_len;            /* = cluster_size */
    size_t head_got;            /* bytes of it that lie inside the file */
    struct source_span head_bad;        /* I/O error in it: those bytes are 0 */
    struct geometry geo;
    struct extensions ext;
    struct snapshots snaps;
    struct bitmaps bitmaps;
    char *backing_file;         /* owned raw bytes + NUL, NULL: none named */
    size_t backing_file_len;
    char *backing_format;       /* owned, NULL: none */
    char *data_file;            /* owned, NULL: none named */
    uint64_t *reftable;         /* owned: reftable_n entries, raw */
    uint64_t reftable_n;        /* at most geo.reftable_entries: those past the end of the
                                   file are 0 and not held */
    struct source_span reftable_bad;    /* I/O error in it (those entries are 0) */
    struct structures structures;       /* owned */
    struct refusal refused;
    struct side_file backing_there, data_there; /* filled by the command, which can look */
};

/* Takes `src` when it succeeds; on failure the caller still owns it. Fails on I/O errors
 * in the header, and when there is no qcow2 magic or cluster_bits is out of any range and
 * nothing can be guessed (the message says what the file is instead, or what to try). */
bool image_open(struct source *src, const struct image_options *opt, struct image **out,
                struct error *err);
/* Lets go of what only the image's own scan needs: snapshots, bitmaps, refcount table, first
 * cluster. What is left is enough to read the disk of the active layer. */
void image_keep_active(struct image *img);
void image_close(struct image *img);        /* accepts NULL */

#define LAYER_ACTIVE    0       /* `layer`: the active layer; k > 0: snapshot number k - 1 */

/* The L1 table of a layer. */
struct layer_l1 {
    uint64_t off;               /* host byte; need not be aligned, nor in the file */
    uint64_t n;                 /* entries, at most L1_ENTRIES_MAX */
    uint64_t present;           /* of these, as many as image_entries_present says */
    uint64_t guest_size;        /* bytes of the guest's disk in this layer */
    bool sound;                 /* aligned and not over the limit, or the active one: QEMU
                                   follows no other */
};

/* False, and *out all zeros: there is no such layer. */
bool image_layer_l1(const struct image *img, uint32_t layer, struct layer_l1 *out);

/* Bytes of the guest's disk in a layer, at most 2^62 whatever a snapshot says; 0: there is no
 * such layer. */
uint64_t image_layer_size(const struct image *img, uint32_t layer);

/* How many of the n 8-byte entries of a table at host byte `off` lie in the file, if only in
 * part. The others read as zeros: whoever looks for entries in use can leave them out, so
 * that a table costs what is there of it and not what a header says. */
uint64_t image_entries_present(const struct image *img, uint64_t off, uint64_t n);

/* Reads n entries of an L1 table from entry `first` on; entries past the end of the file
 * become 0. False only for I/O errors: then the entries that could not be read are 0, the
 * others are as they are. */
bool image_read_l1(const struct image *img, uint64_t l1_off, uint64_t first, size_t n,
                   uint64_t *out, struct error *err);

/* Same for an L2 table (any offset, aligned or not). */
bool image_read_l2(const struct image *img, uint64_t l2_off, uint64_t first, size_t n,
                   struct l2_entry *out, struct error *err);

/* The stored refcount of one host cluster, by the rules QEMU reads it (B.1 diskref):
 * 0 where no block covers it. */
enum stored_status { STORED_OK, STORED_NO_BLOCK, STORED_BAD_BLOCK /* unaligned pointer */,
                     STORED_UNREADABLE, STORED_COMING /* source_nowait.h: not read yet */ };
enum stored_status image_stored_refcount(const struct image *img, uint64_t cluster,
                                         uint64_t *out);

/* Judges the image by QEMU's opening rules and fills *out (id NULL when none is hit).
 * Reads bitmap tables, bounded. Called by image_open. */
void refusal_judge(const struct image *img, struct refusal *out);

#endif
