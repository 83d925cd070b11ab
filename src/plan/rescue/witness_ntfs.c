/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The witness of NTFS: where what it has seen belongs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_ntfs.h"

enum { ATTR_DATA = 0x80, ATTR_INDEX = 0xa0 };
#define MIRRORED 4u             /* records */

static void *begin(struct rescue_guest *g)
{
    (void)g;
    return calloc(1, sizeof(struct ntfs_witness));
}

static void end(void *self)
{
    struct ntfs_witness *w = self;

    claims_free(&w->claims);
    free(w->seen);
    free(w);
}

/* --- where it begins --- */

#define BOOT_LEN 512

static bool keep_boot(void *ctx, const uint8_t *bytes)
{
    struct ntfs_witness *w = ctx;
    struct ntfs_boot boot;
    bool known = !ntfs_boot_read(bytes, &boot);

    for (size_t k = 0; !known && k < w->n_boots; k++)
        known = w->boot[k].boot.serial == boot.serial;
    if (!known && w->n_boots < NTFS_BOOTS_MAX) {
        w->boot[w->n_boots].boot = boot;
        w->boot[w->n_boots++].placed = true;
    }
    return false;
}

static bool is_its_boot(void *ctx, const uint8_t *bytes)
{
    const struct ntfs *fs = ctx;
    struct ntfs_boot boot;

    return ntfs_boot_read(bytes, &boot) && boot.serial == fs->boot.serial;
}

/* Boot sectors of volumes that are known already. */
static void find_boots(struct ntfs_witness *w, struct rescue_guest *g)
{
    uint64_t start;

    volume_find(g, 0, BOOT_LEN, keep_boot, w, &start);
}

/* At a boot sector that is known, where the length fits, or where it says itself. */
static bool find_home(struct ntfs *fs)
{
    uint64_t len = (fs->boot.sectors + 1) * fs->boot.sector;
    const struct volume_query q = { fs->boot.serial, len, fs->boot.hidden * fs->boot.sector };

    fs->sure = SURE_CERTAIN;
    if (volume_find(fs->g, 0, BOOT_LEN, is_its_boot, fs, &fs->start))
        return true;
    if (volume_home(fs->g, &q, &fs->start, &fs->sure))
        return true;
    fs->start = q.hint;
    fs->sure = SURE_LIKELY;
    return q.hint && range_inside(q.hint, len, rescue_size(fs->g));
}

static bool claim(struct ntfs *fs, const struct ntfs_seen *s, uint64_t off)
{
    return off == UINT64_MAX ||
           claims_add(&fs->w->claims, fs->g, s->cand, s->at, fs->start + off, s->lsn,
                      SURE_LIKELY);
}

/* Could that byte of the volume be at `at` in a candidate? */
static bool divides(const struct ntfs *fs, uint64_t off, uint32_t at)
{
    return off != UINT64_MAX && fs->start + off >= at &&
           (fs->start + off - at) % rescue_cluster(fs->g) == 0;
}

/* The boot sector and its copy, which comes last on the volume. */
static bool claim_boots(struct ntfs *fs)
{
    struct ntfs_witness *w = fs->w;
    uint64_t copy = fs->boot.sectors * fs->boot.sector;
    bool first = true;

    for (size_t i = 0; i < w->n_boots; i++) {
        struct ntfs_seen seen = { .cand = w->boot[i].cand, .at = w->boot[i].at };

        if (w->boot[i].placed || w->boot[i].boot.serial != fs->boot.serial)
            continue;
        if (!claim(fs, &seen, first && divides(fs, 0, seen.at) ? 0 : copy))
            return false;
        first &= !divides(fs, 0, seen.at);
    }
    return true;
}

/* --- the MFT --- */

static bool read_first(struct ntfs *fs, const struct ntfs_seen *s, uint8_t *dst)
{
    uint32_t cluster = rescue_cluster(fs->g);
    uint8_t *bytes = s->at + (uint64_t)fs->boot.record <= cluster ? malloc(cluster) : NULL;
    bool ok = bytes && rescue_candidate_read(fs->g, s->cand, bytes, NULL);

    if (ok)
        memcpy(dst, bytes + s->at, fs->boot.record);
    free(bytes);
    return ok && ntfs_fixup(dst, fs->boot.record);
}

/* The first record says where the table lies; so does its copy. */
static bool find_mft(struct ntfs *fs)
{
    struct ntfs_run first = { 0, fs->boot.mft, UINT64_C(1) };
    uint8_t record[NTFS_RECORD_MAX];

    for (size_t i = 0; i < fs->w->n_seen; i++)
        if (fs->w->seen[i].kind == NTFS_SEEN_RECORDS && fs->w->seen[i].number == 0 &&
            fs->w->seen[i].step == fs->boot.record && read_first(fs, &fs->w->seen[i], record) &&
            ntfs_mft_find(fs, record))
            return true;
    first.len = u64_min(div_up(fs->boot.record, fs->boot.cluster), fs->clusters - first.lcn);
    fs->mft.run = malloc(sizeof first);
    if (!fs->mft.run) {
        fs->starved = true;
        return false;
    }
    fs->mft.run[0] = first;
    fs->mft.n = fs->mft.cap = 1;
    return ntfs_record_get(fs, 0, record) && !memcmp(record, "FILE", 4) &&
           ntfs_fixup(record, fs->boot.record) && ntfs_mft_find(fs, record);
}

/* Four records from the first on, and no fifth: the mirror, if it may be there. */
static bool is_mirror(const struct ntfs *fs, const struct ntfs_seen *s, bool *first)
{
    uint64_t mirror = fs->boot.mirror * fs->boot.cluster;
    uint64_t mft = ntfs_runs_off(fs, &fs->mft, 0);
    bool was_first = *first;

    if (s->number != 0)
        return false;
    if (divides(fs, mft, s->at))
        *first = false;
    if (!divides(fs, mirror, s->at))
        return false;
    return !divides(fs, mft, s->at) || !was_first ||
           (s->count <= MIRRORED && s->at + s->count * s->step < rescue_cluster(fs->g));
}

