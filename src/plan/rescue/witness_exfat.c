/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/witness_exfat.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define BOOT_COPY 12                    /* sector of the second boot region */
#define BOOT_CODE 9                     /* sectors that a boot region begins with */
#define BOOT_SUM 11                     /* its sector with the checksum */

/* --- looking --- */

static uint64_t exfat_id(const uint8_t *boot)
{
    return UINT64_C(0xefa7) << 32 | le_load(boot + 100, 4);
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes, size_t len)
{
    struct exfat_witness *w = self;
    struct exfat_fs fs;

    for (size_t at = 0; at + 512 <= len; at += 512) {
        const uint8_t *p = bytes + at;

        if (p[0] == 0x85 && exfat_set_fits(p, len - at))
            w->like[cand] |= EXFAT_LIKE_DIR;
        if (exfat_like_root(p))
            w->like[cand] |= EXFAT_LIKE_ROOT;
        if (le_load(p, 4) == 0xfffffff8 && le_load(p + 4, 4) == 0xffffffff)
            w->like[cand] |= EXFAT_LIKE_TABLE;
        if (fat_like_table(p, 4))
            w->like[cand] |= EXFAT_LIKE_ENTRIES;
        if (w->n_boots < EXFAT_BOOTS_MAX && exfat_boot_parse(p, rescue_size(g), &fs)) {
            struct exfat_boot *b = &w->boot[w->n_boots++];

            b->cand = cand;
            b->at = (uint32_t)at;
            memcpy(b->bytes, p, 512);
            volume_head(g, exfat_id(p), cand, fs.fat.len);
        }
    }
    return true;
}

/* --- where file systems start --- */

static bool found(struct exfat_witness *w, struct rescue_guest *g, uint64_t off,
                  const uint8_t *boot)
{
    struct exfat_fs *fs;

    for (size_t i = 0; i < w->n_fs; i++)
        if (w->fs[i]->fat.off == off)
            return false;
    fs = w->n_fs < EXFAT_FS_MAX ? malloc(sizeof *fs) : NULL;
    if (!fs)
        return false;
    if (!exfat_boot_parse(boot, rescue_room(g, off), fs)) {
        free(fs);
        return false;
    }
    fs->fat.off = off;
    fs->fat.index = 0x2000 + (uint32_t)w->n_fs;
    w->fs[w->n_fs++] = fs;
    return rescue_volume(g, off, fs->fat.len, FOUND_EXFAT);
}

static bool is_wanted(const struct rescue_guest *g, uint64_t guest_off)
{
    uint64_t cl = guest_off / rescue_cluster(g);
    enum rescue_sure sure;

    return rescue_lost(g, cl) && (!rescue_placed(g, cl, NULL, &sure) || sure < SURE_LIKELY);
}

static bool pin(struct rescue_guest *g, size_t cand, uint64_t in_cand, uint64_t guest_off,
                const char *why)
{
    uint32_t cluster = rescue_cluster(g);

    return guest_off >= in_cand && (guest_off - in_cand) % cluster == 0
        && is_wanted(g, guest_off)
        && rescue_pin(g, cand, (guest_off - in_cand) / cluster, SURE_LIKELY, why);
}

static void locate(struct exfat_witness *w, struct rescue_guest *g, bool *news)
{
    const struct rescue_volume_found *v;
    uint8_t p[512];
    size_t n;

    if (rescue_read(g, 0, p, sizeof p, SURE_LIKELY))
        *news |= found(w, g, 0, p);
    v = rescue_volumes(g, &n);
    for (size_t i = 0; i < n; i++) {
        if (rescue_read(g, v[i].guest_off, p, sizeof p, SURE_LIKELY))
            *news |= found(w, g, v[i].guest_off, p);
        v = rescue_volumes(g, &n);              /* may have moved */
    }
    for (size_t k = 0; k < w->n_boots; k++) {
        const struct exfat_boot *b = &w->boot[k];
        enum rescue_sure sure;
        struct exfat_fs fs;
        uint64_t off;

        if (!exfat_boot_parse(b->bytes, rescue_size(g), &fs)
            || !volume_home(g, &(struct volume_query){ exfat_id(b->bytes), fs.fat.len,
                                                       le_load(b->bytes + 64, 8) * fs.fat.sector },
                            &off, &sure))
            continue;
        if (pin(g, b->cand, b->at, off, "an exFAT boot sector as long as its partition")
            || pin(g, b->cand, b->at, off + BOOT_COPY * fs.fat.sector,
                   "the copy of an exFAT boot sector")) {
            *news = true;
            found(w, g, off, b->bytes);
        }
    }
}

/* --- placing --- */

struct exfat_placing {
    struct exfat_witness *w;
    struct exfat_fs *fs;
    struct rescue_guest *g;
    uint8_t *bytes;             /* owned: a cluster */
    bool *news;
};

/* How well a candidate's bytes at `in` of it fit what is wanted there, the less the better;
 * UINT64_MAX: not at all. */
typedef uint64_t exfat_fit(const struct exfat_placing *pl, const uint8_t *p, size_t len,
                           uint32_t unit);

