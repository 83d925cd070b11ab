/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The master file table of NTFS: where it lies, and what its records say. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_ntfs.h"

enum { ATTR_DATA = 0x80, ATTR_INDEX = 0xa0 };
#define ATTR_END UINT32_MAX
#define IN_USE 1u
#define SECURITY_BLOCK (UINT64_C(256) << 10)
#define MARK_STEP UINT64_C(512)
/* Records that are never in use. */
#define RESERVED_FIRST  16u
#define RESERVED_END    24u

/* --- attributes and runs --- */

bool ntfs_attr_next(const uint8_t *record, size_t len, size_t *at, struct ntfs_attr *out)
{
    const uint8_t *p;
    uint64_t attr_len, pairs;

    if (!*at)
        *at = (size_t)le_load(record + 20, 2);
    if (!range_inside(*at, 24, len))
        return false;
    p = record + *at;
    attr_len = le_load(p + 4, 4);
    if (le_load(p, 4) == ATTR_END || attr_len < 24 || !range_inside(*at, attr_len, len))
        return false;
    *at += (size_t)attr_len;
    *out = (struct ntfs_attr){ .type = (unsigned)le_load(p, 4), .named = p[9] != 0,
                               .flags = (unsigned)le_load(p + 12, 2) };
    if (!p[8] || attr_len < 64)
        return true;
    pairs = le_load(p + 32, 2);
    if (pairs < 64 || pairs >= attr_len)
        return true;
    out->first_vcn = le_load(p + 16, 8);
    out->data_len = le_load(p + 48, 8);
    out->init_len = le_load(p + 56, 8);
    out->pairs = p + pairs;
    out->pairs_len = (size_t)(attr_len - pairs);
    return true;
}

static bool run_add(struct ntfs_runs *runs, struct ntfs_run run)
{
    if (runs->n == NTFS_RUNS_MAX)
        return true;
    if (!list_room(&runs->run, runs->n, &runs->cap, sizeof *runs->run))
        return false;
    runs->run[runs->n++] = run;
    return true;
}

/* The next run of mapping pairs, of which *lcn and *vcn are the state; false: the last, or they
 * are damaged. A run that is sparse has lcn UINT64_MAX. */
static bool pairs_next(const struct ntfs *fs, const uint8_t **p, const uint8_t *end,
                       uint64_t *lcn, uint64_t *vcn, struct ntfs_run *out)
{
    unsigned n_len, n_off;

    if (*p >= end || !**p)
        return false;
    n_len = **p & 15;
    n_off = **p >> 4;
    if (n_len > 8 || n_off > 8 || !n_len || (size_t)(end - *p) < 1u + n_len + n_off)
        return false;
    *out = (struct ntfs_run){ *vcn, UINT64_MAX, le_load(*p + 1, n_len) };
    if (!out->len || out->len > UINT64_MAX / 4 / fs->boot.cluster || *vcn > UINT64_MAX / 4)
        return false;
    if (n_off) {
        uint64_t step = le_load(*p + 1 + n_len, n_off);

        if (n_off < 8 && step >> (n_off * 8 - 1))
            step |= UINT64_MAX << (n_off * 8);
        *lcn += step;                               /* modulo 2^64: steps may be negative */
        if (!range_inside(*lcn, out->len, fs->clusters))
            return false;
        out->lcn = *lcn;
    }
    *vcn += out->len;
    *p += 1 + n_len + n_off;
    return true;
}

bool ntfs_runs_add(const struct ntfs *fs, const struct ntfs_attr *attr, struct ntfs_runs *out)
{
    const uint8_t *p = attr->pairs;
    uint64_t lcn = 0, vcn = attr->first_vcn;
    struct ntfs_run run;

    while (p && pairs_next(fs, &p, attr->pairs + attr->pairs_len, &lcn, &vcn, &run))
        if (run.lcn != UINT64_MAX && !run_add(out, run))
            return false;
    return true;
}

uint64_t ntfs_runs_off(const struct ntfs *fs, const struct ntfs_runs *runs, uint64_t at)
{
    uint64_t vcn = at / fs->boot.cluster;

    for (size_t i = 0; i < runs->n; i++)
        if (vcn >= runs->run[i].vcn && vcn - runs->run[i].vcn < runs->run[i].len)
            return (runs->run[i].lcn + (vcn - runs->run[i].vcn)) * fs->boot.cluster +
                   at % fs->boot.cluster;
    return UINT64_MAX;
}

void ntfs_runs_free(struct ntfs_runs *runs)
{
    free(runs->run);
    *runs = (struct ntfs_runs){ 0 };
}

/* --- records --- */

