/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* NTFS by libntfs-3g: one pass over all file records, which hold names and places alike. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/num.h"
#include "volumes/fs_names.h"

#ifdef HAVE_LIBNTFS

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

#define NTFS_CALLS(X) \
    X(ntfs_attr_get_search_ctx) \
    X(ntfs_attr_lookup) \
    X(ntfs_attr_pread) \
    X(ntfs_attr_put_search_ctx) \
    X(ntfs_device_alloc) \
    X(ntfs_device_mount) \
    X(ntfs_inode_close) \
    X(ntfs_inode_open) \
    X(ntfs_log_handler_null) \
    X(ntfs_log_set_handler) \
    X(ntfs_mapping_pairs_decompress) \
    X(ntfs_umount) \
    X(ntfs_volume_startup)
struct ntfs_lib { NTFS_CALLS(LIBRARY_CALL) };

static struct ntfs_lib lib;
static const char *const names[] = { NTFS_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBNTFS, "ntfs-3g-libs", "files of NTFS", names, lib);

#define PROGRESS_RECORDS 16384
#define BITMAP_BYTES     65536

/* --- the library's way to read --- */

struct ntfs_port { struct fs *fs; s64 at; };

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

static struct ntfs_device_operations port = {
    .open = port_open, .close = port_close, .seek = port_seek, .read = port_read,
    .write = port_write, .pread = port_pread, .pwrite = port_pwrite, .sync = port_sync,
    .stat = port_stat, .ioctl = port_ioctl,
};

/* --- file records --- */

struct ntfs_work {
    struct fs *fs;
    ntfs_volume *vol;
    struct fs_names names;
    uint64_t unreadable;            /* file records */
};

/* What one record says. */
struct record {
    struct touch touch;
    uint64_t size, parent;
    char name[4 * 255 + 1];
    size_t name_len;
    int name_rank;                  /* Windows names before those of DOS */
    uint8_t flags;
};

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Half a surrogate pair stays as it is: no valid UTF-8, and shown so. */
static size_t to_utf8(const uint8_t *p, size_t n, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t c = p[2 * i] | (uint32_t)p[2 * i + 1] << 8;

        if (c >= 0xd800 && c < 0xdc00 && i + 1 < n && (p[2 * i + 3] & 0xfc) == 0xdc) {
            uint32_t low = p[2 * i + 2] | (uint32_t)p[2 * i + 3] << 8;

            c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
            i++;
        }
        len += put_utf8(out + len, c);
    }
    return len;
}

static void take_name(struct record *r, const ATTR_RECORD *a)
{
    const uint8_t *p = (const uint8_t *)a + le16_to_cpu(a->value_offset);
    size_t len = le32_to_cpu(a->value_length), n;
    int rank;

    if (le16_to_cpu(a->value_offset) + len > le32_to_cpu(a->length) || len < 66)
        return;
    n = p[64];
    rank = p[65] == FILE_NAME_DOS ? 1 : 2;
    if (66 + 2 * n > len || rank <= r->name_rank)
        return;
    r->name_rank = rank;
    r->name_len = to_utf8(p + 66, n, r->name);
    r->parent = be_load((const uint8_t[]){ p[5], p[4], p[3], p[2], p[1], p[0] }, 6);
}

static void take_runs(struct ntfs_work *n, struct record *r, const ATTR_RECORD *a)
{
    const uint64_t cluster = n->vol->cluster_size;
    runlist_element *runs = lib.ntfs_mapping_pairs_decompress(n->vol, a, NULL);

    if (!runs) {
        r->flags |= ITEM_MAP_LOST;
        return;
    }
    for (const runlist_element *e = runs; e->length > 0; e++) {
        uint64_t off, len, file_off;

        if (e->lcn >= 0 && u64_mul((uint64_t)e->lcn, cluster, &off) &&
            u64_mul((uint64_t)e->length, cluster, &len) && e->vcn >= 0 &&
            u64_mul((uint64_t)e->vcn, cluster, &file_off))
            touch_add(n->fs, &r->touch, off, len, file_off);
    }
    free(runs);
}

static void take_attribute(struct ntfs_work *n, struct record *r, const ATTR_RECORD *a)
{
    bool data = a->type == AT_DATA && a->name_length == 0;

    if (a->type == AT_FILE_NAME && !a->non_resident)
        take_name(r, a);
    if (data && !a->non_resident)
        r->size = le32_to_cpu(a->value_length);
    else if (data && sle64_to_cpu(a->lowest_vcn) == 0)
        r->size = (uint64_t)sle64_to_cpu(a->data_size);
    if (a->non_resident && fs_any(n->fs))
        take_runs(n, r, a);
}

/* The file table and other tables of the file system itself are numbered below 16. */
static bool send_own(struct ntfs_work *n, uint64_t number, const struct record *r)
{
    uint64_t bytes = r->touch.bytes[LACK_LOST] + r->touch.bytes[LACK_UNMAPPED];

    if (number == FILE_MFT)
        fs_send_part(n->fs, ITEM_INODES, &r->touch, 0, bytes / n->vol->mft_record_size);
    else if (number == FILE_LogFile)
        fs_send_part(n->fs, ITEM_JOURNAL, &r->touch, number, 0);
    else if (number == FILE_Bitmap)
        fs_send_part(n->fs, ITEM_BITMAP, &r->touch, number, 1);
    else if (number == FILE_Boot || number == FILE_MFTMirr)
        fs_send_part(n->fs, ITEM_SUPER, &r->touch, number, 1);
    else
        return number == FILE_BadClus;
    return true;
}