/* Pins the only candidate of a kind (0: any) that fits there, or the one that fits by far the
 * best. */
static void place_best(struct exfat_placing *pl, uint64_t guest_off, size_t len, uint32_t unit,
                       uint8_t kind, exfat_fit *fit, const char *why)
{
    uint32_t cluster = rescue_cluster(pl->g);
    uint64_t in = guest_off % cluster, best = UINT64_MAX, second = UINT64_MAX;
    size_t which = 0;
    struct rescue_pin at;

    if (!is_wanted(pl->g, guest_off))
        return;
    len = (size_t)u64_min(len, cluster - in);
    for (size_t i = 0; i < rescue_candidates(pl->g); i++) {
        uint64_t cost;

        if ((kind && !(pl->w->like[i] & kind))
            || (rescue_pinned(pl->g, i, &at) && at.sure >= SURE_LIKELY)
            || !rescue_candidate_read(pl->g, i, pl->bytes, NULL))
            continue;
        cost = fit(pl, pl->bytes + in, len, unit);
        if (cost < best) {
            second = best;
            best = cost;
            which = i;
        } else {
            second = u64_min(second, cost);
        }
    }
    if (best != UINT64_MAX && best < second / 4)
        *pl->news |= rescue_pin(pl->g, which, guest_off / cluster, SURE_LIKELY, why);
}

/* Pieces of the table in which enough entries say the number after their own. */
static void place_tables(struct exfat_placing *pl)
{
    struct rescue_pin at;
    struct fat_votes v;

    for (size_t i = 0; i < rescue_candidates(pl->g); i++) {
        unsigned best = FAT_VOTES_MIN - 1;
        uint64_t place = UINT64_MAX;

        if (!(pl->w->like[i] & EXFAT_LIKE_ENTRIES)
            || (rescue_pinned(pl->g, i, &at) && at.sure >= SURE_LIKELY)
            || !rescue_candidate_read(pl->g, i, pl->bytes, NULL))
            continue;
        fat_table_votes(&pl->fs->fat, pl->g, pl->bytes, &v);
        for (unsigned k = 0; k < v.used; k++)
            if (v.n[k] > best && is_wanted(pl->g, v.guest_off[k])) {
                best = v.n[k];
                place = v.guest_off[k];
            }
        if (place != UINT64_MAX)
            *pl->news |= rescue_pin(pl->g, i, place / rescue_cluster(pl->g), SURE_LIKELY,
                                    "what entries of a FAT say about their own numbers");
    }
}

static uint64_t fit_root(const struct exfat_placing *pl, const uint8_t *p, size_t len,
                         uint32_t unit)
{
    (void)pl;
    (void)unit;
    return len >= 128 && exfat_like_root(p) ? 0 : UINT64_MAX;
}

static uint64_t fit_table(const struct exfat_placing *pl, const uint8_t *p, size_t len,
                          uint32_t unit)
{
    (void)pl;
    (void)unit;
    return len >= 8 && le_load(p, 4) == 0xfffffff8 && le_load(p + 4, 4) == 0xffffffff
        ? 0 : UINT64_MAX;
}

/* The first file of a directory lies near to it: what was made at one time does. */
static uint64_t fit_dir(const struct exfat_placing *pl, const uint8_t *p, size_t len, uint32_t unit)
{
    uint32_t first;

    if (!exfat_set_fits(p, len))
        return UINT64_MAX;
    first = (uint32_t)le_load(p + 32 + 20, 4);
    if (first < 2 || first >= pl->fs->fat.n_units)
        return UINT64_MAX;
    return first > unit ? first - unit : unit - first;
}

/* Bits of units that are known to be in use, none past the last, and as many as the boot sector
 * says in per cent. */
static uint64_t fit_bitmap(const struct exfat_placing *pl, const uint8_t *p, size_t len,
                           uint32_t unit)
{
    const struct exfat_fs *fs = pl->fs;
    uint64_t n_bits = fs->fat.n_units - 2, bytes = div_up(n_bits, 8), used = 0;

    (void)unit;
    if (len < bytes || fs->percent > 100)
        return UINT64_MAX;
    for (uint64_t i = 0; i < bytes; i++)
        used += (uint64_t)__builtin_popcount(p[i]);
    for (uint64_t i = n_bits; i < bytes * 8; i++)
        if (p[i / 8] >> i % 8 & 1)
            return UINT64_MAX;
    if (!bytes_all_zero(p + bytes, (size_t)u64_min(len, round_up(bytes, fs->fat.unit)) - bytes)
        || used * 100 / n_bits > fs->percent + 1u || used * 100 / n_bits + 1 < fs->percent
        || !(p[(fs->fat.root_unit - 2) / 8] >> (fs->fat.root_unit - 2) % 8 & 1)
        || !(p[(fs->bitmap.first - 2) / 8] >> (fs->bitmap.first - 2) % 8 & 1))
        return UINT64_MAX;
    return 0;
}

