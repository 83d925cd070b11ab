/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Partitions and what lies in them, by libblkid. It reads from a file, so the places where it
 * looks are copied into a sparse one in memory. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/library.h"
#include "base/num.h"
#include "volumes/fs_work.h"

#ifdef HAVE_LIBBLKID

#include <blkid/blkid.h>

#define BLKID_CALLS(X) \
    X(blkid_do_probe) \
    X(blkid_do_safeprobe) \
    X(blkid_free_probe) \
    X(blkid_new_probe) \
    X(blkid_partition_get_name) \
    X(blkid_partition_get_partno) \
    X(blkid_partition_get_size) \
    X(blkid_partition_get_start) \
    X(blkid_partition_get_type) \
    X(blkid_partlist_get_partition) \
    X(blkid_partlist_numof_partitions) \
    X(blkid_probe_enable_partitions) \
    X(blkid_probe_enable_superblocks) \
    X(blkid_probe_get_partitions) \
    X(blkid_probe_lookup_value) \
    X(blkid_probe_set_device) \
    X(blkid_probe_set_superblocks_flags) \
    X(blkid_reset_probe)
struct blkid_lib { BLKID_CALLS(LIBRARY_CALL) };

static struct blkid_lib lib;
static const char *const names[] = { BLKID_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBBLKID, "libblkid", "partitions and file systems", names, lib);

#define SECTOR      512
#define HEAD_BYTES  (UINT64_C(4) << 20)     /* of a volume: tables and super blocks */
#define TAIL_BYTES  (UINT64_C(1) << 20)     /* RAID, ZFS, the second GPT */
#define COPY_BYTES  (UINT64_C(64) << 10)
#define EXTENDED_MAX 256                    /* links of the chain of logical partitions */

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
    return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static void lay_down(struct fs_work *w, const struct volume *v, uint64_t off, uint64_t end)
{
    uint8_t bytes[COPY_BYTES];

    for (end = u64_min(end, v->len); off < end; off += sizeof bytes) {
        size_t n = (size_t)u64_min(end - off, sizeof bytes);

        fs_volume_read(w, v, off, bytes, n);
        if (!bytes_all_zero(bytes, n) && pwrite(w->memfd, bytes, n, (off_t)off) < 0)
            return;
    }
}

/* Logical partitions are a chain of sectors all over the disk. */
static void lay_down_chain(struct fs_work *w, const struct volume *v)
{
    uint8_t s[SECTOR];
    uint64_t base = 0, at = 0;

    for (int n = 0; n < EXTENDED_MAX; n++) {
        uint64_t next = 0;

        fs_volume_read(w, v, at, s, sizeof s);
        if (s[510] != 0x55 || s[511] != 0xaa)
            return;
        if (at)
            lay_down(w, v, at, at + SECTOR);
        for (int i = 0; i < 4; i++) {
            const uint8_t *e = s + 446 + 16 * i;

            if (e[4] == 5 || e[4] == 0xf || e[4] == 0x85)
                next = (uint64_t)le32(e + 8) * SECTOR;
        }
        if (!next)
            return;
        at = base + next;
        if (!base)
            base = at;
    }
}

static bool lay_out(struct fs_work *w, const struct volume *v)
{
    if (v->len > INT64_MAX || ftruncate(w->memfd, 0) != 0 ||
        ftruncate(w->memfd, (off_t)v->len) != 0)
        return false;
    lay_down(w, v, 0, HEAD_BYTES);
    if (v->len > HEAD_BYTES)
        lay_down(w, v, u64_max(HEAD_BYTES, v->len > TAIL_BYTES ? v->len - TAIL_BYTES : 0),
                 v->len);
    return true;
}

static void copy_value(blkid_probe pr, const char *name, char *dst, size_t size)
{
    const char *data;
    size_t len;

    if (lib.blkid_probe_lookup_value(pr, name, &data, &len) == 0)
        snprintf(dst, size, "%.*s", (int)u64_min(len, size), data);
}

static struct volume *add_volume(struct fs_work *w, enum volume_kind kind, uint32_t parent,
                                 uint64_t off, uint64_t len)
{
    struct volume *v;

    if (w->n_vol == VOLUMES_MAX || off >= w->size)
        return NULL;
    v = &w->vol[w->n_vol];
    v->extents = malloc(sizeof *v->extents);
    if (!v->extents)
        return NULL;
    w->n_vol++;
    v->kind = kind;
    v->parent = parent;
    v->used = NO_ADDRESS;
    v->len = len;
    v->n_extents = 1;
    v->extents[0] = (struct volume_extent){ 0, off, u64_min(len, w->size - off) };
    if (v->extents[0].len < len)
        snprintf(v->note, sizeof v->note, "reaches past the end of the disk");
    return v;
}

