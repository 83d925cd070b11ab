/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/class.h"

#include "scan/guest.h"

static const struct class_info classes[N_CLASSES] = {
    [CLASS_VACANT] = { "vacant", "vacant", '.', false, false,
        "Refcount 0 and no reference: free to be used." },
    [CLASS_HEADER] = { "header", "header", 'H', true, false,
        "The first cluster: header, its extensions and the backing file name." },
    [CLASS_L1_ACTIVE] = { "l1-active", "active L1 table", 'L', true, false,
        "Top level of the map from guest disk to file: each entry leads to an L2." },
    [CLASS_L1_SNAPSHOT] = { "l1-snapshot", "snapshot L1 table", 'P', true, false,
        "Top level of the map of a snapshot." },
    [CLASS_L2] = { "l2", "L2 table", 'l', true, false,
        "Second level of the map: each entry says where one guest cluster lies." },
    [CLASS_REFTABLE] = { "refcount-table", "refcount table", 'R', true, false,
        "Lists the refcount blocks." },
    [CLASS_REFBLOCK] = { "refcount-block", "refcount block", 'r', true, false,
        "How many references each host cluster has." },
    [CLASS_SNAPTABLE] = { "snapshot-table", "snapshot table", 'S', true, false,
        "Names, times and L1 tables of the snapshots." },
    [CLASS_BITMAP_DIR] = { "bitmap-directory", "bitmap directory", 'B', true, false,
        "Lists the dirty bitmaps." },
    [CLASS_BITMAP_TABLE] = { "bitmap-table", "bitmap table", 'b', true, false,
        "Lists the clusters of one bitmap." },
    [CLASS_BITMAP_DATA] = { "bitmap-data", "bitmap data", 'm', true, false,
        "Bits of a dirty bitmap: which parts of the disk changed." },
    [CLASS_CRYPTO] = { "encryption-header", "encryption header", 'E', true, false,
        "LUKS header and key slots: without it the disk cannot be decrypted." },
    [CLASS_DATA] = { "data", "data", 'D', false, true,
        "Guest data of the active layer." },
    [CLASS_DATA_SHARED] = { "data-shared", "shared data", 'd', false, true,
        "Guest data that the active layer and snapshots have in common." },
    [CLASS_DATA_SNAPSHOT] = { "data-snapshot", "snapshot data", 's', false, true,
        "Guest data that only snapshots hold: freed when they are deleted." },
    [CLASS_COMPRESSED] = { "compressed", "compressed data", 'C', false, true,
        "Compressed guest data; several guest clusters may share one host cluster." },
    [CLASS_ZERO_ALLOC] = { "zero-allocated", "allocated zeros", 'Z', false, true,
        "Reads as zeros, but a host cluster is kept for later writes." },
    [CLASS_VMSTATE] = { "vm-state", "VM state", 'V', false, true,
        "Memory and devices of a guest, stored with a snapshot." },
    [CLASS_LEAKED] = { "leaked", "leaked", 'x', false, false,
        "Has a refcount but no reference: wasted space." },
    [CLASS_MIXED] = { "conflict", "conflict", '!', false, false,
        "Claimed by owners that cannot share a cluster." },
    [CLASS_BEYOND] = { "beyond-end", "after the end", '>', false, false,
        "Referenced, but after the end of the file." },
    [CLASS_UNKNOWN] = { "unknown", "not scanned", '?', false, false,
        "Not looked at (yet)." },
};

static const struct guest_class_info guest_classes[N_GUEST_CLASSES] = {
    [GUEST_UNALLOCATED] = { "unallocated", "unallocated", '.',
        "Never written: reads as zeros." },
    [GUEST_BACKING] = { "backing", "in backing file", 'b',
        "Not in this file: read from the backing file." },
    [GUEST_ZERO] = { "zero", "zeros", 'Z', "Marked as reading zeros." },
    [GUEST_DATA] = { "data", "data", 'D', "Data of this layer alone." },
    [GUEST_COMPRESSED] = { "compressed", "compressed", 'C', "Compressed data." },
    [GUEST_SHARED] = { "shared", "shared", 'd',
        "Data that a snapshot holds as well: copied at the next write." },
    [GUEST_DAMAGED] = { "damaged", "damaged", '!',
        "Cannot be read, or what is read is not sure." },
};

const struct class_info *class_info(enum cluster_class c)
{
    return &classes[c];
}

const struct guest_class_info *guest_class_info(enum guest_class c)
{
    return &guest_classes[c];
}

