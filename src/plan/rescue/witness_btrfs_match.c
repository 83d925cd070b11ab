/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Data of btrfs is placed by its checksums: those of a candidate's sectors are looked up among
 * those of the lost sectors. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/crc.h"
#include "base/grow.h"
#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/witness_btrfs.h"

#define PROBES_MAX  8u          /* sectors of a candidate that are looked up */
#define ALIKE_MAX   64u         /* places with the same sum that are tried */
#define PLACES_MAX  16u         /* of one candidate that are remembered */
#define CHANCE_MAX  (UINT64_C(1) << 30)

struct match {
    uint64_t guest_cl;
    size_t cand;
    uint32_t agree, agree_old;  /* sectors other than zeros that agree with sums, with old ones */
    bool whole;                 /* every sector has a sum that agrees */
    bool alone;                 /* the only place of this candidate, which is its only one */
};

struct matcher {
    struct btrfs *fs;
    struct btrfs_sum *by_crc;   /* owned */
    uint32_t phase, n_sectors;  /* where in a candidate sectors begin, how many */
    uint32_t *crc;              /* owned: of a candidate's sectors */
    uint32_t zero_crc;
    struct match *match;        /* owned */
    size_t n, cap;
};

static int by_crc(const void *a, const void *b)
{
    const struct btrfs_sum *x = a, *y = b;

    if (x->crc != y->crc)
        return x->crc < y->crc ? -1 : 1;
    return x->block < y->block ? -1 : x->block > y->block;
}

/* Does the candidate fit there? */
static bool fits(const struct matcher *m, uint64_t guest_cl, struct match *out)
{
    const struct btrfs *fs = m->fs;
    uint64_t off = guest_cl * rescue_cluster(fs->g) + m->phase;

    *out = (struct match){ .guest_cl = guest_cl, .whole = !m->phase, .alone = true };
    for (uint32_t i = 0; i < m->n_sectors; i++, off += fs->super.sector) {
        const struct btrfs_sum *sum = off < fs->start ? NULL
            : btrfs_sum_at(fs, (off - fs->start) / fs->super.sector);

        if (sum && !sum->age && sum->crc != m->crc[i])
            return false;
        if (!sum || sum->age)
            out->whole = false;
        if (sum && sum->crc == m->crc[i] && sum->crc != m->zero_crc)
            *(sum->age ? &out->agree_old : &out->agree) += 1;
    }
    return out->agree || out->agree_old;
}

static bool keep(struct matcher *m, const struct match *match)
{
    if (!list_room(&m->match, m->n, &m->cap, sizeof *m->match))
        return false;
    m->match[m->n++] = *match;
    return true;
}

