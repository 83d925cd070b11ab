/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#endif

#include "base/num.h"
#include "base/source_backend.h"

#define ZEROS (1u << 16)                /* bytes written at a time where there are no holes */

struct sink {
    int fd;
    char *name;                         /* owned */
    enum sink_mode mode;
    bool block;
    dev_t dev, rdev;
    ino_t ino;
    uint64_t allocated;                 /* bytes, when it was opened */
};

static bool look(struct sink *s, struct error *err)
{
    struct stat st;

    if (fstat(s->fd, &st) != 0)
        return err_set_sys(err, errno, "cannot look at it");
    s->block = S_ISBLK(st.st_mode);
    if (!s->block && !S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "neither a file nor a block device");
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    s->allocated = s->block ? 0 : (uint64_t)st.st_blocks * 512;
    s->rdev = st.st_rdev;
    return true;
}

bool sink_open(const char *path, enum sink_mode mode, struct sink **out, struct error *err)
{
    /* O_NONBLOCK: a FIFO without a reader must not be waited for. */
    int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    struct sink *s = calloc(1, sizeof *s);

    if (s)
        s->name = strdup(path);
    if (!s || !s->name) {
        free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (mode == SINK_NEW)
        flags |= O_CREAT | O_EXCL;
    else if (mode == SINK_OVERWRITE)
        flags |= O_CREAT;
    s->mode = mode;
    s->fd = open(path, flags, 0666);
    if (s->fd < 0) {
        if (errno == EEXIST)
            err_set(err, ERR_USAGE, "exists already; --overwrite would replace it");
        else
            err_set_sys(err, errno, "cannot be written");
        sink_close(s);
        return false;
    }
    if (!look(s, err)) {
        sink_close(s);
        return false;
    }
    *out = s;
    return true;
}

void sink_close(struct sink *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->name);
    free(s);
}

bool sink_is(const struct sink *s, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    if (s->block && S_ISBLK(st.st_mode))
        return st.st_rdev == s->rdev;
    return st.st_dev == s->dev && st.st_ino == s->ino;
}

const char *sink_name(const struct sink *s)
{
    return s->name;
}

bool sink_is_block(const struct sink *s)
{
    return s->block;
}

bool sink_begins_as_zeros(const struct sink *s)
{
    return !s->block && s->mode != SINK_RESUME;
}

bool sink_is_blank(const struct sink *s)
{
#ifdef SEEK_DATA
    return !s->block && lseek(s->fd, 0, SEEK_DATA) < 0 && errno == ENXIO;
#else
    return !s->block && lseek(s->fd, 0, SEEK_END) == 0;
#endif
}

bool sink_begin(struct sink *s, uint64_t size, struct error *err)
{
    if (size > INT64_MAX)
        return err_set(err, ERR_LIMIT, "no file can be that long");
    if (s->block) {
        off_t end = lseek(s->fd, 0, SEEK_END);

        if (end < 0 || (uint64_t)end < size)
            return err_set(err, ERR_SHORT, "the device has %llu bytes, %llu are needed",
                           (unsigned long long)(end < 0 ? 0 : end), (unsigned long long)size);
        return true;
    }
    if ((s->mode != SINK_RESUME && ftruncate(s->fd, 0) != 0) ||
        ftruncate(s->fd, (off_t)size) != 0)
        return err_set_sys(err, errno, "cannot be made %llu bytes long",
                           (unsigned long long)size);
    return true;
}

bool sink_clone(struct sink *s, int fd)
{
#ifdef FICLONE
    if (s->block || fd < 0 || ftruncate(s->fd, 0) != 0 || ioctl(s->fd, FICLONE, fd) != 0)
        return false;
    s->mode = SINK_RESUME;          /* sink_begin must not empty it again */
    return true;
#else
    (void)s;
    (void)fd;
    return false;
#endif
}

bool sink_write(struct sink *s, uint64_t off, const void *bytes, size_t len,
                struct error *err)
{
    const uint8_t *at = bytes;
    const uint64_t first = off;

