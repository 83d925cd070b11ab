/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The undo file: all bytes that a plan replaces, as they were, with checksums. It is complete
 * and on disk before the first byte of the image is written. With it laid over the image, as
 * it is at any moment since, one reads the image as it was before.
 *
 * Form, numbers big endian: a header of UNDO_HEADER bytes (magic, which stands there only once
 * all else is written, version, state, lengths of
 * the image before and after, digest of the plan's patches, number of records, digest of the
 * records, digest of what is added after the end, digest of the image's
 * tables, digest of all that but the state), the records (offset, length, where the
 * bytes are in this file, their digest, that of what the plan writes there), the bytes. */
#ifndef QCHECK_PLAN_UNDO_H
#define QCHECK_PLAN_UNDO_H

#include "base/digest.h"
#include "base/patch.h"
#include "base/sink.h"
#include "base/source.h"

#define UNDO_HEADER 4096

enum undo_state {
    UNDO_READY = 1,         /* complete; the image may be written, or half written */
    UNDO_APPLIED,           /* the plan was carried out */
    UNDO_UNDONE,            /* the image is as it was */
};

struct undo {
    struct source *src;             /* borrowed: the file */
    enum undo_state state;
    uint64_t old_size, new_size;    /* bytes of the image */
    uint8_t plan[DIGEST_LEN];       /* of undo_plan_digest */
    struct patches old;             /* copies from `src` that give the image as it was */
    uint8_t (*digest)[DIGEST_LEN];  /* owned: one per record, in the order of `old` */
    uint8_t (*after)[DIGEST_LEN];   /* owned: of what the plan makes of each range */
    uint8_t tail[DIGEST_LEN];       /* ... and of what it adds after the old end */
    uint8_t tables[DIGEST_LEN];     /* of the image before (tables_digest.h) */
};

/* What tells one plan from another: a digest of flattened patches. */
bool undo_plan_digest(const struct patches *patches, uint8_t out[DIGEST_LEN],
                      struct error *err);

/* Writes the undo file of these flattened patches for `image`, and syncs it. */
bool undo_write(struct sink *out, struct source *image, const struct patches *patches,
                struct error *err);

/* Is the file empty, or was writing it stopped before it was complete? Then nothing was
 * written to the image, and undo_write may write it anew. */
bool undo_unfinished(struct source *file);

/* Reads an undo file. False if it is not one, was not completed, or its records are
 * damaged. */
bool undo_open(struct source *src, struct undo *out, struct error *err);
void undo_free(struct undo *u);

/* Are the old bytes all as they were written? Reads all of them. */
bool undo_verify(const struct undo *u, struct error *err);

/* Is it that image, and are the bytes that the plan wrote still there? A guest that ran since has
 * written others, and with the old ones put back under them the image would be neither. While the
 * plan was not carried out to its end only the tables are compared. */
bool undo_fits(const struct undo *u, struct source *image, struct error *err);

/* Marks the file and syncs it. */
bool undo_mark(struct sink *file, enum undo_state state, struct error *err);

#endif
