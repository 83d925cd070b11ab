/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A bounded cache of tables: blocks of the files of a chain, with what of them could not be
 * read. May be used by several threads at once. */
#ifndef QCHECK_DISK_META_H
#define QCHECK_DISK_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/source.h"

struct meta;

bool meta_new(struct meta **out, struct error *err);
void meta_free(struct meta *m);             /* accepts NULL */

/* Copies `len` bytes at `off` of file number `depth`, which is `src`. Bytes past its end are
 * zeros. False when some of them could not be read; those are zeros. */
bool meta_read(struct meta *m, unsigned depth, struct source *src, uint64_t off, void *dst,
               size_t len);

#endif
