/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The files that commands write, and that --overwrite replaces nothing else. */
#ifndef QCHECK_CMD_OUT_FILE_H
#define QCHECK_CMD_OUT_FILE_H

#include "base/sink.h"
#include "base/source.h"
#include "cmd/commands.h"

enum out_kind {
    OUT_DOCUMENT,           /* a plan, a picture, a page, a pack, a tar archive */
    OUT_IMAGE,
};

/* Opens a file to be written. It is never the image `image`, and what a document replaces must
 * be one as well, or empty: else it could be a file far down the chain of the image. */
bool out_file_open(const struct settings *s, enum out_kind kind, const char *path,
                   const char *image, struct sink **out, struct error *err);

/* May the image read through `src` have files below it, or beside it, that hold its data? Told by
 * its first bytes alone. */
bool out_file_has_others(struct source *src);

/* Are these names of one file? */
bool out_file_same(const char *a, const char *b);

#endif
