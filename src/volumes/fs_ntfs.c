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

#include "volumes/fs_ntfs.h"
#include <ntfs-3g/dir.h>
#include <ntfs-3g/mft.h>

#define NTFS_CALLS(X) \
    X(ntfs_attr_get_search_ctx) \
    X(ntfs_attr_lookup) \
    X(ntfs_attr_pread) \
    X(ntfs_attr_put_search_ctx) \
    X(ntfs_device_alloc) \
    X(ntfs_device_mount) \
    X(ntfs_file_record_read) \
    X(ntfs_inode_close) \
    X(ntfs_inode_open) \
    X(ntfs_log_handler_null) \
    X(ntfs_log_set_handler) \
    X(ntfs_mapping_pairs_decompress) \
    X(ntfs_readdir) \
    X(ntfs_umount) \
    X(ntfs_volume_startup)
struct ntfs_lib { NTFS_CALLS(LIBRARY_CALL) };

static struct ntfs_lib lib;
static const char *const names[] = { NTFS_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBNTFS, "ntfs-3g-libs", "files of NTFS", names, lib);

#define PROGRESS_RECORDS 16384
#define BITMAP_BYTES     65536

/* --- file records --- */

struct ntfs_work {
    struct fs *fs;
    ntfs_volume *vol;
    struct fs_names names;
    uint64_t unreadable;            /* file records */
    bool records_lost;              /* some, by what the disk lacks */
    bool in_pieces;                 /* some files: see struct fs_node */
    uint64_t dir;                   /* number of the directory that names are read from */
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
    r->name_len = names_utf8(p + 66, n, r->name);
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

static void keep(struct ntfs_work *n, uint64_t number, bool directory, bool in_pieces,
                 const struct record *r)
{
    bool wanted = (n->fs->w->want == VOLUMES_ALL && number >= FILE_first_user) ||
                  fs_wants(n->fs->w, &r->touch) ||
                  (r->flags && n->fs->w->want == VOLUMES_LACKING);
    struct fs_node *node;

    if (send_own(n, number, r) || (!wanted && !directory && !in_pieces))
        return;
    node = names_add(&n->names, number);
    if (!node)
        return;
    node->kind = directory ? ITEM_DIRECTORY : ITEM_FILE;
    node->flags = r->flags;
    node->size = directory ? NO_ADDRESS : r->size;
    node->touch = r->touch;
    node->wanted = wanted;
    node->in_pieces = in_pieces;
    n->in_pieces |= in_pieces;
    if (r->name_len && number != FILE_root)
        names_name(&n->names, node, r->parent, r->name, r->name_len);
}

static bool next_attribute(ntfs_attr_search_ctx *ctx)
{
    return lib.ntfs_attr_lookup(AT_UNUSED, NULL, 0, CASE_SENSITIVE, 0, NULL, 0, ctx) == 0;
}

/* False when some cannot be found. */
static bool take_attributes(struct ntfs_work *n, struct record *r, ntfs_inode *ni,
                            MFT_RECORD *record)
{
    ntfs_attr_search_ctx *ctx = lib.ntfs_attr_get_search_ctx(ni, record);

    bool all;

    while (ctx && next_attribute(ctx))
        take_attribute(n, r, ctx->attr);
    all = ctx && errno == ENOENT;
    if (ctx)
        lib.ntfs_attr_put_search_ctx(ctx);
    return all;
}

/* A file of which the list of its records, or one of them, is lost: the first record alone. The
 * others are found by `take_pieces`. */
static void take_first_record(struct ntfs_work *n, uint64_t number)
{
    struct record r = { .touch = TOUCH_INIT, .flags = ITEM_MAP_LOST };
    MFT_RECORD *record = NULL;

    if (lib.ntfs_file_record_read(n->vol, (MFT_REF)number, &record, NULL) != 0) {
        n->unreadable++;
        return;
    }
    if ((record->flags & MFT_RECORD_IN_USE) && !record->base_mft_record) {
        take_attributes(n, &r, NULL, record);
        keep(n, number, record->flags & MFT_RECORD_IS_DIRECTORY, true, &r);
    }
    free(record);
}

static void take_record(struct ntfs_work *n, uint64_t number)
{
    struct record r = { .touch = TOUCH_INIT, .size = 0 };
    uint64_t known[N_LACKS];
    ntfs_inode *ni;
    bool whole;

    memcpy(known, n->fs->known, sizeof known);
    errno = 0;
    ni = lib.ntfs_inode_open(n->vol, (MFT_REF)number);
    if (!ni) {
        if (errno != ENOENT)
            take_first_record(n, number);
        return;
    }
    whole = take_attributes(n, &r, ni, NULL);
    if (number == FILE_MFT)
        n->records_lost = r.touch.bytes[LACK_LOST] || r.touch.bytes[LACK_UNMAPPED];
    if (whole || number < FILE_first_user) {
        keep(n, number, ni->mrec->flags & MFT_RECORD_IS_DIRECTORY, false, &r);
    } else {
        memcpy(n->fs->known, known, sizeof known);      /* it is counted anew */
        take_first_record(n, number);
    }
    lib.ntfs_inode_close(ni);
}

/* What other records say of a file in pieces. */
static void take_piece(struct ntfs_work *n, uint64_t number)
{
    struct record r = { .touch = TOUCH_INIT, .size = 0 };
    MFT_RECORD *record = NULL;
    struct fs_node *node;

    if (lib.ntfs_file_record_read(n->vol, (MFT_REF)number, &record, NULL) != 0)
        return;
    node = (record->flags & MFT_RECORD_IN_USE) && record->base_mft_record
         ? names_find(&n->names, MREF_LE(record->base_mft_record)) : NULL;
    if (node && node->in_pieces) {
        r.size = node->size;
        r.touch = node->touch;
        take_attributes(n, &r, NULL, record);
        node->touch = r.touch;
        node->wanted |= fs_wants(n->fs->w, &r.touch);
        if (node->kind == ITEM_FILE)
            node->size = r.size;
        if (r.name_len)
            names_name(&n->names, node, r.parent, r.name, r.name_len);
    }
    free(record);
}

/* --- tables that are not all there --- */

/* Does any of [start, end) of what has these runs lie in a part that is not there? */
static bool runs_lack(const struct ntfs_work *n, const runlist_element *e, uint64_t start,
                      uint64_t end)
{
    const uint64_t cluster = n->vol->cluster_size;

    for (; e && e->length > 0; e++) {
        uint64_t from = u64_max(start, (uint64_t)e->vcn * cluster);
        uint64_t to = u64_min(end, (uint64_t)(e->vcn + e->length) * cluster);
        uint64_t off = (uint64_t)(e->lcn - e->vcn) * cluster + from;

        if (e->lcn >= 0 && from < to &&
            (fs_lacking(n->fs, LACK_LOST, off, to - from) ||
             fs_lacking(n->fs, LACK_UNMAPPED, off, to - from)))
            return true;
    }
    return false;
}

/* --- names that only directories have --- */

static bool record_lost(const struct ntfs_work *n, uint64_t number)
{
    const uint64_t size = n->vol->mft_record_size;

    return runs_lack(n, n->vol->mft_na->rl, number * size, (number + 1) * size);
}

static int take_entry(void *arg, const ntfschar *text, int len, int kind, s64 pos, MFT_REF ref,
                      unsigned type)
{
    struct ntfs_work *n = arg;
    const uint64_t number = MREF(ref);
    struct fs_node *node;
    char name[4 * 255 + 1];

    (void)pos;
    if (kind == FILE_NAME_DOS || len <= 0 || len > 255 || number < FILE_first_user ||
        number > UINT32_MAX)
        return 0;
    node = names_find(&n->names, number);
    if (!node && record_lost(n, number)) {
        node = names_add(&n->names, number);
        if (!node)
            return -1;
        node->kind = type == NTFS_DT_DIR ? ITEM_DIRECTORY : ITEM_FILE;
        node->flags = ITEM_INODE_LOST;
        node->size = NO_ADDRESS;
        node->wanted = n->fs->w->want != VOLUMES_ASKED;
    }
    if (node && !node->name)
        names_name(&n->names, node, n->dir, name,
                   names_utf8((const uint8_t *)text, (size_t)len, name));
    return 0;
}

static void read_directories(struct ntfs_work *n)
{
    const uint32_t last = n->names.n;

    for (uint32_t i = 0; i < last; i++) {
        ntfs_inode *ni = NULL;
        s64 pos = 0;

        if (n->names.node[i].kind != ITEM_DIRECTORY)
            continue;
        n->dir = n->names.node[i].id;
        ni = lib.ntfs_inode_open(n->vol, (MFT_REF)n->dir);
        if (!ni)
            continue;
        lib.ntfs_readdir(ni, &pos, n, take_entry);
        lib.ntfs_inode_close(ni);
    }
}

/* --- free space --- */

/* Clusters that lost parts of the bitmap stand for are not free; are there any? */
static bool mask_lost(const struct ntfs_work *n, uint64_t at, uint8_t *bits)
{
    const uint32_t step = n->vol->cluster_size < BITMAP_BYTES ? n->vol->cluster_size
                                                              : BITMAP_BYTES;
    bool any = false;

    for (uint32_t i = 0; fs_any(n->fs) && i < BITMAP_BYTES; i += step) {
        if (!runs_lack(n, n->vol->lcnbmp_na->rl, at + i, at + i + step))
            continue;
        memset(bits + i, 0xff, step);
        any = true;
    }
    return any;
}

static void count_free(struct ntfs_work *n)
{
    const uint64_t cluster = n->vol->cluster_size;
    struct touch t = TOUCH_INIT;
    uint8_t *bits = malloc(BITMAP_BYTES);
    uint64_t clusters = (uint64_t)n->vol->nr_clusters, free_clusters = 0, at = 0;
    bool bits_lost = false;

    for (; bits && n->vol->lcnbmp_na && at < div_up(clusters, 8); at += BITMAP_BYTES) {
        uint64_t first = at * 8, last = u64_min(clusters, first + 8 * BITMAP_BYTES);
        bool lacking = fs_lacks_any(n->fs, first * cluster, (last - first) * cluster);

        memset(bits, 0xff, BITMAP_BYTES);
        if (lib.ntfs_attr_pread(n->vol->lcnbmp_na, (s64)at, BITMAP_BYTES, bits) <= 0)
            break;
        bits_lost |= mask_lost(n, at, bits);
        for (uint64_t c = first; c < last; c++) {
            if (bits[c / 8 - at] & 1u << c % 8)
                continue;
            free_clusters++;
            if (lacking)
                touch_add(n->fs, &t, c * cluster, cluster, NO_ADDRESS);
        }
    }
    if (at >= div_up(clusters, 8) && free_clusters <= clusters && !bits_lost)
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
    for (uint64_t i = 0; n->in_pieces && i < count; i++)
        take_piece(n, i);
    if (n->records_lost || n->in_pieces)
        read_directories(n);
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
    dev = lib.ntfs_device_alloc("disk", 0, &fs_ntfs_port, &p);
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
