/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/shape_bare.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_ext.h"
#include "plan/rescue/witness_fat.h"
#include "plan/rescue/witness_ntfs.h"
#include "plan/rescue/witness_xfs.h"
#include "qcow2/spec.h"

#define SECTOR 512
#define PAGE 4096
#define SEEN_MAX (1u << 18)

/* Volumes without a UUID of their own, and the whole disk. */
enum { KEY_DISK = 1, KEY_NTFS };

void bare_free(struct bare *b)
{
    free(b->seen);
    *b = (struct bare){ 0 };
}

/* --- looking --- */

static bool add(struct bare *b, uint64_t key, uint64_t off, uint64_t addr)
{
    if (b->n_seen == SEEN_MAX)
        return true;
    if (!list_room(&b->seen, b->n_seen, &b->seen_cap, sizeof *b->seen))
        return false;
    b->seen[b->n_seen++] = (struct sighting){ key, off, addr };
    return true;
}

static bool look_ext(struct bare *b, uint64_t off, const uint8_t *p, size_t len)
{
    struct ext_fs fs;

    /* The first is in the journal as well, where it does not belong. */
    if (len < 1024 || le_load(p + 56, 2) != 0xef53 || !ext_super_group(p)
        || !ext_super_parse(p, INT64_MAX, &fs) || ext_super_group(p) >= fs.n_groups)
        return true;
    return add(b, le_load(fs.uuid, 8), off, ext_super_at(&fs, ext_super_group(p)));
}

static bool look_xfs(struct bare *b, uint64_t off, const uint8_t *p, size_t len)
{
    static const struct { char magic[5]; uint8_t address, uuid, crc; } kinds[] = {
        { "AB3B", 16, 32, 52 }, { "AB3C", 16, 32, 52 }, { "IAB3", 16, 32, 52 },
        { "FIB3", 16, 32, 52 }, { "BMA3", 24, 40, 64 }, { "XDB3", 8, 24, 4 },
        { "XDD3", 8, 24, 4 },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memcmp(p, kinds[i].magic, 4) == 0)
            return len < PAGE || be64(p + kinds[i].address) > UINT64_MAX / SECTOR
                || !xfs_sum_right(p, PAGE, kinds[i].crc)
                || add(b, le_load(p + kinds[i].uuid, 8), off,
                       be64(p + kinds[i].address) * SECTOR);
    return true;
}

#define NODE_MIN PAGE
#define NODE_MAX 65536
#define NODE_FLAGS UINT64_C(0x0100000000000001)     /* written, and of the present format */

/* A node of btrfs, or a super block. */
static bool look_btrfs(struct bare *b, uint64_t off, const uint8_t *p, size_t len)
{
    bool super = len >= PAGE && memcmp(p + 64, "_BHRfS_M", 8) == 0;

    if (off % PAGE || len < PAGE || (!super && (le_load(p + 56, 8) != NODE_FLAGS || p[100] > 7)))
        return true;
    for (size_t size = NODE_MIN; size <= len && size <= (super ? PAGE : NODE_MAX); size *= 2)
        if ((uint32_t)~crc32c(UINT32_MAX, p + 32, size - 32) == le_load(p, 4))
            return add(b, le_load(p + 32, 8) ^ super, off, le_load(p + 48, 8));
    return true;
}

static bool look_ntfs(struct bare *b, uint64_t off, const uint8_t *p, size_t len)
{
    uint8_t record[NTFS_RECORD_MAX];
    uint64_t size = le_load(p + 28, 4);

    if (memcmp(p, "FILE", 4) != 0 || (size != 1024 && size != PAGE) || size > len
        || le_load(p + 4, 2) < 48)
        return true;
    memcpy(record, p, (size_t)size);
    return !ntfs_fixup(record, (size_t)size)
        || add(b, KEY_NTFS, off, le_load(record + 44, 4) * size);
}

#define COUNT_MAX 64

/* Refcounts: a few, and then zeros. */
static void look_refcounts(struct bare *b, uint64_t off, const uint8_t *p)
{
    struct refcount_run *last = b->n_runs ? &b->run[b->n_runs - 1] : NULL;
    size_t n = 0;

    while (n < SECTOR / 2 && be16(p + n * 2) && be16(p + n * 2) <= COUNT_MAX)
        n++;
    if (!n || !bytes_all_zero(p + n * 2, SECTOR - n * 2))
        return;
    if (last && last->n % (SECTOR / 2) == 0 && last->off + last->n * 2 == off)
        last->n += n;
    else if (b->n_runs < REFCOUNT_RUNS_MAX)
        b->run[b->n_runs++] = (struct refcount_run){ off, n };
}

/* The first sector of a disk. */
static bool look_disk(struct bare *b, uint64_t off, const uint8_t *p)
{
    struct ntfs_boot boot;
    struct fat_fs fat;

    if (!b->has_disk
        && (partition_table_fits(p, INT64_MAX / SECTOR) || memcmp(p + 3, "NTFS    ", 8) == 0
            || fat_boot_parse(p, INT64_MAX, &fat))) {
        b->has_disk = true;
        b->disk_off = off;
    }
    /* Its last sector is the same. */
    return !ntfs_boot_read(p, &boot)
        || add(b, KEY_DISK, off, boot.hidden * boot.sector
               + (off < boot.sectors * boot.sector ? 0 : boot.sectors * boot.sector));
}

