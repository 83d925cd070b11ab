/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/rescue/witness_fat.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"

/* --- looking --- */

bool fat_like_table(const uint8_t *p, size_t width)
{
    for (size_t at = 0; at + 4 * width <= 512; at += 4 * width) {
        uint64_t a;

        /* most data is told by this alone */
        if ((uint8_t)(p[at + width] - p[at]) != 1 || (uint8_t)(p[at + 2 * width] - p[at]) != 2)
            continue;
        a = le_load(p + at, width);
        if (a && le_load(p + at + width, width) == a + 1 &&
            le_load(p + at + 2 * width, width) == a + 2 &&
            le_load(p + at + 3 * width, width) == a + 3)
            return true;
    }
    return false;
}

static bool is_dot(const uint8_t *p)
{
    return memcmp(p, ".          ", 11) == 0 && memcmp(p + 32, "..         ", 11) == 0 &&
           p[11] & 0x10 && p[43] & 0x10;
}

/* By serial number and length. */
static uint64_t fat_id(const uint8_t *boot, const struct fat_fs *fs)
{
    return le_load(boot + (fs->kind == 32 ? 67 : 39), 4) << 32 ^ fs->len >> 9;
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    struct fat_witness *w = self;
    struct fat_fs fs;

    for (size_t at = 0; at + 512 <= len; at += 512) {
        const uint8_t *p = bytes + at;

        if (fat_like_table(p, 4))
            w->like[cand] |= FAT_LIKE_TABLE32;
        if (fat_like_table(p, 2))
            w->like[cand] |= FAT_LIKE_TABLE16;
        if (fat_like_dir(p, 512, UINT32_MAX))
            w->like[cand] |= FAT_LIKE_DIR;
        if (is_dot(p) && w->n_dots < FAT_DOTS_MAX) {
            if (!list_double(&w->dot, w->n_dots, sizeof *w->dot))
                return false;
            w->dot[w->n_dots++] = (struct fat_dot){
                cand, (uint32_t)at, (uint32_t)(le_load(p + 20, 2) << 16 | le_load(p + 26, 2)) };
        }
        if (fat_boot_parse(p, rescue_size(g), &fs) && w->n_boots < FAT_BOOTS_MAX) {
            if (!list_double(&w->boot, w->n_boots, sizeof *w->boot))
                return false;
            volume_head(g, fat_id(p, &fs), cand, fs.len);
            w->boot[w->n_boots] = (struct fat_boot){ .cand = cand, .at = (uint32_t)at };
            memcpy(w->boot[w->n_boots++].bytes, p, 512);
        }
    }
    return true;
}

/* --- where file systems start --- */

static void found(struct fat_witness *w, struct rescue_guest *g, uint64_t off,
                  const uint8_t *boot, bool *news)
{
    struct fat_fs parsed, *fs;

    for (size_t i = 0; i < w->n_fs; i++)
        if (w->fs[i]->off == off)
            return;
    if (w->n_fs == FAT_FS_MAX || !fat_boot_parse(boot, rescue_room(g, off), &parsed))
        return;
    fs = malloc(sizeof *fs);
    if (!fs)
        return;
    *fs = parsed;
    fs->off = off;
    fs->index = 0x1000 + (uint32_t)w->n_fs;
    fs->marked = calloc((size_t)div_up(fs->table_len, FAT_CHUNK), 1);
    if (!fs->marked) {
        free(fs);
        return;
    }
    w->fs[w->n_fs++] = fs;
    *news |= rescue_volume(g, off, fs->len, FOUND_FAT);
}

static void read_boot(struct fat_witness *w, struct rescue_guest *g, uint64_t off, bool *news)
{
    uint8_t p[512];

    if (rescue_read(g, off, p, sizeof p, SURE_LIKELY))
        found(w, g, off, p, news);
}

/* Pins a boot sector, or its copy, at a volume that is long enough. */
static bool boot_at(struct fat_witness *w, struct rescue_guest *g, const struct fat_boot *b,
                    const struct fat_fs *fs, uint64_t off, bool *news)
{
    uint32_t cluster = rescue_cluster(g);
    uint64_t copy = off + (uint64_t)fs->backup * fs->sector;
    size_t there;

    if (off >= b->at && (off - b->at) % cluster == 0 &&
        !(rescue_placed(g, (off - b->at) / cluster, &there, NULL) && there != b->cand)) {
        *news |= rescue_pin(g, b->cand, (off - b->at) / cluster, SURE_LIKELY,
                            "a FAT boot sector as long as its partition");
    } else if (fs->backup && copy >= b->at && (copy - b->at) % cluster == 0) {
        *news |= rescue_pin(g, b->cand, (copy - b->at) / cluster, SURE_LIKELY,
                            "the copy of a FAT boot sector");
    } else {
        return false;
    }
    found(w, g, off, b->bytes, news);
    return true;
}

