/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed clusters. Spec: "Compressed Clusters Descriptor". */
#ifndef QCHECK_QCOW2_DECOMPRESS_H
#define QCHECK_QCOW2_DECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "qcow2/image.h"

/* Decompresses one cluster after another; each thread has its own. */
struct unpacker;
struct unpacker *unpacker_new(void);        /* NULL: out of memory */
void unpacker_free(struct unpacker *u);     /* accepts NULL */

/* Inflates the in_len bytes at `in` (raw deflate, or zstd where `type`, of the header, says
 * so) to exactly out_len bytes. False with a reason when the stream is broken, makes less, or
 * this build lacks zstd; `out` then holds what could be made of it. */
bool unpacker_run(struct unpacker *u, uint64_t type, const uint8_t *in, size_t in_len,
                  uint8_t *out, size_t out_len, struct error *err);

/* The same for a stream of which the end is not known: *used is how many bytes of `in` it has.
 * False as well where it makes more than out_len bytes. */
bool unpacker_take(struct unpacker *u, uint64_t type, const uint8_t *in, size_t in_len,
                   uint8_t *out, size_t out_len, size_t *used);

/* Decompresses one cluster: reads host_len bytes at host_off (fewer where the file ends),
 * inflates (raw deflate or zstd by the header) into out, cluster_size bytes. False with a
 * reason when the stream is broken or this build lacks zstd; out then holds what could be
 * made of it, and zeros. */
bool cluster_decompress(const struct image *img, uint64_t host_off, uint64_t host_len,
                        uint8_t *out, struct error *err);

#endif
