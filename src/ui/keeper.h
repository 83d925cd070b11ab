/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A process that stays outside the sandbox and writes what a person asks to keep: views as text,
 * and bookmarks. The inspector itself can open no file. It is told no names: it makes new files
 * "qcheck-view-1.txt" and so on in the folder where it was started, never over another, and
 * writes the one file of bookmarks that it was started with. */
#ifndef QCHECK_UI_KEEPER_H
#define QCHECK_UI_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define KEEPER_BYTES_MAX (1u << 20)     /* of a view, and of all bookmarks */
#define KEEPER_VIEWS_MAX 1000           /* files that one run makes */

struct keeper;

/* Start it before threads and before the sandbox. `bookmarks`: their file, which need not exist,
 * nor its folder; NULL: they are not kept. */
bool keeper_start(const char *bookmarks, struct keeper **out, struct error *err);
void keeper_end(struct keeper *k);      /* accepts NULL */

/* Writes a view; *name becomes that of its file. Waits for half a second at most. */
bool keeper_view(struct keeper *k, const char *text, size_t len, char name[64],
                 struct error *err);
/* Replaces all bookmarks. */
bool keeper_bookmarks(struct keeper *k, const char *text, size_t len, struct error *err);

#endif