bool bare_look(struct bare *b, uint64_t off, const uint8_t *bytes, size_t len)
{
    uint64_t end = memcmp(bytes, "EFI PART", 8) == 0 ? gpt_end(bytes, SECTOR) : 0;

    look_refcounts(b, off, bytes);
    return (!end || add(b, KEY_DISK, off, le_load(bytes + 24, 8) * SECTOR))
        && look_disk(b, off, bytes) && look_ext(b, off, bytes, len) && look_xfs(b, off, bytes, len)
        && look_btrfs(b, off, bytes, len) && look_ntfs(b, off, bytes, len);
}

/* --- what it tells --- */

/* How far a block is from its address, and that modulo the size of a cluster. */
struct shift { uint64_t key, near, far; };

static int by_shift(const void *a, const void *b)
{
    const struct shift *x = a, *y = b;

    return x->key != y->key ? u64_order(x->key, y->key)
        : x->near != y->near ? u64_order(x->near, y->near) : u64_order(x->far, y->far);
}

static bool alike(const struct shift *x, const struct shift *y)
{
    return x->key == y->key && x->near == y->near;
}

/* How many blocks are as far from their address as most of their volume are, modulo 2^bits?
 * *kinds: so many distances that differ are alike in that. */
static size_t agreeing(const struct bare *b, struct shift *room, unsigned bits, size_t *kinds)
{
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    size_t n = 0;

    *kinds = 0;
    for (size_t i = 0; i < b->n_seen; i++) {
        uint64_t far = b->seen[i].off - b->seen[i].addr;

        room[i] = (struct shift){ b->seen[i].key, far & mask, far };
    }
    if (b->n_seen)
        qsort(room, b->n_seen, sizeof *room, by_shift);
    for (size_t i = 0, k; i < b->n_seen;) {
        uint64_t key = room[i].key;
        size_t most = 0, kinds_most = 0;

        for (; i < b->n_seen && room[i].key == key; i = k) {
            size_t here = 1;

            for (k = i + 1; k < b->n_seen && alike(&room[k], &room[i]); k++)
                here += room[k].far != room[k - 1].far;
            if (k - i > most) {
                most = k - i;
                kinds_most = here;
            }
        }
        n += most;
        if (kinds_most > *kinds)
            *kinds = kinds_most;
    }
    return n;
}

static bool is_usual_start(uint64_t off)
{
    return off == 0 || off == 63 * SECTOR || off == UINT64_C(1) << 20;
}

/* Where a volume lies as its blocks say, all from where partitions begin, nothing was left out: a
 * raw disk. */
static bool is_raw(const struct bare *b, struct shift *room)
{
    size_t unused;

    if (b->has_disk && is_usual_start(b->disk_off))
        return true;
    agreeing(b, room, 64, &unused);
    for (size_t i = 0, k; i < b->n_seen; i = k) {
        bool same = true;

        for (k = i; k < b->n_seen && room[k].key == room[i].key; k++)
            same &= room[k].far == room[i].far;
        if (same && is_usual_start(room[i].far))
            return true;
    }
    return false;
}

/* A refcount block that says of how many clusters the file is, or that is full. */
static bool by_refcounts(const struct bare *b, uint64_t file_size, uint32_t *bits)
{
    for (size_t i = 0; i < b->n_runs; i++)
        for (uint32_t k = CLUSTER_BITS_MAX; k >= CLUSTER_BITS_MIN; k--) {
            uint64_t n = div_up(file_size, UINT64_C(1) << k), slack = 2 + n / 64;
            const struct refcount_run *r = &b->run[i];

            if (!r->off || r->off & ((UINT64_C(1) << k) - 1) || r->n < 8)
                continue;
            if (r->n * 2 == UINT64_C(1) << k ? n < r->n : r->n > n || n - r->n > slack
                || r->n * 2 > UINT64_C(1) << k)
                continue;
            *bits = k;
            return true;
        }
    return false;
}

/* The first cluster of the disk lies behind header, refcount table and block, L1 and L2 table,
 * of a cluster each, in an image that was written from its start. */
#define TABLES_BEFORE 5

static bool by_layout(const struct bare *b, uint32_t bits_max, uint32_t *bits)
{
    uint32_t k = CLUSTER_BITS_MIN;

    while (b->has_disk && k < bits_max && b->disk_off >> k != TABLES_BEFORE)
        k++;
    *bits = k;
    return b->has_disk && b->disk_off == (uint64_t)TABLES_BEFORE << k;
}

#define USUAL_BITS 16
#define KINDS_MIN 6         /* distances that agree in so many bits by chance hardly ever */

static bool decide(struct bare *b, struct shift *room, uint64_t file_size, uint32_t *bits,
                   bool *likely)
{
    uint32_t most = CLUSTER_BITS_MAX;
    size_t kinds = 0;

    *likely = true;
    if (is_raw(b, room))
        return false;
    if (by_refcounts(b, file_size, bits))
        return true;
    while (most > CLUSTER_BITS_MIN && agreeing(b, room, most, &kinds) * 10 < b->n_seen * 9)
        most--;
    if (by_layout(b, most, bits))
        return true;
    *bits = most;
    if (kinds >= KINDS_MIN)
        return true;
    *likely = false;
    *bits = most < USUAL_BITS ? most : USUAL_BITS;
    while (*bits > 12 && file_size & ((UINT64_C(1) << *bits) - 1))
        --*bits;
    return b->n_seen || b->has_disk;
}

bool bare_cluster_bits(struct bare *b, uint64_t file_size, uint32_t *bits, bool *likely)
{
    struct shift *room = calloc(b->n_seen + 1, sizeof *room);
    bool known = room && decide(b, room, file_size, bits, likely);

    free(room);
    return known;
}
