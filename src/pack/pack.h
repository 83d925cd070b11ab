/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A pack: an image without the guest's data, to be sent to others. An ordinary tar.zst that
 * holds a folder with what is told of the image (PACK_MANIFEST first) and the image itself as
 * a sparse file (PACK_IMAGE), written and read by libarchive. */
#ifndef QCHECK_PACK_PACK_H
#define QCHECK_PACK_PACK_H

#include "base/sink.h"
#include "base/source.h"

#define PACK_MANIFEST   "pack.json"
#define PACK_REPORT     "report.json"
#define PACK_IMAGE      "image.qcow2"
#define PACK_SUFFIX     ".qpack"

/* What pack_write and source_open_pack need is there; false: *err says that it is not. */
bool pack_supported(struct error *err);

struct pack_member {
    const char *name;           /* PACK_... */
    const void *bytes;
    size_t len;
};

struct pack_size {
    uint64_t image;             /* bytes: length of the image */
    uint64_t stored;            /* of it, not zeros */
    uint64_t pack;              /* bytes of the pack */
};

/* Writes a pack: `folder`/ with the members, and all that `src` shows as its image. */
bool pack_write(struct sink *to, const char *folder, const struct pack_member *members,
                size_t n, struct source *src, struct pack_size *size, struct error *err);

/* Does it begin like a pack, or anything else compressed with zstd? */
bool source_seems_pack(struct source *src);

/* The image in a pack, in memory (at most PACK_BYTES_MAX). Takes `pack` when it succeeds.
 * False when it is no pack, or a broken one; *is_pack tells which. */
bool source_open_pack(struct source *pack, struct source **out, bool *is_pack,
                      struct error *err);

#endif
