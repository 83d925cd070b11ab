/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* ext2, ext3 and ext4 by libext2fs: one scan of all inodes, then one walk through all
 * directories for the names of those that matter. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "volumes/fs_names.h"

#ifdef HAVE_LIBEXT2FS

#include "volumes/fs_ext.h"

#define SCAN_BYTES      (256u << 10)        /* of inode tables read at once */
#define PROGRESS_INODES 65536

static struct ext_lib calls;
static const char *const names[] = { EXT_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBEXT2FS, "e2fsprogs-libs", "files of ext2, ext3 and ext4", names, calls);

/* --- the library's way to read: libext2fs knows one disk at a time --- */

static struct fs *reading;

static errcode_t io_close(io_channel c)
{
    if (--c->refcount > 0)
        return 0;
    free(c->name);
    free(c);
    return 0;
}

static errcode_t io_blksize(io_channel c, int size)
{
    c->block_size = size;
    return 0;
}

static errcode_t io_read64(io_channel c, unsigned long long block, int count, void *data)
{
    uint64_t len = count < 0 ? (uint64_t)-(int64_t)count
                             : (uint64_t)count * (uint64_t)c->block_size, off;

    if (!u64_mul(block, (uint64_t)c->block_size, &off) || len > SIZE_MAX / 2)
        return EXT2_ET_SHORT_READ;
    fs_volume_read(reading->w, reading->v, off, data, (size_t)len);
    return 0;
}

static errcode_t io_read(io_channel c, unsigned long block, int count, void *data)
{
    return io_read64(c, block, count, data);
}

static errcode_t io_write64(io_channel c, unsigned long long block, int count, const void *data)
{
    (void)c, (void)block, (void)count, (void)data;
    return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t io_write(io_channel c, unsigned long block, int count, const void *data)
{
    (void)c, (void)block, (void)count, (void)data;
    return EXT2_ET_OP_NOT_SUPPORTED;
}

static errcode_t io_flush(io_channel c)
{
    (void)c;
    return 0;
}

static errcode_t io_open(const char *name, int flags, io_channel *out);

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER, .name = "guest disk", .open = io_open,
    .close = io_close, .set_blksize = io_blksize, .read_blk = io_read, .write_blk = io_write,
    .flush = io_flush, .read_blk64 = io_read64, .write_blk64 = io_write64,
};

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
    io_channel c = calloc(1, sizeof *c);

    (void)flags;
    if (!c || !(c->name = strdup(name))) {
        free(c);
        return EXT2_ET_NO_MEMORY;
    }
    c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    c->manager = &manager;
    c->block_size = 1024;
    c->refcount = 1;
    *out = c;
    return 0;
}

/* --- the blocks of a file --- */

/* A piece of a file: blocks [at, at + n) of the file system hold its blocks from `logical`
 * on. Pieces without data that were only set aside may well be unmapped. */
static void take_blocks(struct ext *x, struct touch *t, uint64_t logical, uint64_t at,
                        uint64_t n, bool set_aside)
{
    uint64_t off, len, file_off;

    if (!u64_mul(at, x->block, &off) || !u64_mul(n, x->block, &len) ||
        !u64_mul(logical, x->block, &file_off))
        return;
    (set_aside ? touch_add_spare : touch_add)(x->fs, t, off, len, file_off);
}

/* Blocks that an inode says it has, with those of its map; 0 when there are not that many. */
static uint64_t blocks_of(const struct ext *x, struct ext2_inode *inode)
{
    uint64_t n = x->lib->ext2fs_inode_i_blocks(x->ext, inode) / (x->block / 512);

    return n <= x->lib->ext2fs_blocks_count(x->ext->super) ? n : 0;
}

/* Goes through an extent tree. A node that cannot be read loses what it spans, but of a sparse
 * file no more than the blocks that were not found. */
static void walk_extents(struct ext *x, ext2_ino_t ino, struct ext2_inode *inode,
                         struct touch *t, uint8_t *flags)
{
    const uint64_t size_blocks = div_up(EXT2_I_SIZE(inode), x->block);
    ext2_extent_handle_t h;
    struct ext2fs_extent e = { 0, 0, 0, 0 };
    uint64_t all = blocks_of(x, inode), found = 0, spanned = 0;
    int op = EXT2_EXTENT_ROOT;

