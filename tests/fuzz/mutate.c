/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A mutator that knows the format: it keeps an image openable and changes what leads from
 * one table to another, to places that are interesting: other tables, the end of the file,
 * halfway between clusters, far away. Random bytes would mostly make files that are no
 * images. */
#include "config.h"

#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "base/num.h"
#include "qcow2/spec.h"

#define OFF_CLUSTER_BITS    20
#define OFF_L1_SIZE         36
#define OFF_L1              40
#define OFF_REFTABLE        48
#define OFF_N_SNAPSHOTS     60
#define OFF_SNAPSHOTS       64
#define OFF_HEADER_LENGTH   100

struct mutation {
    uint8_t *b;
    size_t size, max_size;
    uint64_t rng;
    uint64_t cs;                /* bytes of a cluster */
};

/* What may stand somewhere: decides which values are tried. */
enum what { POINTER, ENTRY, COUNT, BITS, SMALL };

struct slot {
    uint64_t off;               /* may lie outside the file: then nothing happens */
    unsigned width;
    enum what what;
};

static uint64_t any(struct mutation *m)
{
    m->rng ^= m->rng << 13;
    m->rng ^= m->rng >> 7;
    m->rng ^= m->rng << 17;
    return m->rng;
}

static uint64_t below(struct mutation *m, uint64_t n)
{
    return n ? any(m) % n : 0;
}

static uint64_t get(const struct mutation *m, uint64_t off, unsigned width)
{
    return range_inside(off, width, m->size) ? be_load(m->b + off, width) : 0;
}

static void put(struct mutation *m, uint64_t off, unsigned width, uint64_t v)
{
    if (!range_inside(off, width, m->size))
        return;
    for (unsigned i = 0; i < width; i++)
        m->b[off + i] = (uint8_t)(v >> 8 * (width - 1 - i));
}

/* --- where --- */

static struct slot header_slot(struct mutation *m)
{
    static const struct slot field[] = {
        { 4, 4, SMALL }, { 8, 8, POINTER }, { 16, 4, COUNT }, { OFF_CLUSTER_BITS, 4, SMALL },
        { 24, 8, COUNT }, { 32, 4, SMALL }, { OFF_L1_SIZE, 4, COUNT }, { OFF_L1, 8, POINTER },
        { OFF_REFTABLE, 8, POINTER }, { 56, 4, COUNT }, { OFF_N_SNAPSHOTS, 4, COUNT },
        { OFF_SNAPSHOTS, 8, POINTER }, { 72, 8, BITS }, { 80, 8, BITS }, { 88, 8, BITS },
        { 96, 4, SMALL }, { OFF_HEADER_LENGTH, 4, COUNT }, { 104, 1, SMALL },
    };

    return field[below(m, sizeof field / sizeof field[0])];
}

/* Tables are mostly used at their beginning. */
static uint64_t index_in(struct mutation *m, uint64_t n)
{
    return below(m, any(m) % 4 ? u64_min(n, 24) : n);
}

static struct slot l1_slot(struct mutation *m)
{
    uint64_t i = index_in(m, u64_min(get(m, OFF_L1_SIZE, 4), m->size / 8));

    return (struct slot){ get(m, OFF_L1, 8) + i * 8, 8, ENTRY };
}

static struct slot l2_slot(struct mutation *m)
{
    uint64_t table = get(m, l1_slot(m).off, 8) & ENTRY_OFFSET_MASK;

    return (struct slot){ table + index_in(m, m->cs / 8) * 8, 8, ENTRY };
}

static struct slot reftable_slot(struct mutation *m)
{
    return (struct slot){ get(m, OFF_REFTABLE, 8) + index_in(m, m->cs / 8) * 8, 8, POINTER };
}

static struct slot refcount_slot(struct mutation *m)
{
    uint64_t block = get(m, get(m, OFF_REFTABLE, 8), 8);

    return (struct slot){ block + index_in(m, m->cs / 2) * 2, 2, SMALL };
}

static uint64_t snapshot_off(struct mutation *m, uint64_t i)
{
    uint64_t off = get(m, OFF_SNAPSHOTS, 8);

    while (i-- > 0)
        off += (40 + get(m, off + 36, 4) + get(m, off + 12, 2) + get(m, off + 14, 2) + 7) &
               ~UINT64_C(7);
    return off;
}

static struct slot snapshot_slot(struct mutation *m)
{
    static const struct slot field[] = {
        { 0, 8, POINTER }, { 8, 4, COUNT }, { 12, 2, COUNT }, { 14, 2, COUNT }, { 16, 4, BITS },
        { 32, 4, COUNT }, { 36, 4, COUNT }, { 40, 8, COUNT }, { 48, 8, COUNT }, { 56, 8, SMALL },
    };
    struct slot s = field[below(m, sizeof field / sizeof field[0])];

