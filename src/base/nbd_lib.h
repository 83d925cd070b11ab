/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The calls of libnbd that are used, found at run time: the library brings a dozen others
 * with it (TLS, XML), which a check of a local file need not load. */
#ifndef QCHECK_BASE_NBD_LIB_H
#define QCHECK_BASE_NBD_LIB_H

#include <libnbd.h>

#include "base/library.h"

#define NBD_CALLS(X) \
    X(nbd_add_meta_context) \
    X(nbd_aio_block_status) \
    X(nbd_aio_connect_uri) \
    X(nbd_aio_disconnect) \
    X(nbd_aio_get_direction) \
    X(nbd_aio_get_fd) \
    X(nbd_aio_is_closed) \
    X(nbd_aio_is_dead) \
    X(nbd_aio_is_ready) \
    X(nbd_aio_notify_read) \
    X(nbd_aio_notify_write) \
    X(nbd_aio_pread) \
    X(nbd_can_meta_context) \
    X(nbd_can_multi_conn) \
    X(nbd_close) \
    X(nbd_create) \
    X(nbd_get_block_size) \
    X(nbd_get_errno) \
    X(nbd_get_error) \
    X(nbd_get_size) \
    X(nbd_poll) \
    X(nbd_set_uri_allow_local_file)

struct nbd_lib { NBD_CALLS(LIBRARY_CALL) };

/* NULL: it cannot be loaded. */
const struct nbd_lib *nbd_lib(struct error *err);

#endif
