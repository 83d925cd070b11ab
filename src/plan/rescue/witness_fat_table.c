/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "base/num.h"
#include "plan/rescue/witness_fat.h"

static bool is_power_of_two(uint64_t n)
{
    return n && !(n & (n - 1));
}

bool fat_boot_parse(const uint8_t *p, uint64_t size_max, struct fat_fs *fs)
{
    uint64_t per_unit = p[13], reserved = le_load(p + 14, 2), entries = le_load(p + 17, 2);
    uint64_t sectors = le_load(p + 19, 2) ? le_load(p + 19, 2) : le_load(p + 32, 4);
    uint64_t table = le_load(p + 22, 2) ? le_load(p + 22, 2) : le_load(p + 36, 4);
    uint64_t units;

    if (p[510] != 0x55 || p[511] != 0xaa || (p[0] != 0xeb && p[0] != 0xe9))
        return false;
    memset(fs, 0, sizeof *fs);
    fs->chunk_at = UINT64_MAX;
    fs->sector = (uint32_t)le_load(p + 11, 2);
    fs->n_tables = p[16];
    if (!is_power_of_two(fs->sector) || fs->sector < 512 || fs->sector > 4096 ||
        !is_power_of_two(per_unit) || !reserved || !fs->n_tables || fs->n_tables > 4 ||
        p[21] < 0xf0 || !table || !sectors)
        return false;
    fs->unit = per_unit * fs->sector;
    fs->len = sectors * fs->sector;
    fs->table = reserved * fs->sector;
    fs->table_len = table * fs->sector;
    fs->root = fs->table + fs->n_tables * fs->table_len;
    fs->root_len = round_up(entries * 32, fs->sector);
    fs->data = fs->root + fs->root_len;
    if (fs->len > size_max || fs->data >= fs->len)
        return false;
    units = (fs->len - fs->data) / fs->unit;
    fs->kind = le_load(p + 22, 2) == 0 ? 32 : units < 4085 ? 12 : 16;
    if (!units || units >= 0x0ffffff0 || (units + 2) * fs->kind > fs->table_len * 8 ||
        (fs->kind == 32) != (entries == 0) || (fs->kind == 16 && units >= 65525))
        return false;
    fs->n_units = (uint32_t)units + 2;
    if (fs->kind == 32) {
        fs->root_unit = (uint32_t)le_load(p + 44, 4);
        fs->info = (uint32_t)le_load(p + 48, 2);
        fs->backup = (uint32_t)le_load(p + 50, 2);
        if (fs->root_unit < 2 || fs->root_unit >= fs->n_units || fs->info >= reserved ||
            fs->backup >= reserved)
            return false;
    }
    return true;
}

uint64_t fat_unit_at(const struct fat_fs *fs, uint32_t unit)
{
    return fs->off + fs->data + (uint64_t)(unit - 2) * fs->unit;
}

/* --- entries --- */

/* An entry whose first byte is `at` of the bytes. */
static uint32_t entry_at(const struct fat_fs *fs, const uint8_t *p, uint32_t unit)
{
    if (fs->kind == 32)
        return (uint32_t)le_load(p, 4) & 0x0fffffff;
    if (fs->kind == 16)
        return (uint32_t)le_load(p, 2);
    return unit % 2 ? (uint32_t)le_load(p, 2) >> 4 : (uint32_t)le_load(p, 2) & 0xfff;
}

static uint64_t entry_off(const struct fat_fs *fs, uint32_t unit)
{
    return fs->kind == 12 ? (uint64_t)unit + unit / 2 : (uint64_t)unit * fs->kind / 8;
}

/* A sector of the table, of the first copy that can be read. */
static bool sector_read(struct fat_fs *fs, struct rescue_guest *g, uint64_t at, size_t len,
                        uint8_t *dst)
{
    for (uint32_t i = 0; i < fs->n_tables; i++)
        if (rescue_read(g, fs->off + fs->table + i * fs->table_len + at, dst, len,
                        SURE_LIKELY))
            return true;
    memset(dst, 0, len);
    return fs->rest_is_zero;
}

/* A chunk of the table; with the bytes of an entry that reaches into the next. */
static bool chunk_read(struct fat_fs *fs, struct rescue_guest *g, uint64_t at)
{
    size_t len = (size_t)u64_min(FAT_CHUNK, fs->table_len - at);

    if (fs->chunk_at == at)
        return true;
    fs->chunk_at = UINT64_MAX;
    memset(fs->chunk, 0, sizeof fs->chunk);
    for (size_t i = 0; i < len; i += 512)
        if (!sector_read(fs, g, at + i, 512, fs->chunk + i))
            return false;
    if (fs->kind == 12 && at + len < fs->table_len &&
        !sector_read(fs, g, at + len, 2, fs->chunk + len))
        return false;
    fs->chunk_at = at;
    return true;
}