static void locate(struct fat_witness *w, struct rescue_guest *g, bool *news)
{
    size_t n;
    const struct rescue_volume_found *v = rescue_volumes(g, &n);

    read_boot(w, g, 0, news);
    for (size_t i = 0; i < n; i++) {
        read_boot(w, g, v[i].guest_off, news);
        v = rescue_volumes(g, &n);              /* may have moved */
    }
    for (size_t k = 0; k < w->n_boots; k++) {
        const struct fat_boot *b = &w->boot[k];
        enum rescue_sure sure;
        struct fat_fs fs;
        uint64_t off;

        if (fat_boot_parse(b->bytes, rescue_size(g), &fs) &&
            volume_home(g, &(struct volume_query){ fat_id(b->bytes, &fs), fs.len,
                                                   le_load(b->bytes + 28, 4) * fs.sector },
                        &off, &sure))
            boot_at(w, g, b, &fs, off, news);
    }
}

/* --- placing --- */

struct fat_placing {
    struct fat_witness *w;
    struct fat_fs *fs;
    struct rescue_guest *g;
    struct claims claims;
    uint8_t *bytes;             /* owned: a cluster */
    uint32_t *missing;          /* owned: units of directories that are not placed */
    size_t n_missing;
    bool starved;
};

static void add_missing(void *ctx, uint32_t unit)
{
    struct fat_placing *pl = ctx;

    if (pl->n_missing < FAT_DOTS_MAX && list_double(&pl->missing, pl->n_missing,
                                                    sizeof *pl->missing))
        pl->missing[pl->n_missing++] = unit;
}

static bool is_free(const struct fat_placing *pl, size_t cand)
{
    struct rescue_pin pin;

    return !rescue_pinned(pl->g, cand, &pin) || pin.sure < SURE_LIKELY;
}

static bool is_wanted(const struct fat_placing *pl, uint64_t guest_off)
{
    enum rescue_sure sure;
    uint64_t cl = guest_off / rescue_cluster(pl->g);

    return rescue_lost(pl->g, cl) &&
           (!rescue_placed(pl->g, cl, NULL, &sure) || sure < SURE_LIKELY);
}

/* Is a piece of the table known? */
static bool any_placed(const struct fat_placing *pl)
{
    const struct fat_fs *fs = pl->fs;
    uint8_t byte;

    for (uint64_t at = 0; at < fs->table_len * fs->n_tables; at += 4096)
        if (rescue_read(pl->g, fs->off + fs->table + at, &byte, 1, SURE_LIKELY))
            return true;
    return false;
}

/* Pieces of the table. Of two copies at places that a candidate fits as well, the first in the
 * file is the first on the disk. */
static void place_tables(struct fat_placing *pl, bool *news)
{
    bool placed = false;
    uint8_t like = pl->fs->kind == 32 ? FAT_LIKE_TABLE32 : FAT_LIKE_TABLE16;
    struct fat_votes v;

    for (size_t i = 0; i < rescue_candidates(pl->g); i++) {
        unsigned best = 0;
        uint64_t place = 0;

        if (!(pl->w->like[i] & like) || !is_free(pl, i) ||
            !rescue_candidate_read(pl->g, i, pl->bytes, NULL))
            continue;
        fat_table_votes(pl->fs, pl->g, pl->bytes, &v);
        for (unsigned k = 0; k < v.used; k++)
            if (v.n[k] > best && is_wanted(pl, v.guest_off[k])) {
                best = v.n[k];
                place = v.guest_off[k];
            }
        if (best >= FAT_VOTES_MIN)
            placed |= rescue_pin(pl->g, i, place / rescue_cluster(pl->g), SURE_LIKELY,
                                 "what entries of a FAT say about their own numbers");
    }
    *news |= placed;
    /* No more pieces turn up; clusters of zeros are not in the file. */
    if (!placed && !pl->fs->rest_is_zero && any_placed(pl)) {
        pl->fs->rest_is_zero = true;
        *news = true;
    }
}