    while (len) {
        ssize_t n = pwrite(s->fd, at, len, (off_t)off);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set_sys(err, n < 0 ? errno : EIO, "cannot be written");
        at += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
#ifdef SYNC_FILE_RANGE_WRITE
    /* On its way to the disk while more is made, so that the sync at the end is short. */
    (void)sync_file_range(s->fd, (off_t)first, (off_t)(off - first), SYNC_FILE_RANGE_WRITE);
#endif
    return true;
}

bool sink_zero(struct sink *s, uint64_t off, uint64_t len, struct error *err)
{
    static const uint8_t zeros[ZEROS];

#ifdef FALLOC_FL_PUNCH_HOLE
    if (!len || fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                          (off_t)len) == 0)
        return true;
#endif
    for (; len; off += ZEROS, len -= u64_min(len, ZEROS))
        if (!sink_write(s, off, zeros, (size_t)u64_min(len, ZEROS), err))
            return false;
    return true;
}

bool sink_replace(struct sink *s, const void *bytes, size_t len, struct error *err)
{
    if (!sink_write(s, 0, bytes, len, err))
        return false;
    if (ftruncate(s->fd, (off_t)len) != 0)
        return err_set_sys(err, errno, "cannot be cut to its length");
    return true;
}

bool sink_read_back(const struct sink *s, uint64_t off, void *bytes, size_t len, size_t *got,
                    struct error *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(s->fd, (uint8_t *)bytes + done, len - done,
                          (off_t)(off + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_sys(err, errno, "cannot be read");
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return true;
}

bool sink_sync(struct sink *s, struct error *err)
{
    return fsync(s->fd) == 0 || err_set_sys(err, errno, "cannot be synced");
}

uint64_t sink_free_space(const struct sink *s)
{
    struct statvfs fs;
    uint64_t bytes;

    if (s->block)
        return UINT64_MAX;
    if (fstatvfs(s->fd, &fs) != 0 ||
        !u64_mul((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &bytes))
        return UINT64_MAX;
    return bytes;
}

uint64_t sink_replaced_space(const struct sink *s)
{
    return s->mode == SINK_OVERWRITE ? s->allocated : 0;
}

/* --- the locks of QEMU (block/file-posix.c: a byte for each permission used, from 100 on, and
 * one for each that is not shared, from 200 on) --- */

#ifdef F_OFD_SETLK
static bool lock_bytes(int fd, int command, short type, off_t first, struct flock *out)
{
    *out = (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = first,
                           .l_len = 4 };
    return fcntl(fd, command, out) == 0;
}

bool sink_lock_image(struct sink *s, struct error *err)
{
    static const off_t base[] = { 100, 200 };
    struct flock lock;

    for (int i = 0; i < 2; i++)
        if (!lock_bytes(s->fd, F_OFD_SETLK, F_RDLCK, base[i], &lock))
            return err_set_sys(err, errno, "cannot be locked");
    for (int i = 0; i < 2; i++) {
        if (!lock_bytes(s->fd, F_OFD_GETLK, F_WRLCK, base[i], &lock))
            return err_set_sys(err, errno, "cannot look for locks");
        if (lock.l_type != F_UNLCK)
            return err_set(err, ERR_USAGE, "is in use by another process; shut down the "
                           "virtual machine first");
    }
    return true;
}
#else
bool sink_lock_image(struct sink *s, struct error *err)
{
    (void)s;
    return err_set(err, ERR_USAGE, "cannot be locked: this system has no locks of open files");
}
#endif

/* --- reading what was written --- */

struct written {
    struct source base;
    int fd;                             /* borrowed */
};

static void written_close(struct source *src)
{
    source_free_base(src);
}

static void written_info(struct source *src, struct source_info *out)
{
    out->kind = SOURCE_FILE;
    out->allocated = src->size;
    out->batch_bytes = 1u << 20;
    out->batch_reqs = 64;
}

static ssize_t written_readv(struct source *src, const struct iovec *iov, int n, uint64_t off)
{
    ssize_t got = preadv(((struct written *)src)->fd, iov, n, (off_t)off);

    return got < 0 ? -errno : got;
}

static void written_read_many(struct source *src, struct source_req *req, size_t n)
{
    source_read_gathered(src, written_readv, req, n);
}

static const struct source_ops WRITTEN_OPS = {
    .close = written_close,
    .info = written_info,
    .read_many = written_read_many,
};

bool sink_open_source(struct sink *s, struct source **out, struct error *err)
{
    struct written *w = calloc(1, sizeof *w);
    off_t end = lseek(s->fd, 0, SEEK_END);

    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (end < 0) {
        free(w);
        return err_set_sys(err, errno, "cannot find its length");
    }
    if (!source_init_base(&w->base, &WRITTEN_OPS, s->name, (uint64_t)end, err)) {
        free(w);
        return false;
    }
    w->fd = s->fd;
    *out = &w->base;
    return true;
}
