/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/geometry.h"

#include "base/limits.h"

bool geometry_init(const struct header *hdr, uint64_t file_size, struct geometry *out,
                   struct error *err)
{
    struct geometry g = { 0 };

    if (hdr->cluster_bits < CLUSTER_BITS_MIN || hdr->cluster_bits > CLUSTER_BITS_MAX)
        return err_set(err, ERR_FORMAT, "cluster_bits at offset 20 (0x14) is %llu; "
                       "clusters have %d (512 bytes) to %d (2 MiB) bits, so nothing "
                       "after the header can be found. Give the cluster size to go on; "
                       "64 KiB is usual",
                       (unsigned long long)hdr->cluster_bits, CLUSTER_BITS_MIN,
                       CLUSTER_BITS_MAX);
    g.version = hdr->version == 2 ? 2 : 3;
    g.cluster_bits = (uint32_t)hdr->cluster_bits;
    g.cluster_size = UINT64_C(1) << g.cluster_bits;

    g.file_size = file_size;
    g.file_len = file_size > UINT64_MAX - 511 ? file_size : round_up(file_size, 512);
    g.n_clusters = div_up(g.file_len, g.cluster_size);

    g.extended_l2 = hdr->incompatible_features & INCOMPAT_EXTENDED_L2;
    g.data_file = hdr->incompatible_features & INCOMPAT_DATA_FILE;
    g.l2_entry_size = g.extended_l2 ? 16 : 8;
    g.l2_bits = g.cluster_bits - (g.extended_l2 ? 4 : 3);
    g.l2_entries = UINT64_C(1) << g.l2_bits;
    g.l2_span = UINT64_C(1) << (g.cluster_bits + g.l2_bits);       /* at most 2^39 */

    g.size = hdr->size;
    g.guest_clusters = div_up(g.size, g.cluster_size);
    g.l1_needed = div_up(g.size, g.l2_span);
    g.vm_state_l1 = g.l1_needed;
    g.l1_entries = u64_min(hdr->l1_size, L1_ENTRIES_MAX);

    g.refcount_order = 4;
    if (hdr->refcount_order <= REFCOUNT_ORDER_MAX)
        g.refcount_order = (uint32_t)hdr->refcount_order;
    g.refcount_bits = 1u << g.refcount_order;
    g.refcount_max = UINT64_MAX >> (64 - g.refcount_bits);
    g.refblock_bits = g.cluster_bits + 3 - g.refcount_order;
    g.refblock_entries = UINT64_C(1) << g.refblock_bits;
    g.reftable_entries = u64_min(hdr->refcount_table_clusters,
                                 REFTABLE_BYTES_MAX >> g.cluster_bits) *
                         (g.cluster_size / 8);

    g.csize_shift = 62 - (g.cluster_bits - 8);
    g.csize_mask = (UINT64_C(1) << (g.cluster_bits - 8)) - 1;
    g.coffset_mask = (UINT64_C(1) << g.csize_shift) - 1;
    *out = g;
    return true;
}

uint64_t geo_guest_off(const struct geometry *geo, uint64_t l1_index, uint64_t l2_index)
{
    uint64_t table, entry, off;

    if (!u64_mul(l1_index, geo->l2_span, &table) ||
        !u64_mul(l2_index, geo->cluster_size, &entry) || !u64_add(table, entry, &off))
        return UINT64_MAX;
    return off;
}