static bool claim_records(struct ntfs *fs)
{
    bool first = true;

    for (size_t i = 0; i < fs->w->n_seen; i++) {
        const struct ntfs_seen *s = &fs->w->seen[i];
        uint64_t off;

        if (s->kind != NTFS_SEEN_RECORDS || s->step != fs->boot.record)
            continue;
        off = is_mirror(fs, s, &first) ? fs->boot.mirror * fs->boot.cluster
            : ntfs_runs_off(fs, &fs->mft, s->number * fs->boot.record);
        if (!claim(fs, s, off))
            return false;
    }
    return true;
}

/* --- what records tell about the rest --- */

/* The runs of the first attribute of that type of a record, without name or with. */
static bool runs_of(struct ntfs *fs, uint64_t number, unsigned type, bool named,
                    struct ntfs_runs *out)
{
    uint8_t record[NTFS_RECORD_MAX];
    struct ntfs_attr attr;
    size_t at = 0;

    out->n = 0;
    if (!ntfs_record_get(fs, number, record) || memcmp(record, "FILE", 4) ||
        !ntfs_fixup(record, fs->boot.record))
        return false;
    while (ntfs_attr_next(record, fs->boot.record, &at, &attr))
        if (attr.type == type && attr.named == named && attr.pairs) {
            if (!ntfs_runs_add(fs, &attr, out))
                fs->starved = true;
            return out->n > 0;
        }
    return false;
}

static bool claim_by_records(struct ntfs *fs)
{
    struct ntfs_runs runs = { 0 };
    bool ok = true;

    for (size_t i = 0; ok && i < fs->w->n_seen; i++) {
        const struct ntfs_seen *s = &fs->w->seen[i];

        if (s->kind == NTFS_SEEN_INDEX && runs_of(fs, s->number, ATTR_INDEX, true, &runs)) {
            uint32_t unit = fs->boot.index >= fs->boot.cluster ? fs->boot.cluster : 512;

            ok = s->vcn > UINT64_MAX / unit / 2 ||
                 claim(fs, s, ntfs_runs_off(fs, &runs, s->vcn * unit));
        } else if (s->kind == NTFS_SEEN_UPCASE &&
                   runs_of(fs, NTFS_UPCASE, ATTR_DATA, false, &runs)) {
            ok = claim(fs, s, ntfs_runs_off(fs, &runs, s->vcn));
        }
    }
    ntfs_runs_free(&runs);
    return ok;
}

/* An empty log is filled with 0xff, so its clusters are alike. */
static void place_blank(struct ntfs *fs)
{
    uint32_t cluster = rescue_cluster(fs->g);
    struct ntfs_runs runs = { 0 };
    size_t next = 0;

    if (runs_of(fs, NTFS_LOG, ATTR_DATA, false, &runs))
        for (size_t i = 0; i < runs.n; i++) {
            uint64_t from = fs->start + runs.run[i].lcn * fs->boot.cluster;
            uint64_t to = from + runs.run[i].len * fs->boot.cluster;

            for (uint64_t cl = div_up(from, cluster); (cl + 1) * cluster <= to; cl++) {
                if (!rescue_lost(fs->g, cl) || rescue_placed(fs->g, cl, NULL, NULL))
                    continue;
                while (next < fs->w->n_seen && (fs->w->seen[next].kind != NTFS_SEEN_BLANK ||
                                                rescue_pinned(fs->g, fs->w->seen[next].cand, NULL)))
                    next++;
                if (next == fs->w->n_seen)
                    break;
                fs->news |= rescue_pin(fs->g, fs->w->seen[next++].cand, cl, SURE_LIKELY,
                                       "the empty log of NTFS");
            }
        }
    ntfs_runs_free(&runs);
}

static bool tell_one(struct ntfs *fs)
{
    bool ok = claim_boots(fs);

    fs->news |= claims_settle(&fs->w->claims, fs->g, "the boot sector of NTFS");
    if (!ok || !find_mft(fs))
        return ok;
    ok = claim_records(fs);
    fs->news |= claims_settle(&fs->w->claims, fs->g, "the numbers of NTFS file records");
    ok = ok && claim_by_records(fs);
    fs->news |= claims_settle(&fs->w->claims, fs->g, "what an NTFS directory or table says of "
                                                     "itself");
    place_blank(fs);
    ntfs_tell(fs);
    return ok;
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct ntfs_witness *w = self;

    find_boots(w, g);
    for (size_t i = 0; i < w->n_boots; i++) {
        struct ntfs fs = { .g = g, .w = w, .boot = w->boot[i].boot };
        bool first = !w->boot[i].whole, ok;

        for (size_t k = 0; k < i; k++)
            first &= w->boot[k].boot.serial != fs.boot.serial;
        if (!first || !find_home(&fs))
            continue;
        fs.clusters = fs.boot.sectors / (fs.boot.cluster / fs.boot.sector);
        fs.news |= rescue_volume(g, fs.start, (fs.boot.sectors + 1) * fs.boot.sector,
                                 FOUND_NTFS);
        ok = tell_one(&fs);
        ntfs_runs_free(&fs.mft);
        if (!ok || fs.starved)
            return err_set(err, ERR_NOMEM, "out of memory");
        *news |= fs.news;
        w->boot[i].whole = fs.whole;
    }
    return true;
}

const struct rescue_witness witness_ntfs = { "ntfs", begin, ntfs_look, reason, end };