    if (x->lib->ext2fs_extent_open2(x->ext, ino, inode, &h) != 0) {
        *flags |= ITEM_MAP_LOST;
        return;
    }
    for (;;) {
        errcode_t err = x->lib->ext2fs_extent_get(h, op, &e);

        if (err == EXT2_ET_EXTENT_NO_NEXT || err == EXT2_ET_NO_CURRENT_NODE)
            break;
        if (err && op == EXT2_EXTENT_NEXT && !(e.e_flags & EXT2_EXTENT_FLAGS_LEAF)) {
            uint64_t end = u64_min(e.e_lblk + e.e_len, size_blocks);

            *flags |= ITEM_MAP_LOST;
            if (end > e.e_lblk)
                spanned += end - e.e_lblk;
            op = EXT2_EXTENT_NEXT_SIB;
            continue;
        }
        if (err) {
            if (op != EXT2_EXTENT_NEXT_SIB)
                *flags |= ITEM_MAP_LOST;
            break;
        }
        op = EXT2_EXTENT_NEXT;
        if (e.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT)
            continue;
        if (e.e_flags & EXT2_EXTENT_FLAGS_LEAF) {
            take_blocks(x, t, e.e_lblk, e.e_pblk, e.e_len,
                        e.e_flags & EXT2_EXTENT_FLAGS_UNINIT);
            found += e.e_len;
        } else {
            take_blocks(x, t, e.e_lblk, e.e_pblk, 1, false);
            found++;
        }
    }
    if (all > found)
        t->bytes[LACK_LOST] += u64_min(spanned, all - found) * x->block;
    x->lib->ext2fs_extent_free(h);
}

/* Neighbouring blocks of a file are taken together. */
struct ext_run {
    struct ext *x;
    struct touch *t;
    uint64_t logical, at, n;
    uint64_t seen;                      /* blocks */
    bool map_lost;                      /* one with numbers of others is lacking */
};

static void end_run(struct ext_run *r)
{
    if (r->n)
        take_blocks(r->x, r->t, r->logical, r->at, r->n, false);
    r->n = 0;
}

static int take_block(ext2_filsys ext, blk64_t *block, e2_blkcnt_t logical, blk64_t ref,
                      int ref_off, void *arg)
{
    struct ext_run *r = arg;

    (void)ext, (void)ref, (void)ref_off;
    r->seen++;
    if (logical < 0 && *block < UINT64_MAX / r->x->block &&
        (fs_lacking(r->x->fs, LACK_LOST, *block * r->x->block, r->x->block) ||
         fs_lacking(r->x->fs, LACK_UNMAPPED, *block * r->x->block, r->x->block)))
        r->map_lost = true;
    if (r->n && *block == r->at + r->n && logical >= 0) {
        r->n++;
        return 0;
    }
    end_run(r);
    r->logical = logical < 0 ? 0 : (uint64_t)logical;
    r->at = *block;
    r->n = 1;
    return 0;
}

/* Blocks that cannot be reached any more are lost as well. */
static void walk_blocks(struct ext *x, ext2_ino_t ino, struct ext2_inode *inode,
                        struct touch *t, uint8_t *flags)
{
    struct ext_run r = { .x = x, .t = t };
    uint64_t all = blocks_of(x, inode);

    if (x->lib->ext2fs_block_iterate3(x->ext, ino, BLOCK_FLAG_READ_ONLY, NULL, take_block,
                                      &r) != 0)
        r.map_lost = true;
    end_run(&r);
    if (!r.map_lost)
        return;
    *flags |= ITEM_MAP_LOST;
    if (all > r.seen)
        t->bytes[LACK_LOST] += (all - r.seen) * x->block;
}

/* --- inodes --- */

static enum volume_item_kind kind_of(const struct ext *x, ext2_ino_t ino,
                                     const struct ext2_inode *inode)
{
    if (ino == x->ext->super->s_journal_inum)
        return ITEM_JOURNAL;
    return S_ISDIR(inode->i_mode) ? ITEM_DIRECTORY : S_ISREG(inode->i_mode) ? ITEM_FILE
                                                                            : ITEM_OTHER;
}

static bool in_use(const struct ext *x, ext2_ino_t ino, const struct ext2_inode *inode)
{
    if (ino == EXT2_ROOT_INO || ino == x->ext->super->s_journal_inum)
        return true;
    if (ino < EXT2_FIRST_INODE(x->ext->super))
        return ino == EXT2_RESIZE_INO || inode->i_blocks;
    return inode->i_links_count || (inode->i_mode && !inode->i_dtime);
}

