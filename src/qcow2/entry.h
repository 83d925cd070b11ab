/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Entries of L1 tables, L2 tables, the refcount table and refcount blocks.
 * Spec: "Cluster mapping", "Host cluster management". */
#ifndef QCHECK_QCOW2_ENTRY_H
#define QCHECK_QCOW2_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/num.h"
#include "qcow2/geometry.h"
#include "qcow2/spec.h"

enum l2_type {
    L2_UNALLOCATED,
    L2_ZERO_PLAIN,          /* reads as zeros, no host cluster */
    L2_ZERO_ALLOC,          /* reads as zeros, host cluster kept */
    L2_NORMAL,
    L2_COMPRESSED,
};

/* One decoded L2 entry. */
struct l2_entry {
    uint64_t raw;           /* the 64-bit descriptor */
    uint64_t bitmap;        /* extended L2: high half "reads as zeros", low "allocated" */
    enum l2_type type;
    bool copied;            /* bit 63 */
    uint64_t host_off;      /* bytes; compressed: where the stream starts; 0 where none */
    uint64_t host_len;      /* bytes: cluster_size; compressed: to its sectors' end */
};

/* The type QEMU sees (order of tests as there): compressed, zero flag (not with
 * extended entries), no offset, normal. With an external data file, offset 0 and
 * COPIED is normal. */
static inline enum l2_type l2_type_of(const struct geometry *geo, uint64_t e)
{
    uint64_t off = e & ENTRY_OFFSET_MASK;

    if (e & OFLAG_COMPRESSED)
        return L2_COMPRESSED;
    if (!geo->extended_l2 && (e & OFLAG_ZERO))
        return off ? L2_ZERO_ALLOC : L2_ZERO_PLAIN;
    if (!off)
        return geo->data_file && (e & OFLAG_COPIED) ? L2_NORMAL : L2_UNALLOCATED;
    return L2_NORMAL;
}

static inline uint64_t compressed_off(const struct geometry *geo, uint64_t e)
{
    return e & geo->coffset_mask;
}

static inline uint64_t compressed_len(const struct geometry *geo, uint64_t e)
{
    uint64_t sectors = ((e >> geo->csize_shift) & geo->csize_mask) + 1;

    return sectors * 512 - (compressed_off(geo, e) & 511);
}

/* Decodes the entry at `p` (geo->l2_entry_size bytes). */
void l2_decode(const struct geometry *geo, const uint8_t *p, struct l2_entry *out);

/* Does it lead to a host offset? */
bool l2_entry_has_host(const struct l2_entry *e);
/* Does it break a rule by itself, wherever it leads: reserved bits, COPIED on compressed
 * data, subclusters that contradict? */
bool l2_entry_invalid(const struct geometry *geo, const struct l2_entry *e);

/* May an entry be one in use, of a file of `len` bytes: in order by itself, and to a cluster behind
 * the header, if to any? With a data file, to a cluster of that, which is as long as the disk. */
bool l2_entry_possible(const struct geometry *geo, const struct l2_entry *e, uint64_t len);

/* Stored refcount number j of the refcount block at `block` (a whole cluster). Widths
 * of 8 to 64 bits are big endian; narrower ones fill each byte from its lowest bits
 * up. */
static inline uint64_t refblock_get(const uint8_t *block, uint32_t refcount_order,
                                    uint64_t j)
{
    switch (refcount_order) {
    case 0: return block[j / 8] >> (j % 8) & 1;
    case 1: return block[j / 4] >> (j % 4 * 2) & 3;
    case 2: return block[j / 2] >> (j % 2 * 4) & 15;
    case 3: return block[j];
    case 4: return (uint64_t)block[j * 2] << 8 | block[j * 2 + 1];
    case 5: return be_load(block + j * 4, 4);
    default: return be64(block + j * 8);
    }
}

/* Stores refcount number j; v must fit the width. */
static inline void refblock_set(uint8_t *block, uint32_t refcount_order, uint64_t j,
                                uint64_t v)
{
    uint64_t bit = j << refcount_order;
    unsigned shift = (unsigned)(bit & 7), bits = 1u << refcount_order;
    uint8_t *p = block + bit / 8;

    if (bits < 8)
        *p = (uint8_t)((*p & ~(((1u << bits) - 1) << shift)) | (unsigned)v << shift);
    else
        be_store(p, bits / 8, v);
}

const char *l2_type_name(enum l2_type type);    /* "unallocated", "zero", ... */

#endif
