/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/nbd_lib.h"

static struct nbd_lib calls;
static const char *const names[] = { NBD_CALLS(LIBRARY_NAME) };
static struct library lib =
    LIBRARY(LIBNBD, "libnbd", "addresses of NBD servers", names, calls);

const struct nbd_lib *nbd_lib(struct error *err)
{
    return library_load(&lib, err) ? &calls : NULL;
}