/* All places of a candidate where sector i has its sum. */
static bool try_sector(struct matcher *m, size_t cand, uint32_t i, size_t first)
{
    struct btrfs *fs = m->fs;
    uint32_t cluster = rescue_cluster(fs->g);
    uint64_t at = m->phase + (uint64_t)i * fs->super.sector;
    size_t lo;

    BISECT(lo, fs->n_sums, mid, m->by_crc[mid].crc >= m->crc[i]);
    for (unsigned k = 0; lo < fs->n_sums && m->by_crc[lo].crc == m->crc[i] && k < ALIKE_MAX;
         lo++, k++) {
        uint64_t off = fs->start + (uint64_t)m->by_crc[lo].block * fs->super.sector;
        struct match match;
        bool known = m->n - first >= PLACES_MAX;

        if (off < at || (off - at) % cluster)
            continue;
        for (size_t j = first; j < m->n; j++)
            known |= m->match[j].guest_cl == (off - at) / cluster;
        if (known || !fits(m, (off - at) / cluster, &match))
            continue;
        match.cand = cand;
        if (!keep(m, &match))
            return false;
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct match *x = a, *y = b;

    if (x->guest_cl != y->guest_cl)
        return x->guest_cl < y->guest_cl ? -1 : 1;
    return x->cand < y->cand ? -1 : x->cand > y->cand;
}

static bool look_up(struct matcher *m, size_t cand)
{
    struct btrfs *fs = m->fs;
    const uint8_t *bytes = fs->w->cluster + m->phase;
    size_t first = m->n;
    unsigned probes = 0;

    for (uint32_t i = 0; i < m->n_sectors; i++, bytes += fs->super.sector)
        m->crc[i] = ~crc32c(UINT32_MAX, bytes, fs->super.sector);
    for (uint32_t i = 0; i < m->n_sectors && probes < PROBES_MAX; i++) {
        if (m->crc[i] == m->zero_crc || (i && m->crc[i] == m->crc[i - 1]))
            continue;
        probes++;
        if (!try_sector(m, cand, i, first))
            return false;
    }
    for (size_t i = first; i < m->n; i++)
        m->match[i].alone = m->n - first == 1;
    if (m->n - first > 1)
        qsort(m->match + first, m->n - first, sizeof *m->match, by_place);
    return true;
}

/* Where every sector is proved the bytes are right, whoever else has the same ones. */
static enum rescue_sure sure_of(const struct matcher *m, const struct match *match)
{
    uint64_t chance = m->fs->n_sums * (uint64_t)m->n_sectors;

    if (m->fs->sure < SURE_CERTAIN || !match->agree)
        return SURE_LIKELY;
    if (!match->whole && !match->alone)
        return SURE_LIKELY;
    return match->agree > 1 || chance <= CHANCE_MAX / (rescue_candidates(m->fs->g) + 1)
        ? SURE_CERTAIN : SURE_LIKELY;
}

static int by_candidate(const void *a, const void *b)
{
    const struct match *x = a, *y = b;

    if (x->cand != y->cand)
        return x->cand < y->cand ? -1 : 1;
    return x->guest_cl < y->guest_cl ? -1 : x->guest_cl > y->guest_cl;
}

/* In the order of the file each candidate takes the first of its places that is not taken. */
static void settle(struct matcher *m, bool *news)
{
    struct rescue_guest *g = m->fs->g;

    if (m->n)
        qsort(m->match, m->n, sizeof *m->match, by_place);
    for (size_t i = 1; i < m->n; i++)
        if (m->match[i].guest_cl == m->match[i - 1].guest_cl)
            m->match[i].alone = m->match[i - 1].alone = false;
    if (m->n)
        qsort(m->match, m->n, sizeof *m->match, by_candidate);
    for (size_t i = 0; i < m->n; i++) {
        enum rescue_sure sure = sure_of(m, &m->match[i]), is;

        if (rescue_placed(g, m->match[i].guest_cl, NULL, &is) && is >= sure)
            continue;
        *news |= rescue_pin(g, m->match[i].cand, m->match[i].guest_cl, sure,
                            "checksums of btrfs");
        while (i + 1 < m->n && m->match[i + 1].cand == m->match[i].cand)
            i++;
    }
}

static bool match_all(struct matcher *m)
{
    struct rescue_guest *g = m->fs->g;
    struct rescue_pin pin;

    for (size_t cand = 0; cand < rescue_candidates(g); cand++) {
        if (rescue_pinned(g, cand, &pin) && pin.sure == SURE_CERTAIN)
            continue;
        if (rescue_candidate_read(g, cand, m->fs->w->cluster, NULL) && !look_up(m, cand))
            return false;
    }
    return true;
}

bool btrfs_match(struct btrfs *fs, bool *news, struct error *err)
{
    uint32_t cluster = rescue_cluster(fs->g), sector = fs->super.sector;
    struct matcher m = { .fs = fs, .phase = (uint32_t)(fs->start % sector) };
    uint8_t *zeros;

    if (cluster < sector + m.phase || !fs->n_sums)
        return true;
    m.n_sectors = (cluster - m.phase) / sector;
    m.by_crc = malloc(fs->n_sums * sizeof *m.by_crc);
    m.crc = malloc(m.n_sectors * sizeof *m.crc);
    zeros = calloc(1, sector);
    if (!m.by_crc || !m.crc || !zeros)
        goto nomem;
    m.zero_crc = ~crc32c(UINT32_MAX, zeros, sector);
    memcpy(m.by_crc, fs->sum, fs->n_sums * sizeof *m.by_crc);
    qsort(m.by_crc, fs->n_sums, sizeof *m.by_crc, by_crc);
    if (!match_all(&m))
        goto nomem;
    settle(&m, news);
    free(m.match);
    free(m.by_crc);
    free(m.crc);
    free(zeros);
    return true;
nomem:
    free(m.match);
    free(m.by_crc);
    free(m.crc);
    free(zeros);
    return err_set(err, ERR_NOMEM, "out of memory");
}
