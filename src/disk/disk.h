/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The disk that a guest sees in one layer of an image, damaged or not: its bytes, and for
 * each of them where it came from and what it is worth.
 *
 * Bytes are those that QEMU would give wherever QEMU gives any, also where the state says
 * damaged (it reads zeros past the end of the file, for instance). Everything else reads as
 * zeros.
 *
 * Everything but opening and closing may be called from several threads at once. Memory is
 * bounded: a cache of tables and some decompressed clusters. */
#ifndef QCHECK_DISK_DISK_H
#define QCHECK_DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/chain.h"
#include "qcow2/image.h"
#include "qcow2/place.h"

enum disk_state {
    DISK_DATA,              /* stored */
    DISK_ZERO,              /* said to read as zeros */
    DISK_HOLE,              /* no layer says anything: zeros */
    DISK_ABSENT,            /* in a backing file or data file that is not open: zeros */
    DISK_UNREADABLE,        /* the storage failed, for the data or a table: zeros there */
    DISK_DAMAGED,           /* the tables or the data are wrong; `why` says how */
    DISK_ENCRYPTED,         /* stored, but there is no key: zeros */
    N_DISK_STATES
};

/* Stable id of a state: "data", "zero", "hole", "absent", "unreadable", "damaged",
 * "encrypted". */
const char *disk_state_id(enum disk_state s);

/* Is something lost there, that was or could have been written? */
static inline bool disk_state_lost(enum disk_state s)
{
    return s >= DISK_ABSENT;
}

/* A run of bytes of one state. */
struct disk_span {
    uint64_t off, len;      /* guest bytes */
    enum disk_state state;
    unsigned depth;         /* the file that decided: 0 the image, k its k-th backing file */
    const char *why;        /* DISK_DAMAGED: id of the kind of problem (problem_info), or
                               "compressed-stream-damaged", or of what disk_gone says;
                               static. Other states: a kind that makes it doubtful although
                               it can be read, or NULL */
    bool compressed;
    bool sparse;            /* only of disk_next: DISK_DATA that lies in a hole of its file,
                               so that it reads as zeros */
    uint64_t host_off;      /* byte of that file where it is stored, rising with off unless
                               compressed; NO_ADDRESS: nowhere */
};

/* A list of spans in rising order, without gaps or equal neighbours. Begin with
 * DISK_SPANS_INIT; free with disk_spans_free. */
struct disk_spans { struct disk_span *list; size_t n, cap; };
#define DISK_SPANS_INIT { NULL, 0, 0 }
/* Appends, joining what goes on from the last one. False when memory runs out. */
bool disk_spans_add(struct disk_spans *s, const struct disk_span *span, struct error *err);
void disk_spans_free(struct disk_spans *s);

/* Which disk: that of the active layer, of a snapshot, or the VM state of one. */
struct disk_layer {
    uint32_t layer;         /* LAYER_ACTIVE, or number of the snapshot + 1 */
    bool vm_state;
};

static inline bool disk_layer_is_active(struct disk_layer l)
{
    return l.layer == LAYER_ACTIVE && !l.vm_state;
}

/* Reads what a person types: "active", an id or name of a snapshot, "vm:" and one for its
 * VM state, "vm:active". False with a message. */
bool disk_layer_parse(const struct image *img, const char *text, struct disk_layer *out,
                      struct error *err);

/* A range [off, end) of the disk whose table is known to be lost: what the tables that are
 * there do not map in the image itself is not empty, but DISK_DAMAGED. */
struct disk_gone {
    uint64_t off, end;          /* guest bytes */
    const char *why;            /* static id */
};

struct disk_options {
    const struct chain *chain;  /* of the image, with what of it is open; NULL: nothing */
    const void *key;            /* pass phrase for encrypted files of the chain; NULL: none */
    size_t key_len;             /* bytes */
    const struct disk *keys;    /* a disk of the same chain that is open with a key: its keys
                                   are taken, without the seconds that it takes to make one
                                   of a pass phrase; NULL: none */
    const struct disk_gone *gone;   /* rising, without overlaps; must outlive the disk */
    size_t n_gone;
};

struct disk;

/* Fails when a key is given that opens an encrypted file of the chain not. Image and chain must
 * outlive the disk. An image without a chain, or with missing files
 * in it, can be read as far as it goes. */
bool disk_open(const struct image *img, struct disk_layer layer,
               const struct disk_options *opt, struct disk **out, struct error *err);
void disk_close(struct disk *d);            /* accepts NULL */

uint64_t disk_size(const struct disk *d);   /* bytes */
const struct image *disk_image(const struct disk *d);

/* Reads [off, off + len) into dst; bytes past the end of the disk are zeros. The states of
 * those before it are appended to *spans (may be NULL). False only when memory runs out. */
bool disk_read(struct disk *d, uint64_t off, void *dst, size_t len,
               struct disk_spans *spans, struct error *err);

/* The longest run of one state that starts at `off` and ends before `end` (and the disk),
 * told from the tables without reading data: what is found damaged or unreadable only by
 * reading it is DISK_DATA. A run of stored data is also contiguous in its file, unless it
 * is compressed. At most `end` - off are looked at; long holes cost next to nothing.
 * False at the end of the disk, or for off >= end. */
bool disk_next(struct disk *d, uint64_t off, uint64_t end, struct disk_span *out);

#endif
