/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes packs (base/source_pack.h), by libarchive. */
#ifndef QCHECK_PACK_PACK_WRITE_H
#define QCHECK_PACK_PACK_WRITE_H

#include "base/sink.h"
#include "base/source_pack.h"

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

#endif