bool fat_next(struct fat_fs *fs, struct rescue_guest *g, uint32_t unit, uint32_t *next)
{
    uint64_t at = entry_off(fs, unit), chunk = at / FAT_CHUNK * FAT_CHUNK;

    if (unit >= fs->n_units || at >= fs->table_len || !chunk_read(fs, g, chunk))
        return false;
    *next = entry_at(fs, fs->chunk + (at - chunk), unit);
    return true;
}

/* --- marks --- */

static void mark_units(const struct fat_fs *fs, struct rescue_guest *g, uint32_t from,
                       uint32_t to, bool free, bool *news)
{
    if (from < to)
        *news |= rescue_mark(g, fat_unit_at(fs, from), (uint64_t)(to - from) * fs->unit,
                             free ? USE_FREE : USE_DATA);
}

/* The units of a chunk of the table, and the copies of the chunk itself. */
static void mark_chunk(struct fat_fs *fs, struct rescue_guest *g, uint64_t at, bool *news)
{
    size_t len = (size_t)u64_min(FAT_CHUNK, fs->table_len - at);
    uint64_t bits = at * 8 / fs->kind;
    uint32_t unit = (uint32_t)u64_min(bits < 2 ? 2 : bits + (at * 8 % fs->kind != 0),
                                      fs->n_units);
    uint32_t from = unit, now;
    bool free = false;

    for (; unit < fs->n_units && entry_off(fs, unit) < at + len; unit++) {
        now = entry_at(fs, fs->chunk + (entry_off(fs, unit) - at), unit);
        if ((now == 0) != free) {
            mark_units(fs, g, from, unit, free, news);
            from = unit;
            free = now == 0;
        }
    }
    mark_units(fs, g, from, unit, free, news);
    for (uint32_t i = 0; i < fs->n_tables; i++)
        for (size_t k = 0; k < len; k += 512) {
            bool zero = bytes_all_zero(fs->chunk + k, len - k < 512 ? len - k : 512);

            *news |= rescue_mark(g, fs->off + fs->table + i * fs->table_len + at + k, 512,
                                 zero ? USE_FREE : USE_CONTENT);
        }
}

void fat_mark(struct fat_fs *fs, struct rescue_guest *g, bool *news)
{
    fs->chunk_at = UINT64_MAX;
    *news |= rescue_mark(g, fs->off, 512, USE_CONTENT);
    if (fs->info)
        *news |= rescue_mark(g, fs->off + (uint64_t)fs->info * fs->sector, 512, USE_CONTENT);
    if (fs->backup)
        *news |= rescue_mark(g, fs->off + (uint64_t)fs->backup * fs->sector, 512, USE_CONTENT);
    for (uint64_t at = 0, i = 0; at < fs->table_len; at += FAT_CHUNK, i++)
        if (!fs->marked[i] && chunk_read(fs, g, at)) {
            fs->marked[i] = 1;
            mark_chunk(fs, g, at, news);
        }
}

/* --- where a piece of a table belongs --- */

static void vote(struct fat_votes *v, uint64_t guest_off)
{
    for (unsigned i = 0; i < v->used; i++)
        if (v->guest_off[i] == guest_off) {
            v->n[i]++;
            return;
        }
    if (v->used < 16) {
        v->guest_off[v->used] = guest_off;
        v->n[v->used++] = 1;
    }
}

void fat_table_votes(const struct fat_fs *fs, const struct rescue_guest *g,
                     const uint8_t *bytes, struct fat_votes *votes)
{
    uint32_t cluster = rescue_cluster(g), width = fs->kind / 8;

    votes->used = 0;
    if (fs->kind == 12)
        return;
    for (uint32_t at = 0; at + width <= cluster; at += width) {
        uint32_t value = entry_at(fs, bytes + at, 0);

        if (value < 3 || value > fs->n_units)
            continue;
        /* An entry that is one less than what it says. */
        for (uint32_t i = 0; i < fs->n_tables; i++) {
            uint64_t place = fs->off + fs->table + i * fs->table_len +
                             entry_off(fs, value - 1);

            if (place >= at && (place - at) % cluster == 0)
                vote(votes, place - at);
        }
    }
}
