/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the witness of NTFS recognises in a candidate. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/witness_ntfs.h"

#define STRIDE 512u             /* of update sequences */
#define FILE_NAME_LEN 66u       /* of the key of a directory's entry, without the name */

static bool power_between(uint64_t n, uint64_t min, uint64_t max)
{
    return n >= min && n <= max && !(n & (n - 1));
}

/* A number of clusters, or, when negative, the exponent of a number of bytes. */
static uint64_t size_of(uint8_t v, uint32_t cluster)
{
    return v <= 0x80 ? (uint64_t)v * cluster : v > 0xe0 ? UINT64_C(1) << (0x100 - v) : 0;
}

bool ntfs_boot_read(const uint8_t *p, struct ntfs_boot *out)
{
    uint32_t sector = (uint32_t)le_load(p + 11, 2);
    uint64_t per_cluster = size_of(p[13], 1), record, index;

    if (memcmp(p + 3, "NTFS    ", 8) || p[510] != 0x55 || p[511] != 0xaa ||
        !power_between(sector, 512, 4096) || !power_between(per_cluster, 1, 4096))
        return false;
    *out = (struct ntfs_boot){
        .serial = le_load(p + 72, 8), .sectors = le_load(p + 40, 8), .mft = le_load(p + 48, 8),
        .mirror = le_load(p + 56, 8), .hidden = le_load(p + 28, 4), .sector = sector,
        .cluster = (uint32_t)(sector * per_cluster),
    };
    record = size_of(p[64], out->cluster);
    index = size_of(p[68], out->cluster);
    if (!power_between(record, 512, NTFS_RECORD_MAX) || !power_between(index, 512, 1 << 20) ||
        !out->sectors || out->sectors > UINT64_MAX / 8 / sector ||
        out->mft >= out->sectors / per_cluster)
        return false;
    out->record = (uint32_t)record;
    out->index = (uint32_t)index;
    return true;
}

/* Is there an update sequence for that length, and does every piece end with its number? */
static bool sequence_right(const uint8_t *p, size_t len)
{
    uint64_t at = le_load(p + 4, 2), n = le_load(p + 6, 2);

    if (len < STRIDE || len % STRIDE || n != len / STRIDE + 1 || at < 40 ||
        at + n * 2 > STRIDE - 2)
        return false;
    for (size_t end = STRIDE; end <= len; end += STRIDE)
        if (memcmp(p + end - 2, p + at, 2))
            return false;
    return true;
}

bool ntfs_fixup(uint8_t *p, size_t len)
{
    uint64_t at;

    if (!sequence_right(p, len))
        return false;
    at = le_load(p + 4, 2);
    for (size_t i = 1; i <= len / STRIDE; i++)
        memcpy(p + i * STRIDE - 2, p + at + i * 2, 2);
    return true;
}

static bool remember(struct ntfs_witness *w, struct ntfs_seen seen)
{
    if (w->n_seen == NTFS_SEEN_MAX)
        return true;
    if (!list_room(&w->seen, w->n_seen, &w->seen_cap, sizeof *w->seen))
        return false;
    w->seen[w->n_seen++] = seen;
    return true;
}

/* Records in a row are remembered as one. */
static bool look_record(struct ntfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                        size_t len)
{
    struct ntfs_seen *last = w->n_seen ? &w->seen[w->n_seen - 1] : NULL;
    struct ntfs_seen seen = { .number = le_load(p + 44, 4), .lsn = le_load(p + 8, 8),
                              .cand = (uint32_t)cand, .at = (uint32_t)at, .count = 1,
                              .step = (uint32_t)le_load(p + 28, 4),
                              .kind = NTFS_SEEN_RECORDS };

    /* Records that are kept for later bear no number. */
    if ((seen.number == 0 && !(le_load(p + 22, 2) & 1)) ||
        !power_between(seen.step, 512, NTFS_RECORD_MAX) || le_load(p + 4, 2) < 48 ||
        !sequence_right(p, (size_t)u64_min(seen.step, len)))
        return true;
    if (last && last->kind == NTFS_SEEN_RECORDS && last->cand == cand &&
        last->step == seen.step && at == last->at + (uint64_t)last->count * last->step &&
        seen.number == last->number + last->count) {
        last->count++;
        last->lsn = u64_max(last->lsn, seen.lsn);
        return true;
    }
    return remember(w, seen);
}

/* The first entry of a block of a directory names the directory. */
static bool look_index(struct ntfs_witness *w, size_t cand, size_t at, const uint8_t *p,
                       size_t len)
{
    struct ntfs_seen seen = { .vcn = le_load(p + 16, 8), .lsn = le_load(p + 8, 8),
                              .cand = (uint32_t)cand, .at = (uint32_t)at,
                              .kind = NTFS_SEEN_INDEX };
    uint64_t pieces = le_load(p + 6, 2), entry = 24 + le_load(p + 24, 4);

    if (pieces < 2 || !sequence_right(p, (size_t)u64_min((pieces - 1) * STRIDE, len)) ||
        entry > STRIDE - 2 - 16 - 8 || le_load(p + entry + 10, 2) < FILE_NAME_LEN ||
        p[entry + 12] & 2)
        return true;
    seen.number = le_load(p + entry + 16, 6);
    return remember(w, seen);
}

/* The table of capital letters holds, in most places, numbers that count up by one. */
static bool look_upcase(struct ntfs_witness *w, size_t cand, size_t at, const uint8_t *p)
{
    struct ntfs_seen seen = { .cand = (uint32_t)cand, .at = (uint32_t)at,
                              .vcn = le_load(p, 2) * 2, .kind = NTFS_SEEN_UPCASE };

    if (seen.vcn % STRIDE)
        return true;
    for (unsigned i = 0; i < 64; i++)
        if (le_load(p + i * 2, 2) * 2 != seen.vcn + (uint64_t)i * 2)
            return true;
    return remember(w, seen);
}

bool ntfs_look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
               size_t len)
{
    struct ntfs_witness *w = self;
    bool upcase = false;

    if (bytes[0] == 0xff && !memcmp(bytes, bytes + 1, len - 1)) {
        struct ntfs_seen seen = { .cand = (uint32_t)cand, .kind = NTFS_SEEN_BLANK };

        return remember(w, seen);
    }
    for (size_t at = 0; at + STRIDE <= len; at += STRIDE) {
        const uint8_t *p = bytes + at;
        bool ok = true;

        if (!memcmp(p, "FILE", 4)) {
            ok = look_record(w, cand, at, p, len - at);
        } else if (!memcmp(p, "INDX", 4)) {
            ok = look_index(w, cand, at, p, len - at);
        } else if (!upcase && p[2] == (p[0] | 1) && p[1] == p[3] && p[4] == (p[0] | 2)) {
            size_t before = w->n_seen;

            ok = look_upcase(w, cand, at, p);
            upcase = w->n_seen > before;
        } else if (p[3] == 'N' && w->n_boots < NTFS_BOOTS_MAX &&
                   ntfs_boot_read(p, &w->boot[w->n_boots].boot)) {
            w->boot[w->n_boots].cand = (uint32_t)cand;
            w->boot[w->n_boots].at = (uint32_t)at;
            volume_head(g, w->boot[w->n_boots].boot.serial, cand,
                        (w->boot[w->n_boots].boot.sectors + 1) * w->boot[w->n_boots].boot.sector);
            w->boot[w->n_boots++].placed = false;
        }
        if (!ok)
            return false;
    }
    return true;
}
