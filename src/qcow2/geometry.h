/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The numbers that follow from the header and the file's length, checked once so that
 * everybody else may shift and divide by them. geometry_init is the only place that
 * trusts a header. */
#ifndef QCHECK_QCOW2_GEOMETRY_H
#define QCHECK_QCOW2_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "qcow2/header.h"
#include "qcow2/spec.h"

struct geometry {
    uint32_t version;               /* 2, or 3 for everything else */
    uint32_t cluster_bits;          /* 9 to 21 */
    uint64_t cluster_size;          /* bytes */

    uint64_t file_size;             /* bytes */
    uint64_t file_len;              /* rounded up to 512: QEMU works with this */
    uint64_t n_clusters;            /* host clusters in file_len, the last may be cut */

    uint64_t size;                  /* guest disk, bytes, as in the header */
    uint64_t guest_clusters;        /* of the guest disk, the last may be partial */

    bool extended_l2;               /* 16-byte L2 entries with subcluster bitmaps */
    bool data_file;                 /* guest data lies in an external data file */
    uint32_t l2_entry_size;         /* bytes: 8 or 16 */
    uint32_t l2_bits;               /* log2 of l2_entries */
    uint64_t l2_entries;            /* per table */
    uint64_t l2_span;               /* guest bytes one L2 table covers, at most 2^39 */
    uint64_t l1_entries;            /* of the active L1; at most L1_ENTRIES_MAX */
    uint64_t l1_needed;             /* entries the guest disk needs */
    uint64_t vm_state_l1;           /* first L1 index of VM state (= l1_needed) */

    uint32_t refcount_order;        /* 0 to 6 */
    uint32_t refcount_bits;         /* 1 to 64 */
    uint64_t refcount_max;          /* largest value of that width */
    uint32_t refblock_bits;         /* log2 of refblock_entries */
    uint64_t refblock_entries;      /* host clusters one refcount block describes */
    uint64_t reftable_entries;      /* by the header, at most 8 MiB of them */

    /* compressed cluster descriptors: bits 0 to csize_shift-1 host offset, then
     * cluster_bits-8 bits of "additional 512-byte sectors" */
    uint32_t csize_shift;
    uint64_t csize_mask;            /* after shifting */
    uint64_t coffset_mask;
};

/* False, with a message, only if nothing can be made of it: cluster_bits
 * outside CLUSTER_BITS_MIN..MAX. Everything else is brought into range (a
 * refcount_order over 6 becomes 4, table sizes are clamped); qcow2/refuse.h and the
 * problem rules tell. */
bool geometry_init(const struct header *hdr, uint64_t file_size, struct geometry *out,
                   struct error *err);

static inline uint64_t geo_cluster_of(const struct geometry *geo, uint64_t off)
{
    return off >> geo->cluster_bits;
}

/* Guest byte where entry j of the L2 table at L1 index i begins; saturates at
 * UINT64_MAX. */
uint64_t geo_guest_off(const struct geometry *geo, uint64_t l1_index, uint64_t l2_index);

#endif
