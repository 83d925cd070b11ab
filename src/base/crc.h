/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Checksums of file systems. */
#ifndef QCHECK_BASE_CRC_H
#define QCHECK_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli), reflected: ext4, XFS, btrfs. Start with UINT32_MAX, or go on with an
 * earlier result. Inverts neither its start nor its result, since the formats differ in that:
 * XFS and btrfs store the inverse, ext4 does not. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
