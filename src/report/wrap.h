/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Paragraphs. */
#ifndef QCHECK_REPORT_WRAP_H
#define QCHECK_REPORT_WRAP_H

#include <stddef.h>

#include "base/buf.h"

/* Appends `text` broken at spaces into lines of at most `width` columns (bytes), and a
 * newline. Lines after the first are indented by `indent`; the first one begins where the
 * caller already stands, which is column indent + col. */
void wrap_text(struct buf *out, const char *text, size_t col, size_t indent,
               size_t width);

#endif
