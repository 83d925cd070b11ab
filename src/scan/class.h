/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Cluster classes: what a host cluster is. One table; map, legend, JSON and picture read
 * it. */
#ifndef QCHECK_SCAN_CLASS_H
#define QCHECK_SCAN_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "qcow2/structures.h"

enum cluster_class {
    CLASS_VACANT,           /* refcount 0 and nobody refers to it */
    CLASS_HEADER,
    CLASS_L1_ACTIVE,
    CLASS_L1_SNAPSHOT,
    CLASS_L2,
    CLASS_REFTABLE,
    CLASS_REFBLOCK,
    CLASS_SNAPTABLE,
    CLASS_BITMAP_DIR,
    CLASS_BITMAP_TABLE,
    CLASS_BITMAP_DATA,
    CLASS_CRYPTO,           /* LUKS header area */
    CLASS_DATA,             /* guest data of the active layer only */
    CLASS_DATA_SHARED,      /* guest data of the active layer and of snapshots */
    CLASS_DATA_SNAPSHOT,    /* guest data that only snapshots hold */
    CLASS_COMPRESSED,
    CLASS_ZERO_ALLOC,       /* allocated, reads as zeros */
    CLASS_VMSTATE,
    CLASS_LEAKED,           /* refcount but no reference */
    CLASS_MIXED,            /* claimed by owners that cannot share a cluster */
    CLASS_BEYOND,           /* referenced, but after the end of the file */
    CLASS_UNKNOWN,          /* not scanned (yet) */
    N_CLASSES
};

struct class_info {
    const char *id;         /* stable, for JSON: "l1-active" */
    const char *name;       /* for people: "active L1 table" */
    char letter;            /* one ASCII letter, unique: the map without colour */
    bool metadata;
    bool guest;             /* holds something a guest wrote */
    const char *meaning;    /* one sentence */
};

const struct class_info *class_info(enum cluster_class c);

/* Who owns a cluster: the kinds of reference, as bits. A cluster with several is shared
 * or in conflict. */
enum owner {
    OWNER_HEADER        = 1 << 0,
    OWNER_L1_ACTIVE     = 1 << 1,
    OWNER_L1_SNAPSHOT   = 1 << 2,
    OWNER_L2            = 1 << 3,
    OWNER_REFTABLE      = 1 << 4,
    OWNER_REFBLOCK      = 1 << 5,
    OWNER_SNAPTABLE     = 1 << 6,
    OWNER_BITMAP_DIR    = 1 << 7,
    OWNER_BITMAP_TABLE  = 1 << 8,
    OWNER_BITMAP_DATA   = 1 << 9,
    OWNER_CRYPTO        = 1 << 10,
    OWNER_DATA          = 1 << 11,  /* normal L2 entries */
    OWNER_COMPRESSED    = 1 << 12,
    OWNER_ZERO          = 1 << 13,  /* allocated zero clusters */
    OWNER_VMSTATE       = 1 << 14,
    /* not owners but facts about the guest-data references of the cluster */
    OWNER_IN_ACTIVE     = 1 << 15,  /* one comes from the active layer */
    OWNER_IN_SNAPSHOT   = 1 << 16,  /* one comes from a snapshot */
    OWNER_TWICE_ACTIVE  = 1 << 17,  /* more than one uncompressed one from the active layer,
                                       or an L2 table used by two active L1 entries */
    OWNER_ONCE_ACTIVE   = 1 << 18,  /* one that must be the only one of its kind comes from
                                       the active layer: uncompressed data, or an L1 entry */
    OWNER_KINDS         = (1 << 15) - 1,
};

/* Whose the clusters of such a structure are. */
enum owner owner_of_structure(const struct structure *s);

/* All bits that a reference of one kind makes which counts for n_active L1 entries of the
 * active layer and n_snapshot of snapshots. */
uint32_t owner_bits(enum owner kind, uint32_t n_active, uint32_t n_snapshot);

/* What of a set of owners views and the guest's side go by: its class, and for guest data
 * the layers. There are at most OWNERS_ESSENCES different ones. */
#define OWNERS_ESSENCES 32
uint32_t owners_essence(uint32_t owners);

/* The class of a cluster with these owners; CLASS_VACANT for none. */
enum cluster_class class_of_owners(uint32_t owners);

/* May these owners share one cluster? (L2/L2, data/data, compressed/compressed and
 * data/allocated-zero may: the refcounts and layers say whether they should.) */
bool owners_conflict(uint32_t owners);

#endif
