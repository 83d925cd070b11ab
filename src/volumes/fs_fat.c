/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* FAT and exFAT by The Sleuth Kit: one walk over all directories. */
#include "config.h"

#include "volumes/fs_fat.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "volumes/fs_names.h"

#ifdef HAVE_LIBTSK
#include <tsk/libtsk.h>
#else
typedef void TSK_FS_INFO;
#endif

struct fat_work {
    struct fs *fs;
    TSK_FS_INFO *tsk;
    struct fs_names names;
    struct fat_shape shape;
    uint64_t seen;
};

#ifdef HAVE_LIBTSK

#include "base/library.h"

#define TSK_CALLS(X) \
    X(tsk_fs_close) X(tsk_fs_dir_walk) X(tsk_fs_file_attr_get_idx) X(tsk_fs_file_attr_getsize) \
    X(tsk_fs_file_close) X(tsk_fs_file_open_meta) X(tsk_fs_open_img) X(tsk_img_close) \
    X(tsk_img_open_external)
struct tsk_lib { TSK_CALLS(LIBRARY_CALL) };

static struct tsk_lib lib;
static const char *const names[] = { TSK_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBTSK, "sleuthkit-libs", "files of FAT and exFAT", names, lib);

#define PROGRESS_FILES 4096
#define LABEL_ENTRY    " (Volume Label Entry)"

/* What the library opens as an image. */
struct fat_port {
    TSK_IMG_INFO img;                   /* first, as the library knows no more of it */
    struct fs *fs;
    const struct fat_shape *shape;
};

/* Where the first FAT is lost, the second is as good. */
static ssize_t port_read(TSK_IMG_INFO *img, TSK_OFF_T off, char *buf, size_t len)
{
    struct fat_port *p = (struct fat_port *)img;
    const struct fat_shape *s = p->shape;
    uint64_t at = (uint64_t)off;

    if (off < 0)
        return -1;
    fs_volume_read(p->fs->w, p->fs->v, at, buf, len);
    for (size_t n, done = 0; s->tables > 1 && done < len; done += n, at += n) {
        n = u64_min(len - done, 512);
        if (at >= s->table_off && at - s->table_off < s->table_len &&
            fs_lacking(p->fs, LACK_LOST, at, n))
            fs_volume_read(p->fs->w, p->fs->v, at + s->table_len, buf + done, n);
    }
    return (ssize_t)len;
}

static void port_close(TSK_IMG_INFO *img)
{
    (void)img;
}

static void port_stat(TSK_IMG_INFO *img, FILE *file)
{
    (void)img, (void)file;
}

/* Adds the clusters of a file. False: part of the list of them is lost. */
static bool take_runs(struct fat_work *f, TSK_FS_FILE *file, uint64_t size, struct touch *t)
{
    uint64_t block = f->tsk->block_size, found = 0;
    int n = lib.tsk_fs_file_attr_getsize(file);

    for (int i = 0; i < n; i++) {
        const TSK_FS_ATTR *a = lib.tsk_fs_file_attr_get_idx(file, i);

        if (!a || !(a->flags & TSK_FS_ATTR_NONRES))
            continue;
        for (const TSK_FS_ATTR_RUN *r = a->nrd.run; r; r = r->next) {
            uint64_t off, len, file_off;

            if (r->flags & (TSK_FS_ATTR_RUN_FLAG_FILLER | TSK_FS_ATTR_RUN_FLAG_SPARSE) ||
                !u64_mul(r->addr, block, &off) || !u64_mul(r->len, block, &len) ||
                !u64_mul(r->offset, block, &file_off) || !range_inside(off, len, f->fs->v->len))
                continue;
            touch_add(f->fs, t, off, len, file_off);
            found += len;
        }
    }
    return found >= size;
}

