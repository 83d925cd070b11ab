/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* QEMU's demands on the header, in the order in which it makes them. */
#include "config.h"

#include "qcow2/refuse.h"

#include "base/limits.h"

#define OFFSET_MAX ((uint64_t)INT64_MAX)        /* QEMU's offsets are signed */

typedef unsigned long long ull;

bool refuse_identity(const struct header *h, struct refusal *out)
{
    if (h->magic != QCOW2_MAGIC)
        return refuse(out, "magic", "the magic is 0x%08llx instead of 0x514649fb",
                      (ull)h->magic);
    if (h->version != 2 && h->version != 3)
        return refuse(out, "version", "version %llu; there are versions 2 and 3",
                      (ull)h->version);
    if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX)
        return refuse(out, "cluster-bits", "cluster_bits is %llu; %d to %d are possible",
                      (ull)h->cluster_bits, CLUSTER_BITS_MIN, CLUSTER_BITS_MAX);
    return false;
}

/* Bytes of a cluster, by the header of the file: refuse_identity() has passed. */
static uint64_t cluster_size(const struct refuse_case *j)
{
    return UINT64_C(1) << j->hdr.cluster_bits;
}

static bool lengths(const struct refuse_case *j, struct refusal *out)
{
    const struct header *h = &j->hdr;

    if (h->version == 3 && h->header_length < HEADER_V3_LEN)
        return refuse(out, "header-too-short", "header_length is %llu; version 3 has at "
                      "least %d", (ull)h->header_length, HEADER_V3_LEN);
    if (h->header_length > cluster_size(j))
        return refuse(out, "header-too-long", "header_length is %llu, more than a "
                      "cluster of %llu bytes", (ull)h->header_length,
                      (ull)cluster_size(j));
    if (h->backing_file_offset > cluster_size(j))
        return refuse(out, "backing-offset", "backing_file_offset is 0x%llx, outside the "
                      "first cluster", (ull)h->backing_file_offset);
    return false;
}

static void list_unknown(const struct refuse_case *j, struct buf *names)
{
    for (int bit = 0; bit < 64; bit++) {
        if (!(j->hdr.incompatible_features & ~INCOMPAT_KNOWN & UINT64_C(1) << bit))
            continue;
        if (names->len)
            buf_puts(names, ", ");
        feature_bit_name(j->img->head, j->img->head_len, &j->img->ext, 0, bit, names);
    }
}

static bool features(const struct refuse_case *j, struct refusal *out)
{
    const struct header *h = &j->hdr;
    bool bit = h->incompatible_features & INCOMPAT_COMPRESSION;

    if (h->compression_type > COMPRESSION_ZSTD)
        return refuse(out, "compression-type", "compression_type is %llu; there are 0 "
                      "(zlib) and 1 (zstd)", (ull)h->compression_type);
    if (bit != (h->compression_type != COMPRESSION_ZLIB))
        return refuse(out, "compression-bit", "compression_type is %llu but incompatible "
                      "feature bit 3 is %s", (ull)h->compression_type,
                      bit ? "set" : "clear");
    if (h->incompatible_features & ~INCOMPAT_KNOWN) {
        struct buf names = BUF_INIT;

        list_unknown(j, &names);
        refuse(out, "unknown-feature", "unknown incompatible features: %.160s",
               buf_str(&names));
        buf_free(&names);
        return true;
    }
    if (h->incompatible_features & INCOMPAT_EXTENDED_L2 && h->cluster_bits < 14)
        return refuse(out, "subcluster-size", "extended L2 entries need clusters of 16 "
                      "KiB, these have %llu bytes", (ull)cluster_size(j));
    if (h->refcount_order > REFCOUNT_ORDER_MAX)
        return refuse(out, "refcount-order", "refcount_order is %llu; refcounts have at "
                      "most 64 bits (6)", (ull)h->refcount_order);
    return false;
}

/* Is the table badly placed: unaligned, or reaching past all offsets? */
static bool misplaced(const struct refuse_case *j, uint64_t off, uint64_t len)
{
    return off & (cluster_size(j) - 1) || off > OFFSET_MAX || len > OFFSET_MAX - off;
}

/* QEMU fails to read anything there, although other bytes past the end read as zeros. */
static bool past_reading(uint64_t off, uint64_t len)
{
    return len && (off > READ_OFFSET_MAX || len > READ_OFFSET_MAX - off);
}

/* L1 entries the disk needs, computed with QEMU's wrap-around. */
static uint64_t l1_needed(const struct refuse_case *j)
{
    bool extended = j->hdr.incompatible_features & INCOMPAT_EXTENDED_L2;
    uint64_t shift = 2 * j->hdr.cluster_bits - (extended ? 4 : 3);

    return (j->hdr.size + ((UINT64_C(1) << shift) - 1)) >> shift;
}

static bool tables(const struct refuse_case *j, struct refusal *out)
{
    const struct header *h = &j->hdr;
    uint64_t reftable_max = REFTABLE_BYTES_MAX >> h->cluster_bits;
    uint64_t reftable_len = h->refcount_table_clusters << h->cluster_bits;  /* < 2^53 */
    uint64_t needed = l1_needed(j);

    if (h->refcount_table_clusters > reftable_max)
        return refuse(out, "reftable-too-large", "the refcount table has %llu clusters; "
                      "%llu are allowed (8 MiB)", (ull)h->refcount_table_clusters,
                      (ull)reftable_max);
    if (misplaced(j, h->refcount_table_offset, reftable_len))
        return refuse(out, "reftable-offset", "the refcount table offset 0x%llx is not a "
                      "multiple of the cluster size or too large",
                      (ull)h->refcount_table_offset);
    if (h->l1_size > L1_ENTRIES_MAX)
        return refuse(out, "l1-too-large", "the active L1 table has %llu entries; %llu "
                      "are allowed (32 MiB)", (ull)h->l1_size, (ull)L1_ENTRIES_MAX);
    if (misplaced(j, h->l1_table_offset, h->l1_size * 8))
        return refuse(out, "l1-offset", "the active L1 table offset 0x%llx is not a "
                      "multiple of the cluster size or too large",
                      (ull)h->l1_table_offset);
    if (needed > INT32_MAX)
        return refuse(out, "disk-too-large", "a disk of %llu bytes needs %llu L1 entries",
                      (ull)h->size, (ull)needed);
    if (h->l1_size < needed)
        return refuse(out, "l1-too-small", "the active L1 table has %llu entries; a disk "
                      "of %llu bytes needs %llu", (ull)h->l1_size, (ull)h->size,
                      (ull)needed);
    if (past_reading(h->l1_table_offset, h->l1_size * 8))
        return refuse(out, "l1-unreadable", "the active L1 table at 0x%llx lies past all "
                      "that can be read", (ull)h->l1_table_offset);
    if (h->crypt_method > CRYPT_LUKS)
        return refuse(out, "crypt-method", "crypt_method is %llu; 0 to 2 are known",
                      (ull)h->crypt_method);
    if (past_reading(h->refcount_table_offset, reftable_len))
        return refuse(out, "reftable-unreadable", "the refcount table at 0x%llx lies "
                      "past all that can be read", (ull)h->refcount_table_offset);
    if (j->img->reftable_bad.len)
        return refuse(out, "reftable-unreadable", "reading the refcount table at 0x%llx "
                      "fails", (ull)h->refcount_table_offset);
    return false;
}

bool refuse_header(const struct refuse_case *j, struct refusal *out)
{
    return refuse_identity(&j->hdr, out) || lengths(j, out) || features(j, out) || tables(j, out);
}
