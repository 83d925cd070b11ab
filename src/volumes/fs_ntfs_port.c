/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#ifdef HAVE_LIBNTFS

#include <errno.h>
#include <string.h>

#include "volumes/fs_ntfs.h"

static int port_open(struct ntfs_device *dev, int flags)
{
    (void)flags;
    NDevSetReadOnly(dev);
    NDevSetOpen(dev);
    return 0;
}

static int port_close(struct ntfs_device *dev)
{
    NDevClearOpen(dev);
    return 0;
}

static s64 port_seek(struct ntfs_device *dev, s64 offset, int whence)
{
    struct ntfs_port *p = dev->d_private;

    p->at = whence == SEEK_CUR ? p->at + offset
          : whence == SEEK_END ? (s64)p->fs->v->len + offset : offset;
    return p->at;
}

static s64 port_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
    struct ntfs_port *p = dev->d_private;

    if (count < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    fs_volume_read(p->fs->w, p->fs->v, (uint64_t)offset, buf, (size_t)count);
    return count;
}

static s64 port_read(struct ntfs_device *dev, void *buf, s64 count)
{
    struct ntfs_port *p = dev->d_private;
    s64 n = port_pread(dev, buf, count, p->at);

    if (n > 0)
        p->at += n;
    return n;
}

static s64 port_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    (void)dev, (void)buf, (void)count;
    errno = EROFS;
    return -1;
}

static s64 port_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
    (void)offset;
    return port_write(dev, buf, count);
}

static int port_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int port_stat(struct ntfs_device *dev, struct stat *st)
{
    struct ntfs_port *p = dev->d_private;

    memset(st, 0, sizeof *st);
    st->st_mode = S_IFREG | 0400;
    st->st_size = (off_t)p->fs->v->len;
    return 0;
}

static int port_ioctl(struct ntfs_device *dev, unsigned long request, void *arg)
{
    (void)dev, (void)request, (void)arg;
    errno = EOPNOTSUPP;
    return -1;
}

struct ntfs_device_operations fs_ntfs_port = {
    .open = port_open, .close = port_close, .seek = port_seek, .read = port_read,
    .write = port_write, .pread = port_pread, .pwrite = port_pwrite, .sync = port_sync,
    .stat = port_stat, .ioctl = port_ioctl,
};

#endif