static bool is(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

/* What the library shows as files, but is the file system itself. */
static void take_part(struct fat_work *f, TSK_FS_FILE *file)
{
    const char *name = file->name->name;
    struct touch t = TOUCH_INIT;

    if (is(name, "$MBR"))               /* with all that is reserved after it */
        touch_add(f->fs, &t, 0, f->shape.table_off, NO_ADDRESS);
    else
        take_runs(f, file, 0, &t);
    fs_send_part(f->fs, is(name, "$MBR") ? ITEM_SUPER : ITEM_BITMAP, &t, file->meta->addr, 1);
}

static bool is_part(const TSK_FS_FILE *file)
{
    const char *name = file->name->name;

    return file->meta->type == TSK_FS_META_TYPE_VIRT ||
           (file->fs_info->ftype == TSK_FS_TYPE_EXFAT &&
            file->name->par_addr == file->fs_info->root_inum &&
            (is(name, "$ALLOC_BITMAP") || is(name, "$UPCASE_TABLE")));
}

static void keep(struct fat_work *f, TSK_FS_FILE *file, uint64_t id, bool directory)
{
    enum volumes_want want = f->fs->w->want;
    uint64_t size = (uint64_t)file->meta->size;
    struct touch t = TOUCH_INIT;
    bool whole = take_runs(f, file, size, &t), wanted;
    struct fs_node *node;

    wanted = want == VOLUMES_ALL || fs_wants(f->fs->w, &t) || (!whole && want == VOLUMES_LACKING);
    if ((!wanted && !directory) || names_find(&f->names, id))
        return;
    node = names_add(&f->names, id);
    if (!node)
        return;
    node->kind = directory ? ITEM_DIRECTORY : ITEM_FILE;
    node->flags = whole ? 0 : ITEM_MAP_LOST;
    node->size = directory ? NO_ADDRESS : size;
    node->touch = t;
    node->wanted = wanted;
    if (file->name && file->name->name)
        names_name(&f->names, node, file->name->par_addr, file->name->name,
                   strlen(file->name->name));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);

    return n >= k && is(text + n - k, end);
}

static TSK_WALK_RET_ENUM take_file(TSK_FS_FILE *file, const char *path, void *arg)
{
    struct fat_work *f = arg;
    const char *name = file->name ? file->name->name : NULL;

    (void)path;
    if (f->seen++ % PROGRESS_FILES == 0)
        fs_progress(f->fs, 0, 1);
    if (!file->meta || !name || is(name, ".") || is(name, "..") || ends_with(name, LABEL_ENTRY))
        return TSK_WALK_CONT;
    if (is_part(file))
        take_part(f, file);
    else if (file->meta->type == TSK_FS_META_TYPE_REG || file->meta->type == TSK_FS_META_TYPE_DIR)
        keep(f, file, file->meta->addr, file->meta->type == TSK_FS_META_TYPE_DIR);
    return f->names.cut ? TSK_WALK_STOP : TSK_WALK_CONT;
}

static void walk(struct fat_work *f)
{
    TSK_FS_FILE *root = lib.tsk_fs_file_open_meta(f->tsk, NULL, f->tsk->root_inum);

    f->names.root = f->tsk->root_inum;
    if (root && root->meta)
        keep(f, root, f->tsk->root_inum, true);
    if (root)
        lib.tsk_fs_file_close(root);
    if (lib.tsk_fs_dir_walk(f->tsk, f->tsk->root_inum,
                            TSK_FS_DIR_WALK_FLAG_ALLOC | TSK_FS_DIR_WALK_FLAG_RECURSE |
                                TSK_FS_DIR_WALK_FLAG_NOORPHAN, take_file, f) != 0)
        fs_note(f->fs->v, "not all directories can be read");
    if (f->names.cut)
        fs_note(f->fs->v, "too many files: some are left out");
    names_send(f->fs, &f->names);
}

static bool list(struct fat_work *f)
{
    static struct fat_port port;        /* 2 MiB, by the library's cache */
    TSK_IMG_INFO *img;

    memset(&port, 0, sizeof port);
    port.fs = f->fs;
    port.shape = &f->shape;
    img = lib.tsk_img_open_external(&port, (TSK_OFF_T)f->fs->v->len, 512, port_read, port_close,
                                    port_stat);
    f->tsk = img ? lib.tsk_fs_open_img(img, 0, TSK_FS_TYPE_FAT_DETECT) : NULL;
    if (!f->tsk) {
        fs_note(f->fs->v, "cannot be read: damaged");
        return false;
    }
    if (f->fs->w->want == VOLUMES_ALL || (f->fs->w->want != VOLUMES_ONLY && fs_any(f->fs)))
        walk(f);
    lib.tsk_fs_close(f->tsk);
    lib.tsk_img_close(img);
    names_free(&f->names);
    return true;
}

bool fs_fat_load(struct error *err)
{
    return library_load(&library, err);
}

#else

static bool list(struct fat_work *f)
{
    (void)f;
    return false;
}

bool fs_fat_load(struct error *err)
{
    return err_set(err, ERR_USAGE, "files of FAT and exFAT: this build lacks libtsk");
}

#endif

bool fs_fat(struct fs *fs, bool files)
{
    struct fat_work f = { .fs = fs };
    bool known = fat_shape(fs, &f.shape), listed = files && known && list(&f);

    if (known)
        fat_count_free(fs, &f.shape);
    return listed;
}