static void take_inode(struct ext *x, ext2_ino_t ino, struct ext2_inode *inode)
{
    struct touch t = TOUCH_INIT;
    enum volume_item_kind kind;
    struct fs_node *node;
    uint8_t flags = 0;
    bool wanted;

    if (!in_use(x, ino, inode))
        return;
    kind = kind_of(x, ino, inode);
    if (x->lacking && x->lib->ext2fs_inode_has_valid_blocks2(x->ext, inode)) {
        if (inode->i_flags & EXT4_EXTENTS_FL)
            walk_extents(x, ino, inode, &t, &flags);
        else if (!(inode->i_flags & EXT4_INLINE_DATA_FL))
            walk_blocks(x, ino, inode, &t, &flags);
    }
    if (kind == ITEM_JOURNAL) {
        t.bytes[LACK_UNMAPPED] = 0;     /* it is made of zeros, which may be holes */
        fs_send_part(x->fs, ITEM_JOURNAL, &t, ino, 0);
    }
    if (ino < EXT2_FIRST_INODE(x->ext->super) && ino != EXT2_ROOT_INO)
        return;
    wanted = x->fs->w->want == VOLUMES_ALL || fs_wants(x->fs->w, &t) ||
             (flags && x->fs->w->want == VOLUMES_LACKING);
    if (!wanted && kind != ITEM_DIRECTORY)
        return;
    node = names_add(&x->names, ino);
    if (!node)
        return;
    node->kind = (uint8_t)kind;
    node->flags = flags;
    node->size = EXT2_I_SIZE(inode);
    node->touch = t;
    node->wanted = wanted;
}

static void scan_inodes(struct ext *x)
{
    const int size = EXT2_INODE_SIZE(x->ext->super);
    struct ext2_inode *inode = calloc(1, (size_t)u64_max((uint64_t)size, sizeof(struct ext2_inode_large)));
    ext2_inode_scan scan;
    ext2_ino_t ino, last = 0;

    if (!inode ||
        x->lib->ext2fs_open_inode_scan(x->ext, (int)(SCAN_BYTES / x->block), &scan) != 0) {
        free(inode);
        return;
    }
    x->lib->ext2fs_inode_scan_flags(scan, EXT2_SF_SKIP_MISSING_ITABLE, 0);
    for (;;) {
        errcode_t err = x->lib->ext2fs_get_next_inode_full(scan, &ino, inode, size);

        if (err == EXT2_ET_INODE_CSUM_INVALID || err == EXT2_ET_BAD_BLOCK_IN_INODE_TABLE)
            err = 0;
        if (err || !ino || ino <= last)
            break;
        last = ino;
        take_inode(x, ino, inode);
        if (ino % PROGRESS_INODES == 0)
            fs_progress(x->fs, ino, x->ext->super->s_inodes_count);
    }
    x->lib->ext2fs_close_inode_scan(scan);
    free(inode);
}

/* --- names --- */

/* Does the inode lie in a part of its table that is not there? */
static bool inode_lost(const struct ext *x, ext2_ino_t ino)
{
    const uint64_t size = (uint64_t)EXT2_INODE_SIZE(x->ext->super);
    uint32_t per_group = x->ext->super->s_inodes_per_group;
    dgrp_t group = (ino - 1) / per_group;
    uint64_t off;

    if (!x->lacking || ino == 0 || ino > x->ext->super->s_inodes_count)
        return false;
    off = (uint64_t)x->lib->ext2fs_inode_table_loc(x->ext, group) * x->block +
          (uint64_t)((ino - 1) % per_group) * size;
    return fs_lacking(x->fs, LACK_LOST, off, size) ||
           fs_lacking(x->fs, LACK_UNMAPPED, off, size);
}

static void take_name(struct ext *x, uint64_t dir, ext2_ino_t ino, unsigned type,
                      const char *name, size_t len)
{
    struct fs_node *node;

    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return;
    node = names_find(&x->names, ino);
    if (!node && inode_lost(x, ino) && (node = names_add(&x->names, ino))) {
        node->kind = type == EXT2_FT_DIR ? ITEM_DIRECTORY : ITEM_FILE;
        node->flags = ITEM_INODE_LOST;
        node->wanted = x->fs->w->want != VOLUMES_ASKED;
    }
    if (node)
        names_name(&x->names, node, dir, name, len);
}