    s.off += snapshot_off(m, below(m, u64_min(get(m, OFF_N_SNAPSHOTS, 4), 4)));
    return s;
}

static struct slot snapshot_l1_slot(struct mutation *m)
{
    uint64_t at = snapshot_off(m, below(m, u64_min(get(m, OFF_N_SNAPSHOTS, 4), 4)));

    return (struct slot){ get(m, at, 8) + index_in(m, get(m, at + 8, 4)) * 8, 8, ENTRY };
}

static uint64_t first_extension(const struct mutation *m)
{
    return get(m, 4, 4) == 2 ? HEADER_V2_LEN : get(m, OFF_HEADER_LENGTH, 4);
}

static struct slot extension_slot(struct mutation *m)
{
    uint64_t off = first_extension(m);

    for (uint64_t i = below(m, 4); i > 0 && get(m, off, 4); i--)
        off += 8 + ((get(m, off + 4, 4) + 7) & ~UINT64_C(7));
    switch (below(m, 4)) {
    case 0:
        return (struct slot){ off, 4, SMALL };
    case 1:
        return (struct slot){ off + 4, 4, COUNT };
    default:
        return (struct slot){ off + 8 + below(m, 4) * 8, any(m) % 2 ? 8 : 4, POINTER };
    }
}

/* Host byte of the bitmap directory; 0: none. */
static uint64_t bitmap_dir(struct mutation *m)
{
    uint64_t off = first_extension(m);

    for (int i = 0; i < 16 && get(m, off, 4); i++) {
        if (get(m, off, 4) == EXT_BITMAPS)
            return get(m, off + 24, 8);
        off += 8 + ((get(m, off + 4, 4) + 7) & ~UINT64_C(7));
    }
    return 0;
}

static struct slot bitmap_slot(struct mutation *m)
{
    static const struct slot field[] = {
        { 0, 8, POINTER }, { 8, 4, COUNT }, { 12, 4, BITS }, { 16, 1, SMALL }, { 17, 1, SMALL },
        { 18, 2, COUNT }, { 20, 4, COUNT }, { 24, 8, BITS },
    };
    uint64_t dir = bitmap_dir(m);
    struct slot s = field[below(m, sizeof field / sizeof field[0])];

    if (any(m) % 2)
        return (struct slot){ get(m, dir, 8) + index_in(m, get(m, dir + 8, 4)) * 8, 8, POINTER };
    s.off += dir;
    return s;
}

/* --- what --- */

/* A host byte where something begins or ends. */
static uint64_t some_offset(struct mutation *m)
{
    static const unsigned table[] = { OFF_L1, OFF_REFTABLE, OFF_SNAPSHOTS };

    switch (below(m, 8)) {
    case 0:
        return get(m, table[below(m, 3)], 8);
    case 1:
        return get(m, l1_slot(m).off, 8) & ENTRY_OFFSET_MASK;
    case 2:
        return get(m, reftable_slot(m).off, 8);
    case 3:
        return m->size;
    case 4:
        return m->size / m->cs * m->cs;
    case 5:
        return get(m, l2_slot(m).off, 8) & ENTRY_OFFSET_MASK;
    default:
        return below(m, m->size / m->cs + 2) * m->cs;
    }
}

static uint64_t some_pointer(struct mutation *m)
{
    static const uint64_t far[] = {
        0, 1, 8, 511, 512, UINT64_C(1) << 31, UINT64_C(1) << 40, UINT64_C(0x00fffffffffffe00),
        UINT64_C(1) << 56, UINT64_C(1) << 62, INT64_MAX - 511, INT64_MAX, UINT64_MAX - 511,
        UINT64_MAX,
    };
    uint64_t off;

    if (any(m) % 8 == 0)
        return far[below(m, sizeof far / sizeof far[0])];
    off = some_offset(m);
    switch (below(m, 8)) {
    case 0:
        return off + m->cs;
    case 1:
        return off - m->cs;
    case 2:
        return off + 512 * below(m, 8);
    case 3:
        return off + below(m, 64) - 32;
    default:
        return off;
    }
}

/* An L1 or L2 entry; also one for compressed data, whose length sits at the top. */
static uint64_t some_entry(struct mutation *m)
{
    unsigned bits = m->cs > 512 ? 52 : 61;          /* of the offset of compressed data */
    uint64_t e = some_pointer(m);

    switch (below(m, 8)) {
    case 0:
        return e;
    case 1:
        return e | OFLAG_ZERO;
    case 2:
        return e | OFLAG_COPIED | OFLAG_ZERO;
    case 3:
        return OFLAG_COMPRESSED | (e & ((UINT64_C(1) << bits) - 1)) | below(m, 4) << bits;
    case 4:
        return e ^ UINT64_C(1) << below(m, 64);
    default:
        return e | OFLAG_COPIED;
    }
}

