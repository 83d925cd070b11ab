/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/witness_exfat.h"

#define ENTRY 32
#define TYPE_BITMAP 0x81
#define TYPE_UPCASE 0x82
#define TYPE_LABEL  0x83
#define TYPE_FILE   0x85
#define TYPE_STREAM 0xc0
#define TYPE_NAME   0xc1
#define ATTR_DIR    0x10
#define IN_ONE_PIECE 2                  /* of the flags of a stream */

bool exfat_boot_parse(const uint8_t *p, uint64_t size_max, struct exfat_fs *out)
{
    struct fat_fs *fs = &out->fat;
    uint64_t sectors = le_load(p + 72, 8), units = le_load(p + 92, 4);

    memset(out, 0, sizeof *out);
    if (memcmp(p + 3, "EXFAT   ", 8) != 0 || p[510] != 0x55 || p[511] != 0xaa
        || !bytes_all_zero(p + 11, 53) || p[108] < 9 || p[108] > 12 || p[109] > 25 - p[108]
        || p[110] < 1 || p[110] > 2 || sectors > size_max >> p[108])
        return false;
    fs->kind = 32;
    fs->chunk_at = UINT64_MAX;
    fs->sector = UINT32_C(1) << p[108];
    fs->unit = (uint64_t)fs->sector << p[109];
    fs->len = sectors * fs->sector;
    fs->table = le_load(p + 80, 4) * fs->sector;
    fs->table_len = le_load(p + 84, 4) * fs->sector;
    fs->n_tables = p[110];
    fs->data = le_load(p + 88, 4) * fs->sector;
    fs->root_unit = (uint32_t)le_load(p + 96, 4);
    out->percent = p[112];
    if (!units || units > UINT32_MAX - 16 || fs->table < UINT64_C(24) * fs->sector
        || fs->table + fs->table_len * fs->n_tables > fs->data
        || (units + 2) * 4 > fs->table_len || fs->data > fs->len
        || units > (fs->len - fs->data) / fs->unit)
        return false;
    fs->n_units = (uint32_t)units + 2;
    return fs->root_unit >= 2 && fs->root_unit < fs->n_units;
}

/* --- entries --- */

static uint16_t set_sum(const uint8_t *p, size_t len)
{
    uint16_t sum = 0;

    for (size_t i = 0; i < len; i++)
        if (i != 2 && i != 3)
            sum = (uint16_t)((sum << 15 | sum >> 1) + p[i]);
    return sum;
}

bool exfat_set_fits(const uint8_t *p, size_t len)
{
    size_t n = (size_t)(p[1] + 1) * ENTRY;

    return p[0] == TYPE_FILE && p[1] >= 2 && p[1] < EXFAT_SET_MAX && n <= len
        && p[ENTRY] == TYPE_STREAM && p[2 * ENTRY] == TYPE_NAME
        && set_sum(p, n) == le_load(p + 2, 2);
}

bool exfat_like_root(const uint8_t *p)
{
    bool bitmap = false, upcase = false;

    for (size_t at = 0; at < 4 * ENTRY; at += ENTRY) {
        bitmap |= p[at] == TYPE_BITMAP && !(p[at + 1] & 0xfe) && bytes_all_zero(p + at + 2, 18);
        upcase |= p[at] == TYPE_UPCASE && bytes_all_zero(p + at + 1, 3);
    }
    return bitmap && upcase;
}

static struct exfat_run run_of(const struct exfat_fs *fs, const uint8_t *stream)
{
    struct exfat_run run = {
        .first = (uint32_t)le_load(stream + 20, 4), .len = le_load(stream + 24, 8),
        .valid = le_load(stream + 8, 8), .chained = !(stream[1] & IN_ONE_PIECE),
    };
    uint64_t room = fs->fat.n_units - 2;

    if (run.first < 2 || run.first >= fs->fat.n_units || run.len > room * fs->fat.unit
        || run.valid > run.len)
        run.first = 0;
    if (run.first && !run.chained
        && div_up(run.len, fs->fat.unit) > fs->fat.n_units - run.first)
        run.first = 0;
    return run;
}

static bool unit_next(struct exfat_fs *fs, struct rescue_guest *g, const struct exfat_run *run,
                      uint32_t *unit)
{
    if (run->chained)
        return fat_next(&fs->fat, g, *unit, unit) && *unit >= 2 && *unit < fs->fat.n_units;
    return ++*unit < fs->fat.n_units;
}

uint32_t exfat_unit_of(struct exfat_fs *fs, struct rescue_guest *g, const struct exfat_run *run,
                       uint64_t off)
{
    uint32_t unit = run->first;

    if (!unit || off >= run->len)
        return 0;
    for (uint64_t i = off / fs->fat.unit; i; i--) {
        if (!fs->fat.steps_left || !unit_next(fs, g, run, &unit))
            return 0;
        fs->fat.steps_left--;
    }
    return unit;
}

/* --- directories --- */

/* A queue of directories. */
struct exfat_walk {
    struct exfat_fs *fs;
    struct rescue_guest *g;
    bool *news;
    struct exfat_run *dir;              /* owned */
    size_t n_dirs, cap, next;
    uint8_t *seen;                      /* owned: a bit for each unit that begins a directory */
    void (*missing)(void *ctx, uint32_t unit);
    void *ctx;
};

