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
    X(blkid_probe_set_partitions_flags) \
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
        fs_note(v, "reaches past the end of the disk");
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

/* Where no library tells what is used, the super block does. */
static void count_used(struct fs_work *w, struct volume *v)
{
    uint8_t sb[4096];

    if (strcmp(v->type, "xfs") == 0) {
        uint64_t blocks, free_blocks, used;

        fs_volume_read(w, v, 0, sb, sizeof sb);
        blocks = be64(sb + 8);
        free_blocks = be64(sb + 144);
        if (!fs_has_stand_in(w, v) &&           /* copies do not follow what is free */
            free_blocks <= blocks && u64_mul(blocks - free_blocks, be32(sb + 4), &used) &&
            used <= v->len)
            v->used = used;
    } else if (strcmp(v->type, "btrfs") == 0) {
        fs_volume_read(w, v, FS_BTRFS_SUPER, sb, sizeof sb);
        if (le64(sb + 0x78) <= v->len)
            v->used = le64(sb + 0x78);
    }
}

static bool has_boot_sector(struct fs_work *w, const struct volume *v)
{
    uint8_t s[SECTOR];

    fs_volume_read(w, v, 0, s, sizeof s);
    return s[510] == 0x55 && s[511] == 0xaa;
}

static void note_gpt(struct fs_work *w, struct volume *v)
{
    uint8_t s[SECTOR];

    if (strcmp(v->type, "gpt") != 0)
        return;
    fs_volume_read(w, v, SECTOR, s, sizeof s);
    if (memcmp(s, "EFI PART", 8) != 0)
        fs_note(v, "its partition table is lost: the copy at its end is read");
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
    /* The second GPT is as good, also where the sector with the word that there is one is lost. */
    if (partitions && !has_boot_sector(w, v))
        lib.blkid_probe_set_partitions_flags(pr, BLKID_PARTS_FORCE_GPT);
    if (lib.blkid_probe_set_device(pr, w->memfd, 0, 0) != 0)
        goto out;
    if (lib.blkid_do_safeprobe(pr) == -2) {         /* several at once: the first that is found */
        fs_note(v, "signatures of several file systems");
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

void fs_probe_volume(struct fs_work *w, struct volume *v)
{
    probe(w, v, false);
}

void fs_identify(struct fs_work *w, struct volume *v)
{
    fs_probe_volume(w, v);
    if (!v->type[0])
        fs_identify_by_copy(w, v);
    count_used(w, v);
}

void fs_probe(struct fs_work *w)
{
    struct volume *disk = add_volume(w, VOLUME_DISK, 0, 0, w->size);

    if (!disk)
        _exit(1);
    snprintf(disk->name, sizeof disk->name, "sda");
    probe(w, disk, true);
    note_gpt(w, disk);
    if (!disk->type[0] || (w->n_vol == 1 && strcmp(disk->type, "dos") == 0))
        fs_identify_by_copy(w, disk);
    count_used(w, disk);
    for (uint32_t i = 1, n = w->n_vol; i < n; i++)
        fs_identify(w, &w->vol[i]);
}

bool fs_probe_load(struct error *err)
{
    return library_load(&library, err);
}

#else

void fs_probe_volume(struct fs_work *w, struct volume *v)
{
    (void)w;
    (void)v;
}

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
