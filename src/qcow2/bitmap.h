/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Persistent dirty bitmaps: directory and tables. Spec: "Bitmaps". */
#ifndef QCHECK_QCOW2_BITMAP_H
#define QCHECK_QCOW2_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/source.h"
#include "qcow2/geometry.h"
#include "qcow2/header.h"

struct bitmap {
    uint64_t entry_off, entry_len;  /* of the directory entry, bytes, without padding */
    uint64_t table_offset;          /* bytes */
    uint64_t table_size;            /* entries */
    uint32_t flags;                 /* BITMAP_IN_USE, BITMAP_AUTO, ... */
    uint32_t type;                  /* 1: dirty tracking */
    uint32_t granularity_bits;
    uint64_t name_size, extra_data_size;
    char *name;                     /* raw bytes plus a NUL, name_size of them or
                                       what limits.h keeps */
    uint16_t name_kept;             /* bytes of it that are here */
    bool sound;                     /* meets the demands on an entry by itself */
    bool repeated;                  /* an earlier bitmap has the same name */
    const char *fault;              /* NULL, or why QEMU does not load it, in words */
};

enum bitmaps_end {
    BITMAPS_COMPLETE,               /* exactly as many as announced */
    BITMAPS_NONE,                   /* no extension, or extension too short to use */
    BITMAPS_DIR_EMPTY,              /* directory size 0 */
    BITMAPS_DIR_TOO_LARGE,          /* over BITMAP_DIR_MAX */
    BITMAPS_BAD_OFFSET,             /* not cluster aligned or past the file */
    BITMAPS_BROKEN,                 /* an entry overruns the directory */
    BITMAPS_MORE, BITMAPS_LESS,     /* than announced */
    BITMAPS_EXTRA,                  /* an entry has extra data: QEMU refuses */
    BITMAPS_UNREADABLE,
};

struct bitmaps {
    struct bitmap *list;            /* owned */
    size_t n;
    struct arena text;              /* their names */
    uint64_t announced;             /* nb_bitmaps */
    uint64_t dir_off, dir_size;     /* bytes; where the header has no possible ones, those of
                                       the entries that were found all the same */
    enum bitmaps_end end;
    struct source_span bad;         /* bytes of the directory: BITMAPS_UNREADABLE */
    bool consistent;                /* autoclear bit 0: the extension can be believed */
};

/* Reads the directory as far as it can be read: where its place or size is impossible, the
 * announced entries are looked for in the nearest possible place. Also with
 * the autoclear bit clear (`consistent` is false then). False only when memory runs out. */
bool bitmaps_read(struct source *src, const struct header *hdr,
                  const struct geometry *geo, const struct extensions *ext,
                  struct bitmaps *out, struct error *err);
void bitmaps_free(struct bitmaps *b);

/* May there be bitmaps that were not read, although the image vouches for them? */
bool bitmaps_lost(const struct bitmaps *b);

/* Bitmap table entries the guest disk needs: ceil(S / cluster_size), S as in QEMU. */
uint64_t bitmap_table_needed(const struct geometry *geo, uint32_t granularity_bits);

#endif