bool ntfs_record_get(struct ntfs *fs, uint64_t number, uint8_t *dst)
{
    uint32_t piece = (uint32_t)u64_min(fs->boot.record, fs->boot.cluster);

    for (uint32_t at = 0; at < fs->boot.record; at += piece) {
        uint64_t off = ntfs_runs_off(fs, &fs->mft, number * fs->boot.record + at);

        if (off == UINT64_MAX || !rescue_read(fs->g, fs->start + off, dst + at, piece, SURE_LIKELY))
            return false;
    }
    return true;
}

/* Adds the runs of the MFT's content that a record holds. */
static void mft_grow(struct ntfs *fs, const uint8_t *record)
{
    struct ntfs_attr attr;
    size_t at = 0;

    while (ntfs_attr_next(record, fs->boot.record, &at, &attr)) {
        if (attr.type != ATTR_DATA || attr.named || !attr.pairs)
            continue;
        if (attr.first_vcn == 0)
            fs->mft_len = u64_min(attr.init_len, fs->clusters * fs->boot.cluster);
        if (!ntfs_runs_add(fs, &attr, &fs->mft))
            fs->starved = true;
    }
}

bool ntfs_mft_find(struct ntfs *fs, const uint8_t *record)
{
    uint8_t more[NTFS_RECORD_MAX];

    fs->mft.n = 0;
    fs->mft_len = 0;
    mft_grow(fs, record);
    /* A table in many pieces goes on in records of which the first is the base. */
    for (uint64_t n = 1; n < 64 && fs->mft.n; n++)
        if (ntfs_record_get(fs, n, more) && !memcmp(more, "FILE", 4) &&
            ntfs_fixup(more, fs->boot.record) && le_load(more + 22, 2) & IN_USE &&
            le_load(more + 32, 8) && !le_load(more + 32, 6))
            mft_grow(fs, more);
    return fs->mft.n && fs->mft.run[0].vcn == 0 && fs->mft.run[0].lcn == fs->boot.mft;
}

/* --- what they say --- */

static void mark(struct ntfs *fs, uint64_t off, uint64_t len, enum rescue_use use)
{
    uint64_t cluster = rescue_cluster(fs->g), from = fs->start + off, first = from / cluster, n;

    while (rescue_next_lost(fs->g, &first, &n) && first * cluster < from + len) {
        uint64_t a = u64_max(first * cluster, from), b = u64_min((first + n) * cluster, from + len);

        fs->news |= rescue_mark(fs->g, a, b - a, use);
        first += n;
    }
}

/* Marks bytes [at, at + len) of an attribute in a run that holds bytes [from, to) of it, and lies
 * at `off`. */
static void mark_part(struct ntfs *fs, uint64_t off, uint64_t from, uint64_t to, uint64_t at,
                      uint64_t len, enum rescue_use use)
{
    uint64_t a = u64_max(from, at), b = len > to || at > to - len ? to : at + len;

    if (a < b)
        mark(fs, off + (a - from), b - a, use);
}

/* Security descriptors are kept twice, in blocks in turn; those of the last pair are filled to
 * the same point. */
static void mark_security(struct ntfs *fs, uint64_t off, uint64_t from, uint64_t to,
                          uint64_t have)
{
    uint64_t last = have / (2 * SECURITY_BLOCK) * (2 * SECURITY_BLOCK);
    uint64_t filled = have - last > SECURITY_BLOCK ? have - last - SECURITY_BLOCK : have - last;

    mark_part(fs, off, from, to, 0, last + filled, USE_DATA);
    mark_part(fs, off, from, to, last + filled, SECURITY_BLOCK - filled, USE_FREE);
    mark_part(fs, off, from, to, last + SECURITY_BLOCK, filled, USE_DATA);
}

/* One run of an attribute: of it `have` bytes hold something. */
static void tell_run(struct ntfs *fs, uint64_t number, const struct ntfs_attr *attr,
                     struct ntfs_run run, uint64_t have)
{
    uint64_t off = run.lcn * fs->boot.cluster, len = run.len * fs->boot.cluster;
    uint64_t file_off = run.vcn * fs->boot.cluster, end;

    if (file_off >= have)
        return;
    len = u64_min(len, round_up(have - file_off, fs->boot.cluster));
    end = u64_min(file_off + len, have);
    run.len = len / fs->boot.cluster;
    run.vcn = 0;
    if (!run_add(&fs->used, run))
        fs->starved = true;
    mark(fs, off + (end - file_off), len - (end - file_off), USE_FREE);
    if (number == NTFS_BITMAP && attr->type == ATTR_DATA)
        return;                                     /* marked when all is known */
    if (number == NTFS_SECURE && attr->type == ATTR_DATA)
        mark_security(fs, off, file_off, end, have);
    else
        mark(fs, off, end - file_off, USE_DATA);
    if ((number == NTFS_MFT || number == NTFS_MIRROR) && attr->type == ATTR_DATA)
        for (uint64_t at = 0; at < end - file_off; at += fs->boot.record)
            mark(fs, off + at, 4, USE_CONTENT);
    else if (attr->type == ATTR_DATA && !attr->named && !(attr->flags & NTFS_COMPRESSED))
        rescue_extent(fs->g, fs->start >> 9 << 32 ^ number, file_off, fs->start + off, len, have,
                      NULL);
}

