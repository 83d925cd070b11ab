/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/witness_fat.h"

#define ENTRY 32
#define PIECE 512               /* bytes of a directory read at once */
#define ATTR_LONG 0x0f
#define ATTR_LABEL 0x08
#define ATTR_DIR 0x10

/* A queue of directories by their first units. */
struct fat_walk {
    struct fat_fs *fs;
    struct rescue_guest *g;
    bool *news;
    uint32_t *dir;              /* owned */
    size_t n_dirs, cap, next;
    uint8_t *seen;              /* owned: a bit for each unit that begins a directory */
    void (*missing)(void *ctx, uint32_t unit);
    void *ctx;
};

static bool entry_fits(const uint8_t *p, uint32_t n_units)
{
    uint32_t unit = (uint32_t)(le_load(p + 20, 2) << 16 | le_load(p + 26, 2));

    if (p[11] == ATTR_LONG)
        return p[12] == 0 && le_load(p + 26, 2) == 0 &&
               ((p[0] & 0x1f) <= 20 || p[0] == 0xe5) && (p[0] & 0x1f);
    if (p[11] & 0xc0 || (p[11] & ATTR_LABEL && (p[11] & ATTR_DIR || le_load(p + 28, 4))))
        return false;
    for (size_t i = 0; i < 11; i++)
        if ((p[i] < 0x20 && !(i == 0 && p[i] == 5)) || (p[i] >= 'a' && p[i] <= 'z') ||
            strchr("\"*+,/:;<=>?[\\]|", p[i]))
            return false;
    if (p[11] & ATTR_DIR && le_load(p + 28, 4))
        return false;
    return unit < n_units && unit != 1 && (unit || !le_load(p + 28, 4));
}

unsigned fat_like_dir(const uint8_t *p, size_t len, uint32_t n_units)
{
    unsigned n = 0;

    for (size_t at = 0; at + ENTRY <= len; at += ENTRY) {
        if (p[at] == 0)                 /* none follows */
            return bytes_all_zero(p + at, len - at) ? n : 0;
        if (!entry_fits(p + at, n_units))
            return 0;
        n++;
    }
    return n;
}

/* --- files --- */

static void name_of(const uint8_t *p, char out[16])
{
    size_t n = 0;

    for (size_t i = 0; i < 8 && p[i] != ' '; i++)
        out[n++] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    if (p[8] != ' ')
        out[n++] = '.';
    for (size_t i = 8; i < 11 && p[i] != ' '; i++)
        out[n++] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    out[n] = '\0';
}

static void file_read(struct fat_walk *k, uint32_t unit, uint64_t size, const char *name)
{
    struct fat_fs *fs = k->fs;
    uint64_t file = (uint64_t)(fs->index + 1) << 32 | unit, off = 0;
    uint32_t first = unit, n = 0, next = 0;

    while (off + n * fs->unit < size && fs->steps_left && first >= 2) {
        bool known;

        fs->steps_left--;
        n++;
        known = fat_next(fs, k->g, first + n - 1, &next);
        if (known && next == first + n && next < fs->n_units)
            continue;
        rescue_extent(k->g, file, off, fat_unit_at(fs, first), n * fs->unit, size, name);
        if (!known || next < 2 || next >= fs->n_units)
            return;
        off += n * fs->unit;
        first = next;
        n = 0;
    }
    if (n)
        rescue_extent(k->g, file, off, fat_unit_at(fs, first), n * fs->unit, size, name);
}

/* --- directories --- */

static void dir_add(struct fat_walk *k, uint32_t unit)
{
    if (unit < 2 || unit >= k->fs->n_units || k->seen[unit / 8] >> unit % 8 & 1 ||
        k->n_dirs == FAT_DIRS_MAX)
        return;
    if (!list_room(&k->dir, k->n_dirs, &k->cap, sizeof *k->dir))
        return;
    k->seen[unit / 8] |= (uint8_t)(1u << unit % 8);
    k->dir[k->n_dirs++] = unit;
}

/* Returns whether entries may follow. */
static bool entries_read(struct fat_walk *k, const uint8_t *p, size_t len)
{
    for (size_t at = 0; at + ENTRY <= len; at += ENTRY) {
        const uint8_t *e = p + at;
        uint32_t unit = (uint32_t)(le_load(e + 20, 2) << 16 | le_load(e + 26, 2));
        char name[16];

        if (e[0] == 0)
            return false;
        if (e[0] == 0xe5 || e[11] == ATTR_LONG || e[11] & ATTR_LABEL || e[0] == '.' ||
            !entry_fits(e, k->fs->n_units) || unit < 2)
            continue;
        name_of(e, name);
        if (e[11] & ATTR_DIR)
            dir_add(k, unit);
        else
            file_read(k, unit, le_load(e + 28, 4), name);
    }
    return true;
}

/* [guest_off, guest_off + len) of a directory; false: it ends there, or cannot be read. */
static bool piece_read(struct fat_walk *k, uint64_t guest_off, uint64_t len, bool *known)
{
    uint8_t p[PIECE];
    bool more = true;

    for (uint64_t at = 0; at + PIECE <= len; at += PIECE) {
        if (!rescue_read(k->g, guest_off + at, p, PIECE, SURE_LIKELY)) {
            *known = false;
            return false;
        }
        *k->news |= rescue_mark(k->g, guest_off + at, PIECE,
                                bytes_all_zero(p, PIECE) ? USE_FREE : USE_CONTENT);
        more = more && entries_read(k, p, PIECE);
    }
    *known = true;
    return more;
}

static void dir_read(struct fat_walk *k, uint32_t unit)
{
    struct fat_fs *fs = k->fs;

    while (unit >= 2 && unit < fs->n_units && fs->steps_left) {
        bool known;
        uint32_t next;

        fs->steps_left--;
        piece_read(k, fat_unit_at(fs, unit), fs->unit, &known);
        if (!known)
            k->missing(k->ctx, unit);
        if (!fat_next(fs, k->g, unit, &next))
            return;
        unit = next;
    }
}

void fat_dirs_read(struct fat_fs *fs, struct rescue_guest *g, bool *news,
                   void (*missing)(void *ctx, uint32_t unit), void *ctx)
{
    struct fat_walk k = { .fs = fs, .g = g, .news = news, .missing = missing, .ctx = ctx };
    bool known;

    fs->steps_left = FAT_STEPS_MAX;
    k.seen = calloc(1, fs->n_units / 8 + 1);
    if (!k.seen)
        return;
    if (fs->kind == 32) {
        dir_add(&k, fs->root_unit);
    } else {
        piece_read(&k, fs->off + fs->root, fs->root_len, &known);
        if (!known)
            missing(ctx, 0);
    }
    while (k.next < k.n_dirs)
        dir_read(&k, k.dir[k.next++]);
    free(k.seen);
    free(k.dir);
}