/* Entries of a block, as far as they hang together. */
static void take_entries(struct ext *x, uint64_t dir, const uint8_t *p, size_t len)
{
    for (size_t at = 0; at + 8 <= len;) {
        uint32_t ino = p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16 |
                       (uint32_t)p[at + 3] << 24;
        size_t rec = p[at + 4] | (size_t)p[at + 5] << 8, name = p[at + 6];

        if (rec == 65535 || rec == 0)       /* all of a block of 64 KiB */
            rec = len == 65536 ? len - at : 0;
        if (rec < 8 || rec > len - at || name + 8 > rec)
            return;
        if (ino)
            take_name(x, dir, ino, p[at + 7], (const char *)p + at + 8, name);
        at += rec;
    }
}

struct ext_dir { struct ext *x; uint64_t id; uint8_t *bytes; };

static int take_dir_block(ext2_filsys ext, blk64_t *block, e2_blkcnt_t logical, blk64_t ref,
                          int ref_off, void *arg)
{
    struct ext_dir *d = arg;
    uint64_t off;

    (void)ext, (void)logical, (void)ref, (void)ref_off;
    if (!u64_mul(*block, d->x->block, &off))
        return 0;
    fs_volume_read(d->x->fs->w, d->x->fs->v, off, d->bytes, d->x->block);
    take_entries(d->x, d->id, d->bytes, d->x->block);
    return 0;
}

static void take_inline_dir(struct ext_dir *d)
{
    size_t size = 0;

    if (d->x->lib->ext2fs_inline_data_size(d->x->ext, (ext2_ino_t)d->id, &size) != 0 ||
        size > d->x->block || size < 4 ||
        d->x->lib->ext2fs_inline_data_get(d->x->ext, (ext2_ino_t)d->id, NULL, d->bytes,
                                          &size) != 0)
        return;
    if (size > 60)
        take_entries(d->x, d->id, d->bytes + 60, size - 60);
    take_entries(d->x, d->id, d->bytes + 4, u64_min(size, 60) - 4);
}

static void read_names(struct ext *x)
{
    struct ext_dir d = { x, 0, malloc(x->block + 4096) };
    bool any = false;

    for (uint32_t i = 0; i < x->names.n && !any; i++)
        any = x->names.node[i].wanted;
    for (uint32_t i = 0; d.bytes && i < x->names.n; i++) {
        if (x->names.node[i].kind != ITEM_DIRECTORY || (!any && !x->inodes_lost))
            continue;
        d.id = x->names.node[i].id;
        if (x->lib->ext2fs_block_iterate3(x->ext, (ext2_ino_t)d.id,
                                          BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL,
                                          take_dir_block, &d) == EXT2_ET_INLINE_DATA_CANT_ITERATE)
            take_inline_dir(&d);
    }
    free(d.bytes);
}

/* --- all of it --- */

bool fs_ext(struct fs *fs)
{
    struct ext x = { .lib = &calls, .fs = fs, .names = { .root = EXT2_ROOT_INO } };
    struct volume *v = fs->v;
    uint64_t blocks, free_blocks;
    errcode_t err;

    calls.initialize_ext2_error_table();
    reading = fs;
    x.lacking = fs_any(fs);
    err = ext_open(&x, &manager);
    if (err) {
        fs_note(v, "cannot be read: %s", calls.error_message(err));
        return false;
    }
    x.block = x.ext->blocksize;
    blocks = calls.ext2fs_blocks_count(x.ext->super);
    free_blocks = calls.ext2fs_free_blocks_count(x.ext->super);
    if (free_blocks <= blocks)
        v->used = (blocks - free_blocks) * x.block;
    if (fs->w->want == VOLUMES_ALL || (fs->w->want != VOLUMES_ONLY && x.lacking)) {
        if (x.lacking)
            ext_groups(&x);
        scan_inodes(&x);
        read_names(&x);
        names_send(fs, &x.names);
        if (x.lacking)
            ext_free_space(&x);
    }
    if (x.names.cut)
        fs_note(v, "too many files: some are left out");
    names_free(&x.names);
    calls.ext2fs_close_free(&x.ext);
    return true;
}

bool fs_ext_load(struct error *err)
{
    return library_load(&library, err);
}

#else

bool fs_ext(struct fs *fs)
{
    (void)fs;
    return false;
}

bool fs_ext_load(struct error *err)
{
    return err_set(err, ERR_USAGE, "files of ext2, ext3 and ext4: this build lacks libext2fs");
}

#endif
