/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What of an image goes into a pack: the bytes that opening and checking it look at, and
 * nothing else. Data of the guest, compressed streams, the bits of bitmaps, key material and
 * what lies between the tables stays out, whatever it looks like. */
#ifndef QCHECK_PACK_KEEP_H
#define QCHECK_PACK_KEEP_H

#include "base/patch.h"
#include "qcow2/snapshot.h"
#include "scan/scan.h"

/* X(enumerator, id in JSON, name for people) */
#define KEEP_KINDS(X) \
    X(HEADER, "header", "header, extensions and backing file name") \
    X(L1, "l1-tables", "L1 tables") \
    X(L2, "l2-tables", "L2 tables") \
    X(REFTABLE, "refcount-table", "refcount table") \
    X(REFBLOCK, "refcount-blocks", "refcount blocks") \
    X(SNAPSHOTS, "snapshot-table", "snapshot table") \
    X(BITMAP_DIR, "bitmap-directory", "bitmap directory") \
    X(BITMAP_TABLE, "bitmap-tables", "bitmap tables") \
    X(LUKS, "luks-header", "LUKS header, without the key material") \
    X(PROBLEM, "problem-clusters", "clusters that problems are about")

enum keep_kind {
#define X(e, id, name) KEEP_##e,
    KEEP_KINDS(X)
#undef X
    N_KEEPS
};

struct keep_info { const char *id, *name; };
const struct keep_info *keep_info(enum keep_kind kind);

struct keep_range {
    uint64_t off, len;          /* bytes of the file; none past its end */
    enum keep_kind kind;
};

struct keep {
    struct keep_range *list;    /* owned; by kind, then offset; no range twice */
    size_t n, cap;
    uint64_t bytes[N_KEEPS];    /* as the ranges say, holes and overlaps included */
    bool cut;                   /* there were more problem clusters than PACK_PROBLEM_BYTES_MAX */
};

/* False when memory runs out, an L1 table cannot be read, or a hostile image has too many
 * tables. problem_clusters: those that the records of the scan are about as well. Free with
 * keep_free. */
bool keep_find(const struct scan_result *scan, bool problem_clusters, struct keep *out,
               struct error *err);
void keep_free(struct keep *k);

/* Entries of a snapshot table that is proposed in place of the header's, one after the other:
 * *off begins as 0; each is as long as round_up(seen->len, 8). False after the last. */
bool keep_proposed_snapshot(const struct image *img, uint64_t *off, struct snapshot_seen *seen);

/* Appends to `out` copies of all that is stored of these ranges, to be laid over a file of
 * zeros (source_open_patched_from). */
void keep_copies(const struct keep *k, struct source *src, struct patches *out);

#endif