static uint64_t some_count(struct mutation *m, uint64_t now)
{
    static const uint64_t count[] = {
        0, 1, 2, 7, 64, 1023, 1024, 1025, 65535, 65536, 4194304, 4194305, INT32_MAX,
        UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 40, INT64_MAX, UINT64_MAX,
    };

    switch (below(m, 4)) {
    case 0:
        return now + below(m, 5) - 2;
    case 1:
        return now << below(m, 8);
    case 2:
        return below(m, 2 * m->cs);
    default:
        return count[below(m, sizeof count / sizeof count[0])];
    }
}

static uint64_t some_value(struct mutation *m, const struct slot *s)
{
    uint64_t now = get(m, s->off, s->width);

    switch (s->what) {
    case POINTER:
        return some_pointer(m);
    case ENTRY:
        return some_entry(m);
    case COUNT:
        return some_count(m, now);
    case BITS:
        return now ^ UINT64_C(1) << below(m, any(m) % 2 ? 8 : 64);
    case SMALL:
        break;
    }
    return any(m) % 8 ? below(m, 8) : any(m);
}

/* --- one mutation --- */

static void poke(struct mutation *m)
{
    static struct slot (*const where[])(struct mutation *m) = {
        header_slot, l1_slot, l2_slot, l2_slot, reftable_slot, refcount_slot, snapshot_slot,
        snapshot_l1_slot, extension_slot, bitmap_slot,
    };
    struct slot s = where[below(m, sizeof where / sizeof where[0])](m);

    put(m, s.off, s.width, some_value(m, &s));
}

static void copy_cluster(struct mutation *m)
{
    uint64_t n = m->size / m->cs, from = below(m, n), to = below(m, n);

    if (n)
        memmove(m->b + to * m->cs, m->b + from * m->cs, m->cs);
}

static void change_length(struct mutation *m)
{
    uint64_t len = any(m) % 2 ? below(m, m->size) : m->size + below(m, 4 * m->cs);

    if (any(m) % 2)
        len = len / m->cs * m->cs;
    len = u64_min(len, m->max_size);
    if (len > m->size)
        memset(m->b + m->size, 0, len - m->size);
    m->size = len;
}

/* Header values lost, which are then guessed: single ones, a stretch, or all. */
static void wipe_header(struct mutation *m)
{
    uint64_t off = below(m, 112), len = any(m) % 4 ? 1 + below(m, 24) : 512;

    if (any(m) % 4 == 0)
        off = 0;
    len = off < m->size ? u64_min(len, m->size - off) : 0;
    if (len)
        memset(m->b + off, any(m) % 2 ? 0 : (int)below(m, 256), len);
}

/* Most inputs shall be images, of clusters so small that the file has many. */
static void repair(struct mutation *m)
{
    if (any(m) % 64 == 0 || m->size < HEADER_V2_LEN)
        return;
    put(m, 0, 4, QCOW2_MAGIC);
    if (get(m, 4, 4) - 2 > 1)
        put(m, 4, 4, any(m) % 8 ? 3 : 2);
    if (get(m, OFF_CLUSTER_BITS, 4) < 9 || get(m, OFF_CLUSTER_BITS, 4) > 21)
        put(m, OFF_CLUSTER_BITS, 4, 9 + below(m, 3));
    if (get(m, 4, 4) == 3 && get(m, OFF_HEADER_LENGTH, 4) > m->size && any(m) % 8)
        put(m, OFF_HEADER_LENGTH, 4, 112);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct mutation m = { .b = data, .size = size, .max_size = max_size,
                          .rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1 };
    uint64_t bits;

    if (!fuzz_part()->image)
        return LLVMFuzzerMutate(data, size, max_size);
    for (int i = 0; i < 4; i++)
        any(&m);
    bits = get(&m, OFF_CLUSTER_BITS, 4);
    m.cs = UINT64_C(1) << (bits >= 9 && bits <= 21 ? bits : 9);
    if (any(&m) % 32 == 0) {
        wipe_header(&m);
        return m.size;
    }
    if (any(&m) % 8 == 0)
        m.size = LLVMFuzzerMutate(data, size, max_size);
    else if (any(&m) % 16 == 0)
        change_length(&m);
    else if (any(&m) % 16 == 0)
        copy_cluster(&m);
    else
        for (uint64_t n = 1 + below(&m, 4); n > 0; n--)
            poke(&m);
    repair(&m);
    return m.size;
}