static void dir_add(struct exfat_walk *k, const struct exfat_run *run)
{
    uint32_t unit = run->first;

    if (!unit || k->seen[unit / 8] >> unit % 8 & 1 || k->n_dirs == EXFAT_DIRS_MAX
        || !list_room(&k->dir, k->n_dirs, &k->cap, sizeof *k->dir))
        return;
    k->seen[unit / 8] |= (uint8_t)(1u << unit % 8);
    k->dir[k->n_dirs++] = *run;
}

static void name_of(const uint8_t *set, char out[64])
{
    size_t n = 0, len = set[ENTRY + 3], at = 2 * ENTRY + 2;

    while (n < len && n < 63 && at + 2 <= (size_t)(set[1] + 1) * ENTRY) {
        out[n++] = set[at + 1] || set[at] >= 0x80 ? '_' : (char)set[at];
        at += 2;
        if (at % ENTRY == 0)
            at += 2;
    }
    out[n] = '\0';
}

static void file_read(struct exfat_walk *k, const struct exfat_run *run, const char *name)
{
    struct fat_fs *fat = &k->fs->fat;
    uint64_t file = (uint64_t)(fat->index + 1) << 32 | run->first, off = 0;
    uint32_t first = run->first, n = 0, next = 0;

    if (!run->chained) {
        rescue_extent(k->g, file, 0, fat_unit_at(fat, first), round_up(run->len, fat->unit),
                      run->valid, name);
        return;
    }
    while (off < run->len && fat->steps_left && first >= 2 && first < fat->n_units) {
        bool known;

        fat->steps_left--;
        n++;
        known = fat_next(fat, k->g, first + n - 1, &next);
        if (known && next == first + n && next < fat->n_units && off + n * fat->unit < run->len)
            continue;
        rescue_extent(k->g, file, off, fat_unit_at(fat, first), n * fat->unit, run->valid, name);
        if (!known)
            return;
        off += n * fat->unit;
        first = next;
        n = 0;
    }
}

static void set_read(struct exfat_walk *k, const uint8_t *set)
{
    struct exfat_run run = run_of(k->fs, set + ENTRY);
    char name[64];

    if (!run.first || !run.len)
        return;
    name_of(set, name);
    if (set[4] & ATTR_DIR)
        dir_add(k, &run);
    else
        file_read(k, &run, name);
}

/* A set may go on in the next sector, so entries are collected until one is whole. */
struct exfat_entries { uint8_t bytes[EXFAT_SET_MAX * ENTRY]; size_t n, want; };

/* False: no entries follow. */
static bool entry_read(struct exfat_walk *k, struct exfat_entries *set, const uint8_t *e)
{
    if (set->want && set->n < set->want) {
        memcpy(set->bytes + set->n++ * ENTRY, e, ENTRY);
        if (set->n == set->want && exfat_set_fits(set->bytes, set->n * ENTRY))
            set_read(k, set->bytes);
        return true;
    }
    set->want = 0;
    if (e[0] == TYPE_FILE && e[1] >= 2 && e[1] < EXFAT_SET_MAX) {
        memcpy(set->bytes, e, ENTRY);
        set->n = 1;
        set->want = e[1] + 1u;
    } else if (e[0] == TYPE_BITMAP && !(e[1] & 1)) {
        struct exfat_run run = { (uint32_t)le_load(e + 20, 4), le_load(e + 24, 8), 0, true };

        if (run.first >= 2 && run.first < k->fs->fat.n_units
            && run.len == div_up(k->fs->fat.n_units - 2, 8))
            k->fs->bitmap = run;
    }
    return e[0] != 0;
}

static void dir_read(struct exfat_walk *k, const struct exfat_run *run)
{
    struct fat_fs *fat = &k->fs->fat;
    struct exfat_entries set = { .n = 0 };
    uint32_t unit = run->first;
    uint8_t p[512];

    for (uint64_t off = 0; off < run->len && fat->steps_left; off += sizeof p) {
        uint64_t at;

        fat->steps_left--;
        if (off && off % fat->unit == 0 && !unit_next(k->fs, k->g, run, &unit))
            return;
        at = fat_unit_at(fat, unit) + off % fat->unit;
        if (!rescue_read(k->g, at, p, sizeof p, SURE_LIKELY)) {
            k->missing(k->ctx, unit);
            return;
        }
        *k->news |= rescue_mark(k->g, at, sizeof p, bytes_all_zero(p, sizeof p) ? USE_FREE
                                                                               : USE_CONTENT);
        for (size_t i = 0; i < sizeof p; i += ENTRY)
            if (!entry_read(k, &set, p + i))
                return;
    }
}

void exfat_dirs_read(struct exfat_fs *fs, struct rescue_guest *g, bool *news,
                     void (*missing)(void *ctx, uint32_t unit), void *ctx)
{
    struct exfat_walk k = { .fs = fs, .g = g, .news = news, .missing = missing, .ctx = ctx };
    struct exfat_run root = { fs->fat.root_unit, (uint64_t)(fs->fat.n_units - 2) * fs->fat.unit,
                              0, true };

    fs->fat.steps_left = FAT_STEPS_MAX;
    fs->fat.chunk_at = UINT64_MAX;
    k.seen = calloc(1, fs->fat.n_units / 8 + 1);
    if (!k.seen)
        return;
    dir_add(&k, &root);
    while (k.next < k.n_dirs) {
        struct exfat_run run = k.dir[k.next++];

        dir_read(&k, &run);
    }
    free(k.seen);
    free(k.dir);
}
