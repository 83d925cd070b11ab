/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed clusters, decompressed: with a few kept for readers that take them in pieces. May be
 * used by several threads at once. */
#ifndef QCHECK_DISK_PACKED_H
#define QCHECK_DISK_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "qcow2/image.h"

enum packed_state { PACKED_FINE, PACKED_DAMAGED, PACKED_UNREADABLE, PACKED_NO_MEMORY };

struct packed;

bool packed_new(struct packed **out, struct error *err);
void packed_free(struct packed *p);         /* accepts NULL */

/* Bytes [in, in + len) of the cluster whose stream is the host_len bytes at host_off of file
 * number `depth`, which is `img`. What cannot be had is zeros. */
enum packed_state packed_read(struct packed *p, unsigned depth, const struct image *img,
                              uint64_t host_off, uint64_t host_len, uint64_t in, void *dst,
                              size_t len);

#endif
