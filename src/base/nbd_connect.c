/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/nbd_connect.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"

#define READ_MAX (32u << 20)            /* what every server must accept */

bool nbd_longer_than(time_t seconds, const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - since->tv_sec > seconds;
}

/* text: the reason; NULL: what libnbd says. */
static bool cannot_open(const struct nbd_lib *lib, const char *uri, const char *text,
                        struct error *err)
{
    struct buf shown = BUF_INIT, why = BUF_INIT;

    if (!text)
        text = lib->nbd_get_error();
    if (!text || !*text)
        text = "no reason is given";

    text_visible(&shown, uri, strlen(uri));
    text_visible(&why, text, strlen(text));
    err_set(err, ERR_IO, "cannot open '%s': %s", buf_str(&shown), buf_str(&why));
    buf_free(&shown);
    buf_free(&why);
    return false;
}

/* Talks until the connection can be used. False: it cannot, *why says so where libnbd does
 * not. */
static bool handshake(const struct nbd_lib *lib, struct nbd_handle *h, const char **why)
{
    struct timespec begun;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (unsigned events = 0; lib->nbd_aio_is_ready(h) <= 0; events++) {
        if (lib->nbd_aio_is_dead(h) || lib->nbd_aio_is_closed(h))
            return false;
        if (nbd_longer_than(NBD_CONNECT_MAX, &begun)) {
            *why = "the server takes too long to answer";
            return false;
        }
        if (events == NBD_CONNECT_EVENTS_MAX) {
            *why = "the server does not come to an end with its greeting";
            return false;
        }
        if (lib->nbd_poll(h, 1000) < 0)
            return false;
    }
    return true;
}

static struct nbd_handle *connect_one(const struct nbd_lib *lib, const char *uri,
                                      const char **why)
{
    struct nbd_handle *h = lib->nbd_create();

    if (h && lib->nbd_add_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0 &&
        lib->nbd_set_uri_allow_local_file(h, true) == 0 &&
        lib->nbd_aio_connect_uri(h, uri) == 0 && handshake(lib, h, why))
        return h;
    if (h)
        lib->nbd_close(h);
    return NULL;
}

/* Asks what the server can do. */
static bool ask_server(const struct nbd_lib *lib, struct nbd_handle *h, struct nbd_server *out)
{
    int64_t size = lib->nbd_get_size(h);
    int64_t least = lib->nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM);
    int64_t most = lib->nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);

    if (size < 0)
        return false;
    out->size = (uint64_t)size;
    out->min_block = least > 1 ? (uint64_t)least : 1;
    out->max_read = most > 0 ? u64_min((uint64_t)most, READ_MAX) : READ_MAX;
    out->max_read = u64_max(out->max_read, out->min_block);
    out->extents = lib->nbd_can_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
    out->connections = 1;
    return true;
}

bool nbd_connect(const struct nbd_lib *lib, const char *uri, struct nbd_handle **conn, unsigned n,
                 struct nbd_server *server, struct error *err)
{
    struct nbd_handle *first;
    const char *why = NULL;

    first = connect_one(lib, uri, &why);
    if (first && !ask_server(lib, first, server))
        why = "the export has no size, or one past 2^63 - 1 bytes";
    if (!first || why) {
        cannot_open(lib, uri, why, err);
        if (first)
            lib->nbd_close(first);
        return false;
    }
    conn[0] = first;
    if (lib->nbd_can_multi_conn(first) > 0)     /* as many as it lets us have; one is enough */
        while (server->connections < n &&
               (conn[server->connections] = connect_one(lib, uri, &why)) != NULL)
            server->connections++;
    return true;
}
