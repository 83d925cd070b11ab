/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#ifdef HAVE_LIBARCHIVE

#include "base/pack_lib.h"

static struct pack_lib calls;
static const char *const names[] = { ARCHIVE_CALLS(LIBRARY_NAME) };
static struct library lib = LIBRARY(LIBARCHIVE, "libarchive", "packs", names, calls);

const struct pack_lib *pack_lib(struct error *err)
{
    return library_load(&lib, err) ? &calls : NULL;
}

#endif
