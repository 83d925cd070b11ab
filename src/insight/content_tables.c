/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The format's own tables of entries: L1, L2, refcount table, bitmap table, refcount
 * blocks. All but the blocks are lists of offsets; where they lead tells them apart. */
#include "config.h"

#include <stdlib.h>

#include "base/limits.h"
#include "insight/content_work.h"
#include "qcow2/place.h"

#define PROBE_LEN 65536         /* bytes read where an entry leads, at most */
#define PROBE_OF  3             /* entries followed */

static bool offset_fits(const struct geometry *geo, uint64_t off)
{
    /* A little after the end: tables of a file cut short, or not yet that long. */
    return off >= geo->cluster_size && !(off & (geo->cluster_size - 1)) &&
           off - geo->cluster_size < geo->file_size;
}

/* QEMU keeps guest data in a data file at the offset that the guest sees. */
unsigned content_score_l2(const struct content_context *ctx, const uint8_t *bytes,
                          size_t len, size_t *used)
{
    const struct geometry *geo = ctx->geo;
    size_t step = geo->l2_entry_size, n = len / step, in_use = 0, fit = 0, plain = 0;
    uint64_t before = 0;
    size_t repeated = 0;

    for (size_t i = 0; i < n; i++) {
        struct l2_entry e;

        l2_decode(geo, bytes + i * step, &e);
        if (!e.raw && (step == 8 || !e.bitmap))
            continue;
        in_use++;
        /* A little after the end: tables of a file cut short, or not yet that long. */
        fit += l2_entry_possible(geo, &e, geo->file_size + geo->cluster_size);
        plain += e.type == L2_NORMAL || e.type == L2_ZERO_ALLOC;
        repeated += plain && e.raw == before && (e.raw & ENTRY_OFFSET_MASK);
        before = e.raw;
    }
    if (used)
        *used = in_use;
    /* The same pointer over and over is a pattern, no table. */
    if (!in_use || (repeated > 8 && repeated > in_use / 2))
        return 0;
    if (in_use == 1)
        return fit ? 700 : 0;
    return (unsigned)(fit * 1000 / in_use) * (fit > in_use * 9 / 10 ? 1 : 0) +
           (fit > in_use * 9 / 10 ? 0 : (unsigned)(fit * 400 / in_use));
}

unsigned content_score_refblock(const uint8_t *bytes, size_t len, uint32_t order)
{
    size_t n = len * 8 >> order, ones = 0, few = 0, used = 0, runs = 0, even = 0;
    uint64_t before = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t v = refblock_get(bytes, order, i);

        runs += v != before;
        before = v;
        if (!v)
            continue;
        used++;
        even += i % 2 == 0;
        ones += v == 1;
        few += v <= 64;
        /* Compressed streams share clusters by the hundred, but no more. */
        if (v > 1024)
            return 0;
    }
    if (!used || few * 16 < used * 15)
        return 0;
    /* Every other one is 0: those are refcounts of twice the width. */
    if (!even && used >= 8 && order >= 3 && order < REFCOUNT_ORDER_MAX)
        return 0;
    /* Neighbouring clusters mostly have the same refcount; bits of data change more. */
    if (order < 3 && (runs > n / 16 + 8 || (used < n / 64 && runs > 8)))
        return 0;
    if (ones * 2 < used && runs > n / 4)
        return 0;
    if (order < 2)
        return ones * 2 >= used ? 600 : 0;
    return ones == used ? 960 : ones * 2 >= used ? 900 : runs < n / 8 + 4 ? 700 : 0;
}

/* --- lists of offsets --- */

struct offsets {
    size_t n, used, fit;        /* words, not zero, possible */
    size_t copied, low;         /* with bit 63, with bits below 9 */
    size_t last;                /* index after the last in use */
    bool rising;
};

static void offsets_of(struct looking *l, struct offsets *o)
{
    const struct geometry *geo = l->ctx->geo;
    uint64_t before = 0;

    *o = (struct offsets){ .n = l->len / 8, .rising = true };
    for (size_t i = 0; i < o->n; i++) {
        uint64_t w = be64(l->bytes + i * 8), off = w & ENTRY_OFFSET_MASK;

        if (!w)
            continue;
        o->used++;
        o->last = i + 1;
        o->copied += w >> 63;
        o->low += (w & 511) != 0;
        o->fit += offset_fits(geo, off) && !(w & UINT64_C(0x7f000000000001fe));
        o->rising &= off > before;
        before = off;
    }
}

