/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed clusters. Spec: "Compressed Clusters Descriptor". */
#ifndef QCHECK_QCOW2_DECOMPRESS_H
#define QCHECK_QCOW2_DECOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "qcow2/image.h"

/* Decompresses one cluster: reads host_len bytes at host_off (fewer where the file ends),
 * inflates (raw deflate or zstd by the header) into out, cluster_size bytes. False with a
 * reason when the stream is broken or this build lacks zstd; out then holds what could be
 * made of it, and zeros. */
bool cluster_decompress(const struct image *img, uint64_t host_off, uint64_t host_len,
                        uint8_t *out, struct error *err);

#endif
