/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Sending to the process that reads file systems, and receiving from it, so that it cannot hold
 * up the program: it may hang or be stopped in the middle of a message. */
#ifndef QCHECK_VOLUMES_WIRE_WATCHED_H
#define QCHECK_VOLUMES_WIRE_WATCHED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Waits for one of `events` of poll(); false as below. */
bool wire_wait(int fd, short events, const _Atomic bool *cancel, struct error *err);

/* All of the bytes. False: *cancel has become true (ERR_CANCELLED; NULL: it never does), the
 * process has ended (ERR_IO) or does nothing for two minutes (ERR_LIMIT). */
bool wire_send_watched(int fd, const void *bytes, size_t len, const _Atomic bool *cancel,
                       struct error *err);

/* What has come and was not asked for yet; at first { .fd = ... }. */
struct wire_in {
    int fd;
    size_t at, end;             /* of `bytes` */
    unsigned char bytes[64u << 10];
};
bool wire_receive_watched(struct wire_in *in, void *bytes, size_t len,
                          const _Atomic bool *cancel, struct error *err);

#endif
