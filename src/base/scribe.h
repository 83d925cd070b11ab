/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A process that writes one file, for one that is locked in and cannot open any. It is started
 * before anything of an image is read, knows only the name that the person gave, and opens the
 * file when there is something to write. */
#ifndef QCHECK_BASE_SCRIBE_H
#define QCHECK_BASE_SCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define SCRIBE_LEN_MAX  ((size_t)1 << 30)       /* bytes of one file */

struct scribe { int fd; };
#define SCRIBE_NONE     { -1 }

/* path: the file to write; or, with `folder`, where new files get the name of the image and a
 * number. A file that is the image itself is never written to. False: no process. */
bool scribe_start(const char *path, bool folder, const char *image, struct scribe *out,
                  struct error *err);
void scribe_end(struct scribe *s);

/* Writes the whole file and syncs. What it held is replaced at once: at any moment the old or
 * the new file is there, unless the folder takes no new file. `name` gets the name of what
 * was written. Waits; from any thread, one at a time. */
bool scribe_write(const struct scribe *s, const void *bytes, size_t len, struct buf *name,
                  struct error *err);

#endif
