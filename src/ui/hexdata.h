/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The bytes a hex view shows: read from the file, with holes where reading failed, or one
 * compressed cluster in its decompressed form. */
#ifndef QCHECK_UI_HEXDATA_H
#define QCHECK_UI_HEXDATA_H

#include "ui/view.h"

enum byte_state { BYTE_OK, BYTE_UNREADABLE, BYTE_PAST_END, BYTE_COMING };

struct hexdata {
    uint64_t start;             /* offset of bytes[0] */
    size_t len;
    uint8_t *bytes;             /* owned, `cap` long */
    uint8_t *state;             /* owned; enum byte_state of each */
    bool *changed;              /* owned; does the plan change it? */
    size_t cap;
};

/* Makes room for them: `bytes` and `state` are to be filled; none is changed. */
void hexdata_reserve(struct hexdata *d, uint64_t start, size_t len);
/* Reads [start, start+len) of the file; a part that cannot be read is tried again in
 * pieces of 512 bytes. Without memory fewer bytes are held. */
void hexdata_read(struct hexdata *d, const struct image *img, uint64_t start, size_t len);
/* Takes them from memory instead. */
void hexdata_copy(struct hexdata *d, const uint8_t *from, uint64_t size, uint64_t start,
                  size_t len);
/* Takes which of them are changed from flags of [off, off + n); NULL: none. */
void hexdata_mark(struct hexdata *d, const bool *mark, uint64_t off, uint64_t n);
void hexdata_free(struct hexdata *d);

/* A compressed cluster. */
struct hex_stream {
    uint64_t guest_off;
    uint32_t layer;
    uint64_t host_off, host_len;
};

/* Where to look for a compressed cluster. */
struct stream_query {
    const struct image *img;
    const struct scan_result *scan;         /* or NULL */
    struct place site;                      /* the entry or field there, or kind NONE */
    struct place place;
    unsigned threads;
};

/* The compressed cluster that a place means: an L2 entry or guest offset that is one, or
 * a byte of compressed data (then the tables are searched for whose it is). False with a
 * reason when there is none. May run on any thread. */
bool stream_find(const struct stream_query *q, _Atomic bool *cancel, struct hex_stream *out,
                 struct error *err);

#endif
