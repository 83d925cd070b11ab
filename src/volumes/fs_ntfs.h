/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How libntfs-3g reads a volume. */
#ifndef QCHECK_VOLUMES_FS_NTFS_H
#define QCHECK_VOLUMES_FS_NTFS_H

#include "volumes/fs_work.h"

/* Its headers have other things of these names. */
#define be16 ntfs_be16
#define be32 ntfs_be32
#define be64 ntfs_be64
#include <ntfs-3g/types.h>
#include <ntfs-3g/layout.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/volume.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/attrib.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/logging.h>
#undef be16
#undef be32
#undef be64

struct ntfs_port { struct fs *fs; s64 at; };

/* Of a device whose private data is a struct ntfs_port. */
extern struct ntfs_device_operations fs_ntfs_port;

#endif
