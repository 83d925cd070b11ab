/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of a disk: the files it is made of, and where each of its bytes is. */
#ifndef QCHECK_DISK_LEVEL_H
#define QCHECK_DISK_LEVEL_H

#include "base/data_map.h"
#include "disk/crypt.h"
#include "disk/disk.h"
#include "disk/meta.h"
#include "disk/packed.h"

/* One file of the chain. */
struct level {
    const struct image *img;    /* NULL: a raw file */
    struct source *data;        /* where its data lies; NULL: in a data file not open */
    struct data_map holes;      /* of it */
    uint64_t l1_off, l1_n;      /* of the layer: host byte, entries */
    uint64_t first;             /* offset in the layer of byte 0 of the disk (VM state) */
    uint64_t size;              /* bytes of the disk; past it the file says nothing */
    struct crypt *crypt;        /* owned; opened with a key, NULL: none */
    bool l1_may_end;            /* an L1 table shorter than the disk is no fault */
};

struct disk {
    struct level *level;        /* owned; n >= 1 */
    unsigned n;
    bool absent;                /* the last one has a backing file that is not open */
    struct meta *meta;
    struct packed *packed;
    const struct disk_gone *gone;   /* borrowed; as in disk_options */
    size_t n_gone;
};

/* What has to be done for the bytes of a piece. */
enum fetch { FETCH_ZEROS, FETCH_HOST, FETCH_COMPRESSED };

/* The longest run at one place that is found in one step. */
struct piece {
    uint64_t len;               /* guest bytes, at least 1 */
    enum disk_state state;
    const char *why;            /* as in disk_span */
    bool missing;               /* DISK_HOLE only because a table is not in the file */
    unsigned depth;
    enum fetch fetch;
    uint64_t host_off;          /* FETCH_HOST: of its first byte; FETCH_COMPRESSED: of the
                                   stream; NO_ADDRESS with FETCH_ZEROS unless known */
    uint64_t host_len;          /* FETCH_COMPRESSED: bytes of the stream */
    uint64_t in;                /* FETCH_COMPRESSED: where in the cluster it begins */
};

/* The piece at guest byte `off` < end, ending before `end`; end is at most the size. */
void level_find(struct disk *d, uint64_t off, uint64_t end, struct piece *out);

#endif
