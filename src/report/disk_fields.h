/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Structures that disks begin with, field by field: MBR, GPT, and the super blocks of ext4,
 * XFS, btrfs, NTFS, FAT, LVM2, LUKS and swap. */
#ifndef QCHECK_REPORT_DISK_FIELDS_H
#define QCHECK_REPORT_DISK_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include "report/out.h"

/* Lists what is found in `bytes`, which begin at guest byte `off`: super blocks where they
 * stand if a file system begins at bytes[0], the partition tables too if that is byte 0. */
void disk_fields(uint64_t off, const uint8_t *bytes, size_t len, struct out *out);

#endif