static void claim_dots(struct fat_placing *pl)
{
    const struct fat_witness *w = pl->w;

    for (size_t i = 0; i < w->n_dots; i++) {
        const struct fat_dot *d = &w->dot[i];
        uint32_t next;

        if (d->unit < 2 || d->unit >= pl->fs->n_units || !is_free(pl, d->cand) ||
            !is_wanted(pl, fat_unit_at(pl->fs, d->unit)) ||
            (fat_next(pl->fs, pl->g, d->unit, &next) && next == 0))
            continue;
        if (!claims_add(&pl->claims, pl->g, d->cand, d->at, fat_unit_at(pl->fs, d->unit), 1,
                        SURE_LIKELY))
            pl->starved = true;
    }
}

/* How near the files of a directory lie to it: what was made at one time lies together. */
static uint64_t nearness(const uint8_t *p, size_t len, uint32_t unit)
{
    uint64_t best = UINT64_MAX;

    for (size_t at = 0; at + 32 <= len && p[at]; at += 32) {
        uint32_t first = (uint32_t)(le_load(p + at + 20, 2) << 16 | le_load(p + at + 26, 2));
        uint64_t away = first > unit ? first - unit : unit - first;

        if (p[at + 11] != 0x0f && p[at] != 0xe5 && first)
            best = u64_min(best, away);
    }
    return best;
}

/* Parts of directories that do not name themselves, by what the table says is one: the only
 * candidate with entries at that place, or the one whose files are by far the nearest. */
static void place_missing(struct fat_placing *pl, bool *news)
{
    uint32_t cluster = rescue_cluster(pl->g);

    for (size_t m = 0; m < pl->n_missing && m < 4096; m++) {
        uint32_t unit = pl->missing[m];
        uint64_t at = unit ? fat_unit_at(pl->fs, unit) : pl->fs->off + pl->fs->root;
        uint64_t best = UINT64_MAX, second = best;
        size_t which = SIZE_MAX, len = (size_t)u64_min(unit ? pl->fs->unit : pl->fs->root_len,
                                                       cluster - at % cluster);

        if (!is_wanted(pl, at))
            continue;
        for (size_t i = 0; i < rescue_candidates(pl->g); i++) {
            const uint8_t *p = pl->bytes + at % cluster;
            uint64_t away;

            if (!(pl->w->like[i] & FAT_LIKE_DIR) || !is_free(pl, i) ||
                !rescue_candidate_read(pl->g, i, pl->bytes, NULL) || p[0] == '.' ||
                !fat_like_dir(p, len, pl->fs->n_units))
                continue;
            away = nearness(p, len, unit ? unit : 2);
            if (away < best) {
                second = best;
                best = away;
                which = i;
            } else {
                second = u64_min(second, away);
            }
        }
        if (which != SIZE_MAX && best < second / 4)
            *news |= rescue_pin(pl->g, which, at / cluster, SURE_LIKELY,
                                "entries of a directory where the FAT says that it goes on");
    }
}

static bool reason_fs(struct fat_witness *w, struct fat_fs *fs, struct rescue_guest *g,
                      bool *news, struct error *err)
{
    struct fat_placing pl = { .w = w, .fs = fs, .g = g };

    pl.bytes = malloc(rescue_cluster(g));
    if (!pl.bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    place_tables(&pl, news);
    fat_mark(fs, g, news);
    claim_dots(&pl);
    *news |= claims_settle(&pl.claims, g, "the number that a FAT directory bears");
    fat_dirs_read(fs, g, news, add_missing, &pl);
    place_missing(&pl, news);
    claims_free(&pl.claims);
    free(pl.bytes);
    free(pl.missing);
    return !pl.starved || err_set(err, ERR_NOMEM, "out of memory");
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct fat_witness *w = self;

    locate(w, g, news);
    for (size_t i = 0; i < w->n_fs; i++)
        if (!reason_fs(w, w->fs[i], g, news, err))
            return false;
    return true;
}

static void end(void *self)
{
    struct fat_witness *w = self;

    for (size_t i = 0; i < w->n_fs; i++) {
        free(w->fs[i]->marked);
        free(w->fs[i]);
    }
    free(w->boot);
    free(w->dot);
    free(w);
}

static void *begin(struct rescue_guest *g)
{
    return calloc(1, sizeof(struct fat_witness) + rescue_candidates(g));
}

const struct rescue_witness witness_fat = { "fat", begin, look, reason, end };
