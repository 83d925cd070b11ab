/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif

#include "base/num.h"
#include "base/source_backend.h"
#include "base/text.h"

struct file {
    struct source base;
    int fd;
    bool block;                         /* a block device */
    uint64_t allocated;                 /* bytes */
    const char *fs_type;
    bool in_use;
    struct timespec mtime;              /* when opened */
    uint64_t stamp;
};

static void file_close(struct source *src)
{
    close(((struct file *)src)->fd);
    source_free_base(src);
}

static void file_info(struct source *src, struct source_info *out)
{
    const struct file *f = (const struct file *)src;

    out->kind = f->block ? SOURCE_BLOCK : SOURCE_FILE;
    out->allocated = f->allocated;
    out->fs_type = f->fs_type;
    out->in_use = f->in_use;
    out->stamp = f->stamp;
    out->batch_bytes = 1u << 18;
    out->batch_reqs = 64;
}

static ssize_t file_readv(struct source *src, const struct iovec *iov, int n,
                          uint64_t off)
{
    ssize_t got = preadv(((struct file *)src)->fd, iov, n, (off_t)off);

    return got < 0 ? -errno : got;
}

static void file_read_many(struct source *src, struct source_req *req, size_t n)
{
    source_read_gathered(src, file_readv, req, n);
}

static void file_advise(struct source *src, uint64_t off, uint64_t len)
{
    (void)posix_fadvise(((struct file *)src)->fd, (off_t)off, (off_t)len,
                        POSIX_FADV_WILLNEED);
}

/* lseek moves the file position, which nothing here uses: pread names its own. */
static bool file_next_data(struct source *src, uint64_t from, uint64_t *start,
                           uint64_t *end)
{
#if defined SEEK_DATA && defined SEEK_HOLE
    const struct file *f = (const struct file *)src;
    off_t data = lseek(f->fd, (off_t)from, SEEK_DATA);
    off_t hole;

    if (data < 0 && errno == ENXIO)
        return false;
    if (data >= 0) {
        hole = lseek(f->fd, data, SEEK_HOLE);
        *start = u64_max((uint64_t)data, from);
        *end = hole < 0 ? src->size : u64_min((uint64_t)hole, src->size);
        if (*start >= src->size)
            return false;
        if (*end > *start)
            return true;
    }
#endif
    *start = from;
    *end = src->size;
    return true;
}

/* Bytes of an open file or block device. */
static bool current_size(int fd, const struct stat *st, uint64_t *out)
{
    off_t end;

    if (!S_ISBLK(st->st_mode)) {
        *out = st->st_size < 0 ? 0 : (uint64_t)st->st_size;
        return true;
    }
#ifdef BLKGETSIZE64
    if (ioctl(fd, BLKGETSIZE64, out) == 0)
        return true;
#endif
    end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return false;
    *out = (uint64_t)end;
    return true;
}

/* fstat() of some C libraries asks for a path relative to the file, which the sandbox does not
 * tell from other paths. */
static int stat_open(int fd, struct stat *out)
{
#if defined __linux__ && defined SYS_fstat && defined __LP64__ && \
    (defined __x86_64__ || defined __aarch64__ || defined __riscv)
    return (int)syscall(SYS_fstat, fd, out);
#else
    return fstat(fd, out);
#endif
}

static bool file_changed(struct source *src, struct error *why)
{
    const struct file *f = (const struct file *)src;
    struct stat st;
    uint64_t size;

    if (stat_open(f->fd, &st) != 0 || !current_size(f->fd, &st, &size)) {
        err_set_sys(why, errno, "the file can no longer be looked at");
        return true;
    }
    if (size != src->size) {
        err_set(why, ERR_IO, "the file was %llu bytes long and is %llu now",
                (unsigned long long)src->size, (unsigned long long)size);
        return true;
    }
    if (!f->block && (st.st_mtim.tv_sec != f->mtime.tv_sec ||
                      st.st_mtim.tv_nsec != f->mtime.tv_nsec)) {
        err_set(why, ERR_IO, "the file has been written to");
        return true;
    }
    return false;
}

static const struct source_ops FILE_OPS = {
    .close = file_close,
    .info = file_info,
    .read_many = file_read_many,
    .advise = file_advise,
    .next_data = file_next_data,
    .changed = file_changed,
};

