/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the content classes: candidates are put forward, the best two remain. */
#ifndef QCHECK_INSIGHT_CONTENT_WORK_H
#define QCHECK_INSIGHT_CONTENT_WORK_H

#include "insight/content.h"

struct looking {
    const struct content_context *ctx;
    const uint8_t *bytes;
    size_t len;
    struct content *out;
    unsigned probes_left;
};

/* Puts a guess forward. The detail is a printf format or NULL. */
void content_vote(struct looking *l, enum content_kind kind, unsigned score, size_t at,
                  uint64_t address, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

void content_vote_tables(struct looking *l);    /* content_tables.c */
void content_vote_lists(struct looking *l);     /* content_lists.c: snapshots, bitmaps */
void content_vote_disk(struct looking *l);      /* content_disk.c: partitions, volumes */
void content_vote_ext(struct looking *l);       /* content_ext.c */
void content_vote_files(struct looking *l);     /* content_fs.c: NTFS, XFS, btrfs, FAT */
void content_vote_bytes(struct looking *l);     /* content_bytes.c: streams, text, rest */

#endif
