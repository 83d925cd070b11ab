/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "base/num.h"
#include "volumes/fs_fat.h"

#define SECTOR      512
#define CHUNK_BYTES 49152u              /* of the map: whole entries of 12 bits as well */
#define ENTRY_BYTES 32u                 /* of a directory */

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | p[n];
    return v;
}

static bool is_power_of_two(uint64_t v)
{
    return v && !(v & (v - 1));
}

static bool shape_fat(const uint8_t *b, uint64_t len, struct fat_shape *s)
{
    uint64_t sector = le(b + 11, 2), reserved = le(b + 14, 2), root = le(b + 17, 2) * ENTRY_BYTES;
    uint64_t sectors = le(b + 19, 2), table = le(b + 22, 2), head;

    if (!is_power_of_two(sector) || sector < SECTOR || sector > 4096 || !is_power_of_two(b[13]) ||
        !reserved || !b[16])
        return false;
    if (!sectors)
        sectors = le(b + 32, 4);
    if (!table)
        table = le(b + 36, 4);
    sectors = u64_min(sectors, len / sector);
    head = reserved + b[16] * table + div_up(root, sector);
    if (!table || head >= sectors)
        return false;
    *s = (struct fat_shape){
        .table_off = reserved * sector, .table_len = table * sector, .tables = b[16],
        .map_off = reserved * sector, .heap_off = head * sector, .cluster = b[13] * sector,
        .clusters = (sectors - head) / b[13],
    };
    s->bits = s->clusters < 4085 ? 12 : s->clusters < 65525 ? 16 : 32;
    /* Entries 0 and 1 are no clusters. */
    s->clusters = u64_min(s->clusters, u64_max(s->table_len * 8 / s->bits, 2) - 2);
    return true;
}

/* The bitmap is told by an entry at the beginning of the root directory. */
static uint64_t exfat_bitmap(struct fs *fs, const struct fat_shape *s, uint64_t root)
{
    uint8_t e[ENTRY_BYTES];

    for (unsigned i = 0; i < s->cluster / ENTRY_BYTES && i < 64; i++) {
        uint64_t first;

        fs_volume_read(fs->w, fs->v, s->heap_off + (root - 2) * s->cluster + i * ENTRY_BYTES, e,
                       sizeof e);
        first = le(e + 20, 4);
        if (e[0] == 0x81)
            return first >= 2 && first - 2 < s->clusters
                       ? s->heap_off + (first - 2) * s->cluster : NO_ADDRESS;
    }
    return NO_ADDRESS;
}

static bool shape_exfat(struct fs *fs, const uint8_t *b, struct fat_shape *s)
{
    unsigned sector = b[108], cluster = b[109];
    uint64_t root = le(b + 96, 4), n;

    if (sector < 9 || sector > 12 || cluster > 25 - sector || !b[110])
        return false;
    *s = (struct fat_shape){
        .bits = 1, .tables = b[110], .map_off = NO_ADDRESS,
        .table_off = le(b + 80, 4) << sector, .table_len = le(b + 84, 4) << sector,
        .heap_off = le(b + 88, 4) << sector, .cluster = UINT64_C(1) << (sector + cluster),
    };
    if (s->heap_off >= fs->v->len)
        return false;
    n = (fs->v->len - s->heap_off) / s->cluster;
    s->clusters = u64_min(le(b + 92, 4), n);
    if (root < 2 || root - 2 >= s->clusters)
        return false;
    s->map_off = exfat_bitmap(fs, s, root);
    return true;
}

bool fat_shape(struct fs *fs, struct fat_shape *out)
{
    uint8_t b[SECTOR];

    fs_volume_read(fs->w, fs->v, 0, b, sizeof b);
    if (memcmp(b + 3, "EXFAT   ", 8) == 0)
        return shape_exfat(fs, b, out);
    return shape_fat(b, fs->v->len, out);
}

/* Is entry i of a part of the map that of a free cluster? */
static bool is_free(const uint8_t *map, unsigned bits, uint64_t i)
{
    switch (bits) {
    case 1:
        return !(map[i / 8] >> i % 8 & 1);
    case 12:
        return !(le(map + i * 3 / 2, 2) >> (i % 2 * 4) & 0xfff);
    case 16:
        return !le(map + i * 2, 2);
    default:
        return !(le(map + i * 4, 4) & 0x0fffffff);
    }
}

/* Where a part of the map can be had: lost parts of the first FAT from the second. NO_ADDRESS:
 * nowhere. */
static uint64_t part_off(const struct fs *fs, const struct fat_shape *s, uint64_t off, uint64_t len)
{
    if (!fs_lacking(fs, LACK_LOST, off, len))
        return off;
    if (s->bits == 1 || s->tables < 2 || fs_lacking(fs, LACK_LOST, off + s->table_len, len))
        return NO_ADDRESS;
    return off + s->table_len;
}

void fat_count_free(struct fs *fs, const struct fat_shape *s)
{
    const uint64_t per_chunk = CHUNK_BYTES * 8 / s->bits, skip = s->bits == 1 ? 0 : 2;
    uint8_t map[CHUNK_BYTES + 1];
    struct touch t = TOUCH_INIT;
    uint64_t n_free = 0;
    bool all = true;

    for (uint64_t at = 0; s->map_off != NO_ADDRESS && at < s->clusters + skip; at += per_chunk) {
        uint64_t end = u64_min(s->clusters + skip, at + per_chunk), off;
        bool lacking = fs_lacks_any(fs, s->heap_off + (u64_max(at, skip) - skip) * s->cluster,
                                   (end - at) * s->cluster);

        off = part_off(fs, s, s->map_off + at / per_chunk * CHUNK_BYTES,
                       div_up((end - at) * s->bits, 8));
        if (off == NO_ADDRESS) {
            all = false;
            continue;
        }
        fs_volume_read(fs->w, fs->v, off, map, sizeof map);
        for (uint64_t i = u64_max(at, skip); i < end; i++) {
            if (!is_free(map, s->bits, i - at))
                continue;
            n_free++;
            if (lacking)
                touch_add(fs, &t, s->heap_off + (i - skip) * s->cluster, s->cluster, NO_ADDRESS);
        }
    }
    if (all && s->map_off != NO_ADDRESS)
        fs->v->used = (s->clusters - n_free) * s->cluster;
    t.bytes[LACK_UNMAPPED] = 0;             /* as it should be */
    fs_send_part(fs, ITEM_FREE, &t, 0, 0);
}