#ifdef __linux__
static const struct { unsigned long magic; const char *name; } FS_TYPES[] = {
    { 0xef53, "ext4" },                 /* ext2 and ext3 have the same number */
    { 0x58465342, "xfs" },
    { 0x9123683e, "btrfs" },
    { 0x2fc12fc1, "zfs" },
    { 0xf2f52010, "f2fs" },
    { 0xca451a4e, "bcachefs" },
    { 0x01021994, "tmpfs" },
    { 0x858458f6, "ramfs" },
    { 0x794c7630, "overlayfs" },
    { 0x6969, "nfs" },
    { 0xff534d42, "cifs" },
    { 0xfe534d42, "smb2" },
    { 0x00c36400, "ceph" },
    { 0x65735546, "fuse" },
    { 0x01161970, "gfs2" },
    { 0x7461636f, "ocfs2" },
    { 0x47504653, "gpfs" },
    { 0x0bd00bd0, "lustre" },
    { 0x4d44, "vfat" },
    { 0x2011bab0, "exfat" },
    { 0x5346544e, "ntfs" },
    { 0x7366746e, "ntfs3" },
    { 0x73717368, "squashfs" },
    { 0x9660, "iso9660" },
    { 0x01021997, "9p" },
    { 0x6a656a63, "virtiofs" },
    { 0x52654973, "reiserfs" },
    { 0x3153464a, "jfs" },
};
#endif

static const char *fs_type_of(int fd)
{
#ifdef __linux__
    struct statfs fs;

    if (fstatfs(fd, &fs) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof FS_TYPES / sizeof FS_TYPES[0]; i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == FS_TYPES[i].magic)
            return FS_TYPES[i].name;
#else
    (void)fd;
#endif
    return NULL;
}

/* Does somebody hold one of QEMU's locks for a permission that changes the file? QEMU
 * marks permission p by a lock on byte 100 + p; write, write-unchanged and resize are
 * 1, 2, 3. Only asks: no lock is taken at any time. */
static bool write_locked(int fd)
{
#ifdef F_OFD_GETLK
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 101,
                          .l_len = 3 };

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
#else
    (void)fd;
    return false;
#endif
}

/* Why this is nothing that can be inspected; NULL: it can. */
static const char *unfit(mode_t mode)
{
    if (S_ISREG(mode) || S_ISBLK(mode))
        return NULL;
    if (S_ISDIR(mode))
        return "is a directory";
    if (S_ISFIFO(mode))
        return "is a FIFO (named pipe); copy the image into a file first";
    if (S_ISSOCK(mode))
        return "is a socket";
    if (S_ISCHR(mode))
        return "is a character device";
    return "is neither a file nor a block device";
}

/* Opens it to be read. */
static bool open_path(const char *path, int *out, struct error *err)
{
    struct buf shown = BUF_INIT;
    struct stat st;
    const char *why;
    int fd = -1, flags;
    bool ok = false;

    text_visible(&shown, path, strlen(path));
    /* Asked before opening, because opening a device can already do something. */
    if (stat(path, &st) != 0) {
        err_set_sys(err, errno, "cannot open '%s'", buf_str(&shown));
        goto out;
    }
    why = unfit(st.st_mode);
    if (!why) {
        /* O_NONBLOCK: should it have become a FIFO by now, this does not wait. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) != 0) {
            err_set_sys(err, errno, "cannot open '%s'", buf_str(&shown));
            goto out;
        }
        why = unfit(st.st_mode);
    }
    if (why) {
        err_set(err, ERR_USAGE, "'%s' %s", buf_str(&shown), why);
        goto out;
    }
    flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    *out = fd;
    fd = -1;
    ok = true;
out:
    if (fd >= 0)
        close(fd);
    buf_free(&shown);
    return ok;
}

bool source_of_file(struct source_fd from, const char *name, struct source **out,
                    struct error *err)
{
    struct file *f = calloc(1, sizeof *f);
    struct stat st;
    uint64_t size;

    if (!f) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto failed;
    }
    if (stat_open(from.fd, &st) != 0 || !current_size(from.fd, &st, &size)) {
        err_set_sys(err, errno, "cannot find the size of the file");
        goto failed;
    }
    if (!source_init_base(&f->base, &FILE_OPS, name, size, err))
        goto failed;
    f->fd = from.fd;
    f->block = S_ISBLK(st.st_mode);
    f->allocated = f->block ? size : (uint64_t)st.st_blocks * 512;
    f->fs_type = f->block ? NULL : fs_type_of(from.fd);
    f->in_use = from.in_use;
    f->mtime = st.st_mtim;
    if (!f->block)
        f->stamp = source_stamp(source_stamp((uint64_t)st.st_ino, (uint64_t)st.st_mtim.tv_sec),
                                (uint64_t)st.st_mtim.tv_nsec);
    *out = &f->base;
    return true;
failed:
    free(f);
    close(from.fd);
    return false;
}

bool source_open_fd(const char *path, struct source_fd *out, struct error *err)
{
    if (!open_path(path, &out->fd, err))
        return false;
    out->in_use = write_locked(out->fd);
    return true;
}

bool source_open_file(const char *path, struct source **out, struct error *err)
{
    struct source_fd from;

    return source_open_fd(path, &from, err) && source_of_file(from, path, out, err);
}

bool source_is_file(const struct source *src)
{
    return src->ops == &FILE_OPS;
}

int source_file_fd(const struct source *src)
{
    return source_is_file(src) ? ((const struct file *)src)->fd : -1;
}
