/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Connections to an NBD server, and what it can do. */
#ifndef QCHECK_BASE_NBD_CONNECT_H
#define QCHECK_BASE_NBD_CONNECT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/nbd_lib.h"

struct nbd_server {
    uint64_t size;              /* bytes of the export */
    uint64_t min_block;         /* reads must be multiples of it */
    uint64_t max_read;          /* bytes of one read */
    bool extents;               /* it says where data is */
    unsigned connections;
};

/* Connects to `uri`, up to n times where the server allows that. The connections are the
 * caller's: conn[0] to conn[server->connections - 1]. */
bool nbd_connect(const struct nbd_lib *lib, const char *uri, struct nbd_handle **conn, unsigned n,
                 struct nbd_server *server, struct error *err);

/* Have more than so many seconds passed since a time of CLOCK_MONOTONIC? */
bool nbd_longer_than(time_t seconds, const struct timespec *since);

#endif
