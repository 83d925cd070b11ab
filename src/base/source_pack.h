/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A pack: an image without the guest's data, to be sent to others. An ordinary tar.zst that
 * holds a folder with what is told of the image (PACK_MANIFEST first) and the image itself as
 * a sparse file (PACK_IMAGE). src/pack writes them. */
#ifndef QCHECK_BASE_SOURCE_PACK_H
#define QCHECK_BASE_SOURCE_PACK_H

#include "base/source.h"

#define PACK_MANIFEST   "pack.json"
#define PACK_REPORT     "report.json"
#define PACK_IMAGE      "image.qcow2"
#define PACK_SUFFIX     ".qpack"

/* Is libarchive there, which writes and reads packs? Loads it, once. False: *err says why not. */
bool pack_supported(struct error *err);

/* Loads libarchive where a file begins like a pack (like anything compressed with zstd). Called
 * before the sandbox is entered, in which it could not be loaded. */
void source_foresee_pack(struct source *src);

/* The image in a pack, in memory (at most PACK_BYTES_MAX). Takes `pack` when it succeeds.
 * False when it is no pack, or a broken one; *is_pack tells which. */
bool source_open_pack(struct source *pack, struct source **out, bool *is_pack,
                      struct error *err);

/* Puts the image that is in it in the place of a pack; *is_pack says whether *src was one. A file
 * that only begins like a pack stays what it is. False for a broken pack, or where packs are not
 * supported: *src is still the caller's. Nothing but this is done to a file before its own bytes
 * are parsed, so it belongs into the sandbox. */
bool source_look_into_pack(struct source **src, bool *is_pack, struct error *err);

#endif