/* Owners with a class of their own; they may not share a cluster with another kind. */
static const struct { uint32_t owner; enum cluster_class cls; } metadata[] = {
    { OWNER_HEADER, CLASS_HEADER },
    { OWNER_L1_ACTIVE, CLASS_L1_ACTIVE },
    { OWNER_L1_SNAPSHOT, CLASS_L1_SNAPSHOT },
    { OWNER_L2, CLASS_L2 },
    { OWNER_REFTABLE, CLASS_REFTABLE },
    { OWNER_REFBLOCK, CLASS_REFBLOCK },
    { OWNER_SNAPTABLE, CLASS_SNAPTABLE },
    { OWNER_BITMAP_DIR, CLASS_BITMAP_DIR },
    { OWNER_BITMAP_TABLE, CLASS_BITMAP_TABLE },
    { OWNER_BITMAP_DATA, CLASS_BITMAP_DATA },
    { OWNER_CRYPTO, CLASS_CRYPTO },
};

/* Sets of guest owners that may meet in one cluster. VM state is written by the same
 * means as data and may be kept by a later snapshot as what it was then: disk. */
#define PLAIN_OWNERS (OWNER_DATA | OWNER_ZERO | OWNER_VMSTATE)

static bool is_one(uint32_t set)
{
    return (set & (set - 1)) == 0;
}

bool owners_conflict(uint32_t owners)
{
    uint32_t kinds = owners & OWNER_KINDS;

    return !is_one(kinds) && (kinds & ~(uint32_t)PLAIN_OWNERS) != 0;
}

enum owner owner_of_structure(const struct structure *s)
{
    static const enum owner owner[N_STRUCTURES] = {
        [STRUCTURE_HEADER] = OWNER_HEADER, [STRUCTURE_L1] = OWNER_L1_SNAPSHOT,
        [STRUCTURE_REFTABLE] = OWNER_REFTABLE, [STRUCTURE_SNAPSHOTS] = OWNER_SNAPTABLE,
        [STRUCTURE_CRYPTO] = OWNER_CRYPTO, [STRUCTURE_BITMAP_DIR] = OWNER_BITMAP_DIR,
        [STRUCTURE_BITMAP_TABLE] = OWNER_BITMAP_TABLE,
    };

    return s->kind == STRUCTURE_L1 && s->i == LAYER_ACTIVE ? OWNER_L1_ACTIVE
                                                          : owner[s->kind];
}

uint32_t owner_bits(enum owner kind, uint32_t n_active, uint32_t n_snapshot)
{
    bool once = kind == OWNER_DATA || kind == OWNER_ZERO || kind == OWNER_L2;
    uint32_t bits = (uint32_t)kind;

    bits |= n_active ? OWNER_IN_ACTIVE : 0;
    bits |= n_snapshot ? OWNER_IN_SNAPSHOT : 0;
    bits |= once && n_active ? OWNER_ONCE_ACTIVE : 0;
    bits |= n_active > 1 && (once || kind == OWNER_VMSTATE) ? OWNER_TWICE_ACTIVE : 0;
    return bits;
}

uint32_t owners_essence(uint32_t owners)
{
    uint32_t kinds = owners & OWNER_KINDS;
    uint32_t layers = owners & (OWNER_IN_ACTIVE | OWNER_IN_SNAPSHOT | OWNER_TWICE_ACTIVE);

    if (owners_conflict(owners))
        return OWNER_HEADER | OWNER_DATA;
    if (!(kinds & PLAIN_OWNERS))
        return kinds;
    return (kinds & OWNER_DATA ? OWNER_DATA : kinds & OWNER_VMSTATE ? OWNER_VMSTATE
            : OWNER_ZERO) | layers;
}

enum cluster_class class_of_owners(uint32_t owners)
{
    uint32_t kinds = owners & OWNER_KINDS;
    bool snapshot = owners & OWNER_IN_SNAPSHOT;
    bool active = owners & OWNER_IN_ACTIVE;

    if (!kinds)
        return CLASS_VACANT;
    if (owners_conflict(owners))
        return CLASS_MIXED;
    for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++)
        if (kinds == metadata[i].owner)
            return metadata[i].cls;
    if (kinds & OWNER_COMPRESSED)
        return CLASS_COMPRESSED;
    if (kinds & OWNER_DATA)
        return !snapshot ? CLASS_DATA : active ? CLASS_DATA_SHARED : CLASS_DATA_SNAPSHOT;
    return kinds & OWNER_VMSTATE ? CLASS_VMSTATE : CLASS_ZERO_ALLOC;
}
