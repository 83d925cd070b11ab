/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Text inside of SVG and HTML: the one way for anything that is no literal to get there. */
#ifndef QCHECK_PICTURE_MARKUP_H
#define QCHECK_PICTURE_MARKUP_H

#include "base/buf.h"

/* Text of this program, or bytes that text_visible() has seen. Fit for content and for
 * attributes in quotes: nothing in it acts as markup, and what no document may hold (control
 * characters, bytes that are no UTF-8) becomes U+FFFD. */
void markup_text(struct buf *out, const char *text);

/* Bytes of unknown origin, made visible first. */
void markup_visible(struct buf *out, const void *bytes, size_t len);

#endif
