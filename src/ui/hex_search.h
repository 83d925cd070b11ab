/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Search in the bytes of the whole file, and in what its compressed clusters hold. */
#ifndef QCHECK_UI_HEX_SEARCH_H
#define QCHECK_UI_HEX_SEARCH_H

#include "base/task.h"
#include "ui/hexdata.h"

#define NEEDLE_MAX 128

struct needle { uint8_t bytes[NEEDLE_MAX]; size_t len; };

/* What a person typed: characters as they are, or bytes as "hex 51 46 49 fb". */
bool needle_parse(const char *text, struct needle *out, struct error *err);

/* First (dir > 0) or last place of the needle that starts in [0, len) of `bytes`, of which
 * len + needle - 1 are there. */
bool needle_find(const struct needle *n, const uint8_t *bytes, size_t len, int dir,
                 size_t *out);

/* A place in the order of the search: by file offset; a compressed cluster comes right
 * after the byte at which it begins. */
struct hex_pos {
    uint64_t off;               /* in the file */
    bool in_stream;             /* byte `in` of the decompressed cluster at `off` */
    uint64_t in;
};

struct hex_hit {
    struct hex_pos pos;
    struct hex_stream stream;   /* with pos.in_stream */
    bool wrapped;               /* it is beyond the end (or the start), from there on */
    bool left_out;              /* some compressed clusters were not looked into: too many */
};

/* The next hit after `from` (dir > 0) or the one before it; once round the file, so that
 * `from` itself is looked at last. Holes are skipped. Progress in bytes of the file. False:
 * none, or cancelled (ERR_CANCELLED). out->left_out is set in any case. */
bool hex_search(const struct image *img, const struct needle *n, const struct hex_pos *from,
                int dir, struct task_run *run, struct hex_hit *out, struct error *err);

#endif
