/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is on a guest's disk: partitions, LVM volumes, file systems, and whom bytes belong
 * to: files by name, directories, tables of the file system, free space.
 *
 * Partition tables, labels and file systems are read by libraries (libblkid, libext2fs,
 * libntfs-3g, libtsk), which a hostile disk might bring down. They run in a process of their own
 * with its own sandbox, a limit on memory and processor time, and nothing open but a socket
 * through which it asks for bytes of the disk. Whatever becomes of it is an error here, and
 * no more; all that it says is checked. */
#ifndef QCHECK_VOLUMES_VOLUMES_H
#define QCHECK_VOLUMES_VOLUMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "disk/disk.h"
#include "scan/problem.h"

#define VOLUMES_MAX         512     /* partitions and logical volumes of one disk */
#define VOLUME_EXTENTS_MAX  4096    /* pieces of one logical volume */

enum volume_kind { VOLUME_DISK, VOLUME_PARTITION, VOLUME_LOGICAL, N_VOLUME_KINDS };

/* What bytes of a disk can lack. */
enum volume_lack {
    LACK_LOST,              /* damaged or unreadable */
    LACK_DOUBTFUL,          /* can be read, but not trusted: not among those lost */
    LACK_UNMAPPED,          /* nothing in the image, though it may be in use */
    LACK_ASKED,             /* nothing: somebody asks whose they are */
    N_LACKS
};

/* A piece of a volume: its bytes from `off` on lie at guest_off of the disk. */
struct volume_extent { uint64_t off, guest_off, len; };

struct volume {
    enum volume_kind kind;
    uint32_t parent;            /* index of what it lies in; the disk: its own, 0 */
    uint64_t len;               /* bytes */
    uint64_t used;              /* bytes that its file system uses; NO_ADDRESS: not known */
    uint64_t lack[N_LACKS];     /* bytes of it */
    bool looked_into;           /* its files could be listed, all or some */
    char name[80];              /* "sda" (the disk), "sda2", "vg/root" */
    char type[32];              /* "gpt", "ext4", "LVM2_member", ...; "": not recognised */
    char label[80], uuid[48];   /* as the file system says; untrusted bytes */
    char note[240];             /* what is wrong, for people; "": nothing */
    struct volume_extent *extents;  /* rising by off, not overlapping in it */
    uint32_t n_extents;
};

/* The disk itself first, each after what it lies in. */
struct volumes { struct volume *list; size_t n; };
void volumes_free(struct volumes *v);

/* Index of the innermost volume that holds a guest byte. *off: its place in that. */
size_t volumes_find(const struct volumes *v, uint64_t guest_off, uint64_t *off);

/* What can own bytes. */
enum volume_item_kind {
    ITEM_FILE, ITEM_DIRECTORY, ITEM_OTHER,          /* other: links, devices, ... */
    ITEM_JOURNAL, ITEM_SUPER, ITEM_BITMAP,
    ITEM_INODES,                                    /* tables of inodes or file records */
    ITEM_FREE, ITEM_UNKNOWN, ITEM_VOLUME, ITEM_OUTSIDE,
    N_ITEM_KINDS
};
const char *volume_item_id(enum volume_item_kind kind);     /* "file", "inode-table", ... */

enum {
    ITEM_INODE_LOST = 1,        /* the name is known, the inode is lost */
    ITEM_MAP_LOST = 2,          /* part of the list of its blocks is lost */
    ITEM_NO_PATH = 4,           /* the path is a stand-in: no directory names it */
};

struct volume_item {
    uint32_t volume;            /* index */
    enum volume_item_kind kind;
    uint32_t flags;
    uint64_t id;                /* inode, file record, or group of the file system */
    uint64_t size;              /* bytes; NO_ADDRESS: not known */
    uint64_t lack[N_LACKS];     /* bytes of it */
    uint64_t count;             /* ITEM_INODES: inodes among the bytes lost; ITEM_SUPER,
                                   ITEM_BITMAP: copies or blocks hit */
    uint64_t first;             /* guest offset of the first byte it lacks, or of what is
                                   asked about; NO_ADDRESS */
    uint64_t file_off;          /* ... and where in the file that is; NO_ADDRESS */
    const char *path;           /* untrusted bytes; "" for what has none; lent */
};

/* Ranges of guest bytes in rising order. */
struct guest_range { uint64_t off, end; };
struct guest_ranges { struct guest_range *list; size_t n, cap; uint64_t bytes; bool cut; };
#define GUEST_RANGES_INIT { NULL, 0, 0, 0, false }
#define GUEST_RANGES_MAX ((size_t)4 << 20)      /* kept; then `cut` is set */
bool guest_ranges_add(struct guest_ranges *r, uint64_t off, uint64_t len, struct error *err);
void guest_ranges_sort(struct guest_ranges *r);     /* ... and joins what touches */
/* Takes away what is in `other` as well, and sorts both. */
bool guest_ranges_subtract(struct guest_ranges *r, struct guest_ranges *other,
                           struct error *err);
void guest_ranges_free(struct guest_ranges *r);

/* Adds what a problem makes doubtful of a layer. */
bool volumes_add_problem(struct guest_ranges *doubtful, const struct problem *p,
                         const struct geometry *geo, uint32_t layer, struct error *err);

/* Adds a range of which it is known that its bytes are not what they were: what can be read of it
 * is doubtful, the rest lost. */
bool volumes_add_told(struct disk *d, uint64_t off, uint64_t end, struct guest_ranges *lost,
                      struct guest_ranges *doubtful, struct error *err);

/* Adds what the tables of the disk say is lost, or is unmapped (neither list is needed). */
bool volumes_lacking(struct disk *d, struct guest_ranges *lost, struct guest_ranges *unmapped,
                     const _Atomic bool *cancel, struct error *err);

/* The process. Start it before anything is opened, before threads, and before the sandbox;
 * it waits, and does one query at a time. */
struct volumes_helper;
bool volumes_helper_start(struct volumes_helper **out, struct error *err);
void volumes_helper_end(struct volumes_helper *h);      /* accepts NULL */

enum volumes_want {
    VOLUMES_ONLY,               /* no items */
    VOLUMES_LACKING,            /* the items that lack something, worst first */
    VOLUMES_ASKED,              /* the items that own bytes asked about */
    VOLUMES_ALL,                /* all files, whether they lack anything or not */
};

struct volumes_query {
    enum volumes_want want;
    const struct guest_ranges *lack[N_LACKS];   /* sorted; may be NULL */
    bool (*item)(void *ctx, const struct volume_item *item);    /* false: enough */
    /* NULL, or told before each item some or all of the ranges that are lost of it. */
    bool (*place)(void *ctx, const struct guest_range *at);
    void *ctx;
    const _Atomic bool *cancel;
    _Atomic uint64_t *permille;     /* progress; may be NULL */
};

/* Asks, answering reads from the disk. *out is filled before the first item comes, but for
 * `used`, `lack`, `looked_into` and `note`, which are final at the end. False: cancelled,
 * or the process ended before its time; *out has what was had. Free it either way. */
bool volumes_run(struct volumes_helper *h, struct disk *d, const struct volumes_query *q,
                 struct volumes *out, struct error *err);

/* "libblkid, libext2fs" or what of it there is, and a line for each library that is missing:
 * loads them all. */
void volumes_tell_libraries(struct buf *out);

#endif