static void add_partitions(struct fs_work *w, blkid_probe pr)
{
    blkid_partlist list = lib.blkid_probe_get_partitions(pr);
    int n = list ? lib.blkid_partlist_numof_partitions(list) : 0;

    for (int i = 0; i < n; i++) {
        blkid_partition p = lib.blkid_partlist_get_partition(list, i);
        uint64_t start = p ? (uint64_t)lib.blkid_partition_get_start(p) : UINT64_MAX;
        uint64_t sectors = p ? (uint64_t)lib.blkid_partition_get_size(p) : 0;
        int type = p ? lib.blkid_partition_get_type(p) : 0;
        struct volume *v;

        if (type == 5 || type == 0xf || type == 0x85)   /* holds the logical ones */
            continue;
        if (start > INT64_MAX / SECTOR || sectors > INT64_MAX / SECTOR || !sectors)
            continue;
        v = add_volume(w, VOLUME_PARTITION, 0, start * SECTOR, sectors * SECTOR);
        if (!v)
            continue;
        snprintf(v->name, sizeof v->name, "sda%d", lib.blkid_partition_get_partno(p));
        if (lib.blkid_partition_get_name(p))
            snprintf(v->label, sizeof v->label, "%s", lib.blkid_partition_get_name(p));
    }
}

/* Copies of the super block that ext keeps in fixed places tell it where the first is lost. */
static void identify_ext_copy(struct fs_work *w, struct volume *v)
{
    static const uint32_t place[][2] = { { 32768, 4096 }, { 8193, 1024 }, { 16384, 2048 } };
    uint8_t sb[SECTOR];

    for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
        uint64_t off = (uint64_t)place[i][0] * place[i][1];

        if (off + sizeof sb > v->len)
            continue;
        fs_volume_read(w, v, off, sb, sizeof sb);
        if (sb[0x38] != 0x53 || sb[0x39] != 0xef || le32(sb + 0x18) > 6 ||
            1024u << le32(sb + 0x18) != place[i][1])
            continue;
        snprintf(v->type, sizeof v->type, "%s", le32(sb + 0x60) & 0x40 ? "ext4"
                 : le32(sb + 0x5c) & 4 ? "ext3" : "ext2");
        snprintf(v->label, sizeof v->label, "%.16s", (const char *)sb + 0x78);
        snprintf(v->note, sizeof v->note, "its super block is lost; read by a copy");
        return;
    }
}

/* Where no library tells what is used, the super block does. */
static void count_used(struct fs_work *w, struct volume *v)
{
    uint8_t sb[4096];

    if (strcmp(v->type, "xfs") == 0) {
        uint64_t blocks, free_blocks, used;

        fs_volume_read(w, v, 0, sb, sizeof sb);
        blocks = be64(sb + 8);
        free_blocks = be64(sb + 144);
        if (free_blocks <= blocks && u64_mul(blocks - free_blocks, be32(sb + 4), &used) &&
            used <= v->len)
            v->used = used;
    } else if (strcmp(v->type, "btrfs") == 0) {
        fs_volume_read(w, v, 65536, sb, sizeof sb);
        if (le64(sb + 0x78) <= v->len)
            v->used = le64(sb + 0x78);
    }
}

/* Tells partition tables apart from file systems: `table` is what libblkid calls PTTYPE. */
static void probe(struct fs_work *w, struct volume *v, bool partitions)
{
    blkid_probe pr = lib.blkid_new_probe();

    if (!pr || !lay_out(w, v))
        goto out;
    if (partitions)
        lay_down_chain(w, v);
    lib.blkid_probe_enable_superblocks(pr, 1);
    lib.blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
                                          BLKID_SUBLKS_UUID);
    lib.blkid_probe_enable_partitions(pr, partitions);
    if (lib.blkid_probe_set_device(pr, w->memfd, 0, 0) != 0)
        goto out;
    if (lib.blkid_do_safeprobe(pr) == -2) {         /* several at once: the first that is found */
        snprintf(v->note, sizeof v->note, "signatures of several file systems");
        lib.blkid_reset_probe(pr);
        if (lib.blkid_do_probe(pr) != 0)
            goto out;
    }
    copy_value(pr, "TYPE", v->type, sizeof v->type);
    copy_value(pr, "LABEL", v->label, sizeof v->label);
    copy_value(pr, "UUID", v->uuid, sizeof v->uuid);
    if (!v->type[0] && partitions) {
        copy_value(pr, "PTTYPE", v->type, sizeof v->type);
        copy_value(pr, "PTUUID", v->uuid, sizeof v->uuid);
    }
    if (partitions)
        add_partitions(w, pr);
out:
    if (pr)
        lib.blkid_free_probe(pr);
}

void fs_identify(struct fs_work *w, struct volume *v)
{
    probe(w, v, false);
    if (!v->type[0])
        identify_ext_copy(w, v);
    count_used(w, v);
}

void fs_probe(struct fs_work *w)
{
    struct volume *disk = add_volume(w, VOLUME_DISK, 0, 0, w->size);

    if (!disk)
        _exit(1);
    snprintf(disk->name, sizeof disk->name, "sda");
    probe(w, disk, true);
    if (!disk->type[0])
        identify_ext_copy(w, disk);
    count_used(w, disk);
    for (uint32_t i = 1, n = w->n_vol; i < n; i++)
        fs_identify(w, &w->vol[i]);
}

bool fs_probe_load(struct error *err)
{
    return library_load(&library, err);
}

#else

void fs_identify(struct fs_work *w, struct volume *v)
{
    (void)w;
    (void)v;
}

void fs_probe(struct fs_work *w)
{
    (void)w;
}

bool fs_probe_load(struct error *err)
{
    return err_set(err, ERR_USAGE, "this build cannot look for file systems: no libblkid");
}

#endif