static void place_missing(void *ctx, uint32_t unit)
{
    struct exfat_placing *pl = ctx;
    struct fat_fs *fat = &pl->fs->fat;
    bool root = unit == fat->root_unit;

    place_best(pl, fat_unit_at(fat, unit), (size_t)fat->unit, unit,
               root ? EXFAT_LIKE_ROOT : EXFAT_LIKE_DIR, root ? fit_root : fit_dir,
               root ? "the entries that the root of exFAT begins with"
                    : "entries of a directory of exFAT near its files");
}

/* --- marks --- */

static void mark_units(const struct exfat_placing *pl, uint64_t first, uint64_t end, bool used)
{
    if (first < end)
        *pl->news |= rescue_mark(pl->g, fat_unit_at(&pl->fs->fat, (uint32_t)first),
                                 (end - first) * pl->fs->fat.unit, used ? USE_DATA : USE_FREE);
}

/* Reads the bitmap, and says what is in use once all of it is known. */
static void mark_bitmap(struct exfat_placing *pl)
{
    struct exfat_fs *fs = pl->fs;
    uint64_t n = fs->fat.n_units, from = 2, len = fs->bitmap.len;
    uint8_t *map = fs->bitmap.first && !fs->marked ? malloc((size_t)len + 512) : NULL;
    bool used = false, known = map != NULL;

    for (uint64_t at = 0; known && at < len; at += 512) {
        uint32_t unit = exfat_unit_of(fs, pl->g, &fs->bitmap, at);

        known = unit && rescue_read(pl->g, fat_unit_at(&fs->fat, unit) + at % fs->fat.unit,
                                    map + at, (size_t)u64_min(512, len - at), SURE_LIKELY);
    }
    for (uint64_t i = 2; known && i < n; i++) {
        bool now = map[(i - 2) / 8] >> (i - 2) % 8 & 1;

        if (now == used)
            continue;
        mark_units(pl, from, i, used);
        from = i;
        used = now;
    }
    if (known) {
        mark_units(pl, from, n, used);
        fs->marked = true;
    }
    free(map);
}

static void mark_head(const struct exfat_placing *pl)
{
    const struct fat_fs *fat = &pl->fs->fat;
    uint64_t sector = fat->sector, end = fat->table + fat->table_len * fat->n_tables;
    uint64_t units = fat->data + (uint64_t)(fat->n_units - 2) * fat->unit;

    /* Each sector of boot code bears a mark at its end. */
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t boot = fat->off + i * BOOT_COPY * sector;

        *pl->news |= rescue_mark(pl->g, boot, BOOT_CODE * sector, USE_CONTENT);
        *pl->news |= rescue_mark(pl->g, boot + BOOT_SUM * sector, sector, USE_CONTENT);
    }
    *pl->news |= rescue_mark(pl->g, fat->off + 2 * BOOT_COPY * sector,
                             fat->table - 2 * BOOT_COPY * sector, USE_FREE);
    *pl->news |= rescue_mark(pl->g, fat->off + fat->table, 512, USE_CONTENT);
    *pl->news |= rescue_mark(pl->g, fat->off + end, fat->data - end, USE_FREE);
    *pl->news |= rescue_mark(pl->g, fat->off + units, fat->len - units, USE_FREE);
}

/* Of the table only entries in use are not zeros: a few where most files lie in one piece. */
static void mark_table(const struct exfat_placing *pl)
{
    const struct fat_fs *fat = &pl->fs->fat;
    uint8_t p[512];

    for (uint64_t at = 0; at < fat->table_len; at += sizeof p)
        if (rescue_read(pl->g, fat->off + fat->table + at, p, sizeof p, SURE_LIKELY))
            *pl->news |= rescue_mark(pl->g, fat->off + fat->table + at, sizeof p,
                                     bytes_all_zero(p, sizeof p) ? USE_FREE : USE_CONTENT);
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct exfat_witness *w = self;

    locate(w, g, news);
    for (size_t i = 0; i < w->n_fs; i++) {
        struct exfat_fs *fs = w->fs[i];
        struct exfat_placing pl = { .w = w, .fs = fs, .g = g, .news = news };

        pl.bytes = malloc(rescue_cluster(g));
        if (!pl.bytes)
            return err_set(err, ERR_NOMEM, "out of memory");
        mark_head(&pl);
        place_best(&pl, fs->fat.off + fs->fat.table, 8, 0, EXFAT_LIKE_TABLE, fit_table,
                   "the entries that a FAT begins with");
        place_tables(&pl);
        exfat_dirs_read(fs, g, news, place_missing, &pl);
        if (fs->bitmap.first && !fs->marked)
            place_best(&pl, fat_unit_at(&fs->fat, fs->bitmap.first), (size_t)fs->bitmap.len,
                       fs->bitmap.first, 0, fit_bitmap,
                       "an allocation bitmap of exFAT that fits what is known");
        mark_bitmap(&pl);
        mark_table(&pl);
        free(pl.bytes);
    }
    return true;
}

static void end(void *self)
{
    struct exfat_witness *w = self;

    for (size_t i = 0; i < w->n_fs; i++)
        free(w->fs[i]);
    free(w);
}

static void *begin(struct rescue_guest *g)
{
    return calloc(1, sizeof(struct exfat_witness) + rescue_candidates(g));
}

const struct rescue_witness witness_exfat = { "exfat", begin, look, reason, end };
