/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* All that an image says of itself, as one digest: a plan rests on every table there is, as it
 * was scanned, not only on those that it writes to. */
#ifndef QCHECK_PLAN_TABLES_DIGEST_H
#define QCHECK_PLAN_TABLES_DIGEST_H

#include "base/digest.h"
#include "base/source.h"

/* Of an image as it is, without options. What cannot be opened as one has a digest of zeros; bytes
 * that cannot be read count as zeros. False: no memory, or no way to make digests. */
bool tables_digest(struct source *file, uint8_t out[DIGEST_LEN], struct error *err);

#endif