static void keep(struct ntfs_work *n, uint64_t number, bool directory, const struct record *r)
{
    bool wanted = (n->fs->w->want == VOLUMES_ALL && number >= 16) || fs_wants(n->fs->w, &r->touch) ||
                  (r->flags && n->fs->w->want == VOLUMES_LACKING);
    struct fs_node *node;

    if (send_own(n, number, r) || (!wanted && !directory))
        return;
    node = names_add(&n->names, number);
    if (!node)
        return;
    node->kind = directory ? ITEM_DIRECTORY : ITEM_FILE;
    node->flags = r->flags;
    node->size = directory ? NO_ADDRESS : r->size;
    node->touch = r->touch;
    node->wanted = wanted;
    if (r->name_len && number != FILE_root)
        names_name(&n->names, node, r->parent, r->name, r->name_len);
}

static bool next_attribute(ntfs_attr_search_ctx *ctx)
{
    return lib.ntfs_attr_lookup(AT_UNUSED, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0;
}

static void take_record(struct ntfs_work *n, uint64_t number)
{
    struct record r = { .touch = TOUCH_INIT, .size = 0 };
    ntfs_inode *ni;
    ntfs_attr_search_ctx *ctx;

    errno = 0;
    ni = lib.ntfs_inode_open(n->vol, (MFT_REF)number);
    if (!ni) {
        n->unreadable += errno != ENOENT;
        return;
    }
    ctx = lib.ntfs_attr_get_search_ctx(ni, NULL);
    while (ctx && next_attribute(ctx))
        take_attribute(n, &r, ctx->attr);
    if (ctx && errno != ENOENT)
        r.flags |= ITEM_MAP_LOST;
    if (ctx)
        lib.ntfs_attr_put_search_ctx(ctx);
    keep(n, number, ni->mrec->flags & MFT_RECORD_IS_DIRECTORY, &r);
    lib.ntfs_inode_close(ni);
}

/* --- free space --- */

static void count_free(struct ntfs_work *n)
{
    const uint64_t cluster = n->vol->cluster_size;
    struct touch t = TOUCH_INIT;
    uint8_t *bits = malloc(BITMAP_BYTES);
    uint64_t clusters = (uint64_t)n->vol->nr_clusters, free_clusters = 0, at = 0;

    for (; bits && n->vol->lcnbmp_na && at < div_up(clusters, 8); at += BITMAP_BYTES) {
        uint64_t first = at * 8, last = u64_min(clusters, first + 8 * BITMAP_BYTES);
        bool lacking = fs_lacks_any(n->fs, first * cluster, (last - first) * cluster);

        memset(bits, 0xff, BITMAP_BYTES);
        if (lib.ntfs_attr_pread(n->vol->lcnbmp_na, (s64)at, BITMAP_BYTES, bits) <= 0)
            break;
        for (uint64_t c = first; c < last; c++) {
            if (bits[c / 8 - at] & 1u << c % 8)
                continue;
            free_clusters++;
            if (lacking)
                touch_add(n->fs, &t, c * cluster, cluster, NO_ADDRESS);
        }
    }
    if (at >= div_up(clusters, 8) && free_clusters <= clusters)
        n->fs->v->used = (clusters - free_clusters) * cluster;
    free(bits);
    t.bytes[LACK_UNMAPPED] = 0;             /* as it should be */
    fs_send_part(n->fs, ITEM_FREE, &t, 0, 0);
}

static void scan(struct ntfs_work *n)
{
    uint64_t count = (uint64_t)n->vol->mft_na->initialized_size >> n->vol->mft_record_size_bits;

    for (uint64_t i = 0; i < count; i++) {
        take_record(n, i);
        if (i % PROGRESS_RECORDS == 0)
            fs_progress(n->fs, i, count);
    }
    names_send(n->fs, &n->names);
}

/* Where tables are lost without which nothing can be mounted, the file table alone will do. */
static ntfs_volume *open_volume(struct ntfs_work *n, struct ntfs_device *dev)
{
    const ntfs_mount_flags flags = NTFS_MNT_RDONLY | NTFS_MNT_FORENSIC |
                                   NTFS_MNT_IGNORE_HIBERFILE;
    ntfs_volume *vol;
    int why;

    fs_ntfs_use_mirror(n->fs);
    vol = lib.ntfs_device_mount(dev, flags);
    if (vol)
        return vol;
    why = errno;
    vol = lib.ntfs_volume_startup(dev, flags);
    if (vol)
        fs_note(n->fs->v, "its own tables are damaged (%s): file records are read one by one",
                strerror(why));
    return vol;
}

bool fs_ntfs(struct fs *fs)
{
    struct ntfs_port p = { fs, 0 };
    struct ntfs_device *dev;
    struct ntfs_work n = { .fs = fs, .names = { .root = FILE_root } };

    lib.ntfs_log_set_handler(lib.ntfs_log_handler_null);
    dev = lib.ntfs_device_alloc("disk", 0, &port, &p);
    if (dev)
        n.vol = open_volume(&n, dev);
    if (!n.vol) {
        fs_note(fs->v, "cannot be read: %s", strerror(errno));
        return false;
    }
    if (fs->w->want == VOLUMES_ALL ||
        (fs->w->want != VOLUMES_ONLY && fs_any(fs)))
        scan(&n);
    count_free(&n);
    if (n.unreadable)
        fs_note(fs->v, "%llu file records cannot be read",
                 (unsigned long long)n.unreadable);
    if (n.names.cut)
        fs_note(fs->v, "too many files: some are left out");
    names_free(&n.names);
    lib.ntfs_umount(n.vol, TRUE);
    return true;
}

bool fs_ntfs_load(struct error *err)
{
    return library_load(&library, err);
}

#else

bool fs_ntfs(struct fs *fs)
{
    (void)fs;
    return false;
}

bool fs_ntfs_load(struct error *err)
{
    return err_set(err, ERR_USAGE, "files of NTFS: this build lacks libntfs-3g");
}

#endif