/* What entries lead to, by short reads of the first, the last and one between. */
struct led { unsigned looked, l2, refblock, zero; };

static void follow(struct looking *l, const struct offsets *o, struct led *led)
{
    const struct geometry *geo = l->ctx->geo;
    size_t len = (size_t)u64_min(geo->cluster_size, PROBE_LEN);
    uint8_t *probe = l->ctx->src ? malloc(len) : NULL;
    size_t want[PROBE_OF], n = 0, seen = 0;

    *led = (struct led){ 0, 0, 0, 0 };
    if (!probe)
        return;
    for (size_t i = 0; i < o->n && n < PROBE_OF; i++) {
        if (!be64(l->bytes + i * 8))
            continue;
        if (seen == n * (o->used - 1) / (PROBE_OF - 1))
            want[n++] = i;
        seen++;
        if (o->used < PROBE_OF && seen == o->used)
            break;
    }
    for (size_t k = 0; k < n && l->probes_left; k++) {
        uint64_t off = be64(l->bytes + want[k] * 8) & ENTRY_OFFSET_MASK;
        unsigned refblock;

        if (off >= geo->file_size)
            continue;
        l->probes_left--;
        if (!source_read(l->ctx->src, off, probe, len, NULL))
            continue;
        led->looked++;
        /* Low offsets without flags read as small refcounts, 64-bit refcounts of 1 as
         * entries that say "zeros": ones decide. */
        refblock = content_score_refblock(probe, len, geo->refcount_order);
        if (bytes_all_zero(probe, len))
            led->zero++;
        else if (refblock < 900 && content_score_l2(l->ctx, probe, len, NULL) >= 700)
            led->l2++;
        else if (refblock >= 600)
            led->refblock++;
    }
    free(probe);
}

static void vote_offsets(struct looking *l, const struct offsets *o)
{
    struct led led;
    unsigned base = o->used == 1 ? 720 : 900;
    bool exact = o->fit == o->used && !o->low;

    if (!o->used)
        return;
    follow(l, o, &led);
    if (led.looked && exact && led.l2 + led.zero == led.looked && led.l2)
        content_vote(l, CONTENT_L1, base + 80, 0, NO_ADDRESS, NULL);
    else if (exact && !o->copied && led.looked && led.refblock == led.looked)
        content_vote(l, CONTENT_REFTABLE, base + 80, 0, NO_ADDRESS, NULL);
    else if (exact && !led.looked && o->rising && o->last <= l->ctx->geo->l1_entries)
        content_vote(l, CONTENT_L1, base - 300, 0, NO_ADDRESS, NULL);
    /* A bitmap seldom needs more than two clusters, and has no flags. */
    if (!o->copied && o->fit == o->used && o->used < 64 && !led.l2 && !led.refblock)
        content_vote(l, CONTENT_BITMAP_TABLE, o->last <= 2 ? 950 : base - 420, 0, NO_ADDRESS,
                     NULL);
}

void content_vote_tables(struct looking *l)
{
    const struct geometry *geo = l->ctx->geo;
    struct offsets o;
    size_t used;
    unsigned score = content_score_l2(l->ctx, l->bytes, l->len, &used);

    if (score)
        content_vote(l, CONTENT_L2, score > 940 ? 940 : score, 0, NO_ADDRESS,
                     geo->extended_l2 ? "extended" : NULL);
    offsets_of(l, &o);
    if (o.fit * 10 >= o.used * 9)
        vote_offsets(l, &o);
    for (uint32_t order = 0; order <= REFCOUNT_ORDER_MAX; order++) {
        bool ours = order == geo->refcount_order;
        unsigned s;

        if (!ours && order < 4)
            continue;           /* too much looks like those */
        s = content_score_refblock(l->bytes, l->len, order);
        if (!ours)
            s = s >= 900 ? s / 2 : 0;
        content_vote(l, CONTENT_REFBLOCK, s, 0, NO_ADDRESS, "refcounts of %u bits",
                     1u << order);
    }
}