static void tell_attr(struct ntfs *fs, uint64_t number, const struct ntfs_attr *attr)
{
    const uint8_t *p = attr->pairs;
    uint64_t lcn = 0, vcn = attr->first_vcn, have = UINT64_MAX - fs->boot.cluster;
    struct ntfs_run run;

    /* Lengths are said with the first piece only. */
    if (attr->first_vcn == 0 && !(attr->flags & NTFS_COMPRESSED))
        have = u64_min(attr->data_len, attr->init_len);
    while (pairs_next(fs, &p, attr->pairs + attr->pairs_len, &lcn, &vcn, &run))
        if (run.lcn != UINT64_MAX)
            tell_run(fs, number, attr, run,
                     u64_min(have, vcn * fs->boot.cluster));
}

static void tell_record(struct ntfs *fs, uint64_t number, const uint8_t *record)
{
    uint64_t base = le_load(record + 32, 6);
    struct ntfs_attr attr;
    size_t at = 0;

    while (ntfs_attr_next(record, fs->boot.record, &at, &attr)) {
        if (!attr.pairs)
            continue;
        tell_attr(fs, base ? base : number, &attr);
        if (number == NTFS_BITMAP && attr.type == ATTR_DATA && !attr.named &&
            !ntfs_runs_add(fs, &attr, &fs->bitmap))
            fs->starved = true;
    }
}

static int by_place(const void *a, const void *b)
{
    const struct ntfs_run *x = a, *y = b;

    return x->lcn < y->lcn ? -1 : x->lcn > y->lcn;
}

/* The bitmap has a bit for each cluster: what it holds is known. */
static void mark_bitmap(struct ntfs *fs)
{
    uint64_t len = div_up(fs->clusters, 8), at = 0;
    size_t i = 0;

    while (at < len) {
        uint64_t off = ntfs_runs_off(fs, &fs->bitmap, at), first = at * 8, n = 8 * MARK_STEP;

        while (i < fs->used.n && fs->used.run[i].lcn + fs->used.run[i].len <= first)
            i++;
        if (off != UINT64_MAX)
            mark(fs, off, u64_min(MARK_STEP, len - at),
                 (i < fs->used.n && fs->used.run[i].lcn < first + n) || len - at <= MARK_STEP
                 ? USE_CONTENT : USE_FREE);
        at += MARK_STEP;
    }
}

/* What no record claims is free. */
static void mark_free(struct ntfs *fs)
{
    uint64_t at = 0, end = fs->boot.sectors * fs->boot.sector;

    if (fs->used.n)
        qsort(fs->used.run, fs->used.n, sizeof *fs->used.run, by_place);
    for (size_t i = 0; i <= fs->used.n; i++) {
        uint64_t next = i < fs->used.n ? fs->used.run[i].lcn * fs->boot.cluster : end;

        if (next > at)
            mark(fs, at, next - at, USE_FREE);
        if (i < fs->used.n)
            at = u64_max(at, next + fs->used.run[i].len * fs->boot.cluster);
    }
    mark_bitmap(fs);
    mark(fs, end, fs->boot.sector, USE_CONTENT);        /* the copy of the boot sector */
}

void ntfs_tell(struct ntfs *fs)
{
    uint64_t n = u64_min(fs->mft_len / fs->boot.record, NTFS_RECORDS_MAX);
    uint8_t record[NTFS_RECORD_MAX];

    fs->whole = fs->mft_len / fs->boot.record <= NTFS_RECORDS_MAX;
    for (uint64_t i = 0; i < n; i++) {
        if (!ntfs_record_get(fs, i, record)) {
            fs->whole &= i >= RESERVED_FIRST && i < RESERVED_END;
            continue;
        }
        if (memcmp(record, "FILE", 4) || !(le_load(record + 22, 2) & IN_USE))
            continue;
        if (ntfs_fixup(record, fs->boot.record))
            tell_record(fs, i, record);
        else
            fs->whole = false;
    }
    if (fs->whole && fs->used.n < NTFS_RUNS_MAX)
        mark_free(fs);
    ntfs_runs_free(&fs->used);
    ntfs_runs_free(&fs->bitmap);
}
