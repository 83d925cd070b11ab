/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Requests to an NBD server, many in flight, on several connections where it offers them.
 *
 * One thread of its own talks to the server; any number of threads may hand it jobs and wait
 * for them. The only locks of this folder are here and in source_nbd.c, because whoever
 * reads need not know that reading from a network is shared work. */
#ifndef QCHECK_BASE_NBD_QUEUE_H
#define QCHECK_BASE_NBD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/nbd_connect.h"

struct nbd_queue;

/* What the server said about a range, in order and without gaps from `start`. */
struct nbd_extents {
    uint64_t start;             /* bytes */
    struct nbd_extent {
        uint64_t end;
        bool zero;              /* reads as zeros */
    } *list;                    /* owned */
    size_t n, cap;
};

/* One read, or a question where data is. */
struct nbd_job {
    uint64_t off;
    size_t len;
    uint8_t *dst;               /* len bytes; NULL: ask for extents instead */
    struct nbd_extents *extents;
    int error;                  /* out: 0 or errno */

    struct nbd_wait *wait;      /* the rest is the queue's own */
    struct nbd_conn *conn;
    struct nbd_job *next, *prev;
};

/* Connects to nbd://, nbds://, nbd+unix:// and the like. */
bool nbd_queue_open(const char *uri, struct nbd_queue **out, struct error *err);
void nbd_queue_close(struct nbd_queue *q);      /* accepts NULL; no job may be waiting */
void nbd_queue_interrupt(struct nbd_queue *q);  /* all jobs, now and later, fail at once */
const struct nbd_server *nbd_queue_server(const struct nbd_queue *q);

/* Does all jobs and returns when each is finished. A job whose connection is lost, or that
 * gets no answer while nothing at all arrives for NBD_SILENCE_MAX seconds, ends with an
 * error; once no connection is left all do at once. */
void nbd_queue_run(struct nbd_queue *q, struct nbd_job *job, size_t n);

#endif
