/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the witness of NTFS. Records of the master file table (MFT) bear their number, the
 * first record says where the table lies; blocks of directories bear their place in the
 * directory and, in their entries, its record. Nothing bears a UUID or a checksum, so nothing
 * here is CERTAIN. Spec: the NTFS documentation of the Linux-NTFS project. */
#ifndef QCHECK_PLAN_RESCUE_WITNESS_NTFS_H
#define QCHECK_PLAN_RESCUE_WITNESS_NTFS_H

#include "plan/rescue/claims.h"
#include "plan/rescue/volume_home.h"

#define NTFS_SEEN_MAX       (1u << 20)
#define NTFS_BOOTS_MAX      16u
#define NTFS_RECORDS_MAX    (1u << 22)  /* that are read */
#define NTFS_RECORD_MAX     4096u       /* bytes */
#define NTFS_RUNS_MAX       (1u << 22)

enum { NTFS_MFT = 0, NTFS_MIRROR = 1, NTFS_LOG = 2, NTFS_BITMAP = 6, NTFS_SECURE = 9, NTFS_UPCASE = 10 };

enum ntfs_kind {
    NTFS_SEEN_RECORDS,          /* number: of the first of `count` records in a row */
    NTFS_SEEN_INDEX,            /* number: of the directory; vcn: place in it */
    NTFS_SEEN_UPCASE,           /* vcn: byte of the table of capital letters */
    NTFS_SEEN_BLANK,            /* bytes 0xff only, as an empty log has */
};

/* Something in a candidate that tells where it belongs. */
struct ntfs_seen {
    uint64_t number, vcn, lsn;
    uint32_t cand, at, count, step;     /* step: bytes of a record */
    uint8_t kind;
};

struct ntfs_boot {
    uint64_t serial, sectors, mft, mirror, hidden;  /* mft, mirror: clusters; hidden: sectors */
    uint32_t sector, cluster, record, index;        /* bytes */
};

struct ntfs_run { uint64_t vcn, lcn, len; };        /* clusters */
struct ntfs_runs { struct ntfs_run *run; size_t n, cap; };

/* A file system that is being read. */
struct ntfs {
    struct rescue_guest *g;     /* borrowed */
    struct ntfs_witness *w;     /* borrowed */
    struct ntfs_boot boot;
    uint64_t start, clusters;
    enum rescue_sure sure;      /* of start */
    struct ntfs_runs mft;       /* owned: where the MFT lies */
    uint64_t mft_len;           /* bytes that hold records */
    struct ntfs_runs used;      /* owned: what is in use (vcn is 0) */
    struct ntfs_runs bitmap;    /* owned: where the bitmap of clusters lies */
    bool whole;                 /* nothing was missing so far */
    bool starved, news;
};

struct ntfs_witness {
    struct ntfs_seen *seen;     /* owned */
    size_t n_seen, seen_cap;
    struct { struct ntfs_boot boot; uint32_t cand, at; bool placed, whole; }
        boot[NTFS_BOOTS_MAX];
    size_t n_boots;
    struct claims claims;
};

/* --- witness_ntfs_look.c --- */

bool ntfs_look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
               size_t len);
bool ntfs_boot_read(const uint8_t *p, struct ntfs_boot *out);
/* Checks the update sequence of a record or index block of `len` bytes, and puts back the bytes
 * that it replaced. */
bool ntfs_fixup(uint8_t *p, size_t len);

/* --- witness_ntfs_mft.c --- */

struct ntfs_attr {
    unsigned type, flags;
    bool named;
    uint64_t first_vcn, data_len, init_len;
    const uint8_t *pairs;       /* mapping pairs; NULL: resident */
    size_t pairs_len;
};
#define NTFS_COMPRESSED 1u

/* The attribute at *at of a record, and *at of the next; false: the last. */
bool ntfs_attr_next(const uint8_t *record, size_t len, size_t *at, struct ntfs_attr *out);
/* Adds the runs of an attribute that lie on the volume. False: no memory. */
bool ntfs_runs_add(const struct ntfs *fs, const struct ntfs_attr *attr, struct ntfs_runs *out);
/* Byte of the volume of a byte of what has those runs; UINT64_MAX: none. */
uint64_t ntfs_runs_off(const struct ntfs *fs, const struct ntfs_runs *runs, uint64_t at);
void ntfs_runs_free(struct ntfs_runs *runs);

/* Reads a record from the volume; false: it is not known. */
bool ntfs_record_get(struct ntfs *fs, uint64_t number, uint8_t *dst);
/* Finds out where the MFT lies, from its first record. */
bool ntfs_mft_find(struct ntfs *fs, const uint8_t *record);
/* Marks and extents by all records. */
void ntfs_tell(struct ntfs *fs);

#endif
