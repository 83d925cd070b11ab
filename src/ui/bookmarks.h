/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Places with notes. As text: a line "ADDRESS <tab> NOTE" each. */
#ifndef QCHECK_UI_BOOKMARKS_H
#define QCHECK_UI_BOOKMARKS_H

#include "base/buf.h"
#include "base/error.h"

#define BOOKMARKS_MAX 500

struct bookmark { char address[128], note[200]; };
struct bookmarks { struct bookmark *list; size_t n; };      /* owned; the newest first */

/* Lines that are not bookmarks are left out. */
void bookmarks_read(struct bookmarks *b, const char *text);
void bookmarks_write(const struct bookmarks *b, struct buf *out);
void bookmarks_free(struct bookmarks *b);

/* Adds one; that of the same address goes. False when memory runs out. */
bool bookmarks_add(struct bookmarks *b, const char *address, const char *note);
void bookmarks_remove(struct bookmarks *b, size_t i);

/* The file of the bookmarks of an image. Of a pack: FILE.qpack.notes beside it, to be sent along
 * with it, where its folder can be written to. Else $XDG_STATE_HOME/qcheck/bookmarks/NAME-HASH,
 * else in ~/.local/state. False: there is no home. */
bool bookmarks_path(const char *image, char path[4096]);

#endif
