/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Problems: what is wrong with an image. One table of kinds (problem_table.c), one list of
 * records per scan. Counts are exact; records are merged into runs and capped. */
#ifndef QCHECK_SCAN_PROBLEM_H
#define QCHECK_SCAN_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "qcow2/place.h"

enum severity {
    SEV_CORRUPTION,         /* the image is damaged */
    SEV_LEAK,               /* space is wasted, nothing is lost */
    SEV_ERROR,              /* could not be checked */
    SEV_WARNING,            /* suspicious or dangerous, QEMU says nothing */
    SEV_NOTE,               /* worth knowing, not wrong */
    N_SEVERITIES
};

/* Which of QEMU's counters a kind adds to; OWN ones add to none. */
enum qemu_class { QEMU_OWN, QEMU_CORRUPTION, QEMU_LEAK, QEMU_CHECK_ERROR };

/* X(enumerator, id, severity, qemu class): the whole list, in order of display.
 * The prose lives in problem_table.c. */
#define PROBLEM_KINDS(X) \
    X(DATA_PAST_END, "data-past-end", CORRUPTION, CORRUPTION) \
    X(L2_PAST_END, "l2-table-past-end", CORRUPTION, CORRUPTION) \
    X(L1_PAST_END, "l1-table-past-end", CORRUPTION, CORRUPTION) \
    X(COMPRESSED_PAST_END, "compressed-past-end", CORRUPTION, CORRUPTION) \
    X(REFTABLE_PAST_END, "reftable-past-end", CORRUPTION, CORRUPTION) \
    X(REFBLOCK_PAST_END, "refblock-past-end", CORRUPTION, CORRUPTION) \
    X(SNAPTABLE_PAST_END, "snapshot-table-past-end", CORRUPTION, CORRUPTION) \
    X(BITMAP_PAST_END, "bitmap-past-end", CORRUPTION, CORRUPTION) \
    X(CRYPTO_PAST_END, "crypto-header-past-end", CORRUPTION, CORRUPTION) \
    X(L1_RESERVED, "l1-reserved-bits", CORRUPTION, CORRUPTION) \
    X(L2_MISALIGNED, "l2-table-misaligned", CORRUPTION, CORRUPTION) \
    X(L2_RESERVED, "l2-reserved-bits", CORRUPTION, CORRUPTION) \
    X(DATA_MISALIGNED, "data-misaligned", CORRUPTION, CORRUPTION) \
    X(ZERO_MISALIGNED, "zero-misaligned", CORRUPTION, CORRUPTION) \
    X(COMPRESSED_COPIED, "compressed-copied", CORRUPTION, CORRUPTION) \
    X(COMPRESSED_DATA_FILE, "compressed-with-data-file", CORRUPTION, CORRUPTION) \
    X(COMPRESSED_SUBCLUSTERS, "compressed-with-subclusters", CORRUPTION, CORRUPTION) \
    X(SUBCLUSTER_CONFLICT, "subcluster-conflict", CORRUPTION, CORRUPTION) \
    X(SUBCLUSTER_UNALLOCATED, "subcluster-unallocated", CORRUPTION, CORRUPTION) \
    X(REFCOUNT_ZERO, "refcount-zero", CORRUPTION, CORRUPTION) \
    X(REFCOUNT_LOW, "refcount-too-low", CORRUPTION, CORRUPTION) \
    X(REFCOUNT_OVERFLOW, "refcount-overflow", CORRUPTION, CORRUPTION) \
    X(L2_COPIED, "l2-table-copied-flag", CORRUPTION, CORRUPTION) \
    X(DATA_COPIED, "data-copied-flag", CORRUPTION, CORRUPTION) \
    X(REFTABLE_RESERVED, "reftable-reserved-bits", CORRUPTION, CORRUPTION) \
    X(REFBLOCK_MISALIGNED, "refblock-misaligned", CORRUPTION, CORRUPTION) \
    X(REFBLOCK_SHARED, "refblock-shared", CORRUPTION, CORRUPTION) \
    X(SNAPSHOT_L1_MISALIGNED, "snapshot-l1-misaligned", CORRUPTION, CORRUPTION) \
    X(SNAPSHOT_L1_TOO_LARGE, "snapshot-l1-too-large", CORRUPTION, CORRUPTION) \
    X(SNAPSHOT_INCOMPLETE, "snapshot-incomplete", CORRUPTION, CORRUPTION) \
    X(SNAPSHOT_DATA_FILE, "snapshots-with-data-file", CORRUPTION, CORRUPTION) \
    X(LEAKED, "leaked-cluster", LEAK, LEAK) \
    X(REFCOUNT_HIGH, "refcount-too-high", LEAK, LEAK) \
    X(REFCOUNT_UNREADABLE, "refcount-unreadable", ERROR, CHECK_ERROR) \
    X(UNREADABLE, "unreadable", ERROR, OWN) \
    X(OVERLAP, "overlap", CORRUPTION, OWN) \
    X(DOUBLE_ALLOCATION, "double-allocation", CORRUPTION, OWN) \
    X(HEADER_FAULT, "header-fault", CORRUPTION, OWN) \
    X(HEADER_EXTENSION, "header-extension-fault", CORRUPTION, OWN) \
    X(HEADER_LIMIT, "header-over-limit", CORRUPTION, OWN) \
    X(HEADER_REPLACED, "header-value-replaced", CORRUPTION, OWN) \
    X(L1_TOO_SMALL, "l1-too-small", CORRUPTION, OWN) \
    X(UNKNOWN_FEATURE, "unknown-incompatible-feature", WARNING, OWN) \
    X(SNAPTABLE_FAULT, "snapshot-table-fault", CORRUPTION, OWN) \
    X(BITMAP_DIR_FAULT, "bitmap-directory-fault", CORRUPTION, OWN) \
    X(BITMAP_FAULT, "bitmap-fault", CORRUPTION, OWN) \
    X(BITMAP_ENTRY, "bitmap-table-entry-fault", CORRUPTION, OWN) \
    X(TAIL_TRUNCATED, "tail-truncated", WARNING, OWN) \
    X(STREAM_PAST_END, "compressed-stream-past-end", WARNING, OWN) \
    X(V2_ZERO_FLAG, "v2-zero-flag", WARNING, OWN) \
    X(EXTENDED_ZERO_FLAG, "extended-l2-zero-flag", WARNING, OWN) \
    X(DATA_FILE_OFFSET, "data-file-offset", WARNING, OWN) \
    X(SNAPSHOT_DUPLICATE, "snapshot-duplicate", WARNING, OWN) \
    X(SNAPSHOT_L1_SMALL, "snapshot-l1-too-small", WARNING, OWN) \
    X(BITMAPS_INCONSISTENT, "bitmaps-inconsistent", WARNING, OWN) \
    X(BITMAP_IN_USE_FLAG, "bitmap-in-use", WARNING, OWN) \
    X(CORRUPT_BIT, "corrupt-bit", WARNING, OWN) \
    X(DIRTY_BIT, "dirty-bit", WARNING, OWN) \
    X(IMAGE_IN_USE, "image-in-use", WARNING, OWN) \
    X(IMAGE_CHANGED, "image-changed", WARNING, OWN) \
    X(HEADER_PROPOSED, "header-value-proposed", WARNING, OWN) \
    X(HEADER_FORCED, "header-value-forced", NOTE, OWN) \
    X(HEADER_ODD, "header-odd", NOTE, OWN) \
    X(REFCOUNT_PAST_END, "refcount-past-end", NOTE, OWN) \
    X(VM_STATE, "vm-state", NOTE, OWN) \
    X(PAST_DISK_END, "mapped-past-disk-end", NOTE, OWN)

enum problem_kind {
#define X(e, id, sev, qemu) PROBLEM_##e,
    PROBLEM_KINDS(X)
#undef X
    N_PROBLEMS
};

struct problem_info {
    const char *id;             /* stable */
    enum severity severity;
    enum qemu_class qemu;
    const char *title;          /* "Refcount is 0 but the cluster is in use" */
    const char *meaning;        /* what it is: one or two sentences */
    const char *effect;         /* what it does to the guest */
    const char *advice;         /* what to do */
    const char *spec;           /* section of the specification */
};

const struct problem_info *problem_info(enum problem_kind kind);
bool problem_by_id(const char *id, enum problem_kind *out);
const char *severity_name(enum severity s);     /* "corruption", "leak", ... */

/* One record: a run of `count` neighbouring problems of one kind. Neighbouring means the
 * next cluster (refcount kinds), or the next entry of the same table. */
struct problem {
    enum problem_kind kind;
    struct place place;         /* of the first one: the entry that is wrong, or PLACE_CLUSTER */
    uint64_t count;             /* problems in this run, by our counting: distinct places */
    uint64_t qemu_count;        /* what QEMU adds for them (an error in a shared table
                                   counts once per walk); 0 for own kinds */
    uint64_t host_off;          /* host byte it is about (target of the entry, or the cluster);
                                   NO_ADDRESS where there is none */
    uint64_t guest_off;         /* guest range concerned, first byte; NO_ADDRESS: none */
    uint64_t guest_len;         /* bytes */
    uint64_t found, expected;   /* values of the first one; meaning depends on the kind */
    struct place owner;         /* about a cluster: who refers to it first; or PLACE_NONE */
    struct place other;         /* overlap, double allocation: who does as well */
    uint32_t owners;            /* overlaps: who (scan/class.h) */
    char *note;                 /* owned by the list; extra words, or NULL */
};

struct problems {
    struct problem *list;       /* owned */
    size_t n, cap;
    size_t kept_max;            /* records kept of each kind; more are only counted */
    size_t max;                 /* ... and of all kinds together, but for the first
                                   PROBLEMS_KEPT_ALWAYS of each; 0: no limit */
    bool cut[N_PROBLEMS];               /* not all records of this kind are in the list */
    size_t kept[N_PROBLEMS];            /* records of each kind in the list */
    size_t last[N_PROBLEMS];            /* the last of them; SIZE_MAX: none */
    uint64_t count[N_PROBLEMS];         /* exact, distinct places */
    uint64_t qemu_count[N_PROBLEMS];    /* exact, as QEMU counts */
};

void problems_init(struct problems *list, size_t kept_max);
/* A list for a part of the work, to be appended to `all`, which nobody changes meanwhile.
 * Kinds that have no room in `all` any more are full in it from the start: then they are
 * only counted, which is much faster. */
void problems_init_part(struct problems *list, size_t kept_max, const struct problems *all);
void problems_free(struct problems *list);

/* Adds a record (takes p->note), merging it with the last one where they are neighbours.
 * When memory runs out or the list is full the record is dropped but counted. */
void problems_add(struct problems *list, const struct problem *p);

/* Convenience: count 1, no other owner, host/guest from the arguments. The note is a
 * printf format or NULL. */
void problem_note(struct problems *list, enum problem_kind kind, const struct place *place,
                  uint64_t found, uint64_t expected, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Appends `from` to `to` in order (moves the records), as if added one by one. */
void problems_append(struct problems *to, struct problems *from);

/* Counts `count` problems of a kind that has no room left, without a record. */
void problems_count(struct problems *list, enum problem_kind kind, uint64_t count,
                    uint64_t qemu_count);

/* Can a record of this kind still be kept? If not, problems_count will do. */
static inline bool problems_room(const struct problems *list, enum problem_kind kind)
{
    if (list->max && list->n >= list->max && list->kept[kind] >= PROBLEMS_KEPT_ALWAYS)
        return false;
    return list->kept[kind] < list->kept_max;
}

/* Are all records in the list? */
bool problems_complete(const struct problems *list);

/* Sorts by kind, then by place in the file. */
void problems_sort(struct problems *list);

uint64_t problems_of_severity(const struct problems *list, enum severity s);

/* One line that says this record with its numbers, places and run length, e.g.
 * "clusters 4000 - 6000 leaked: refcount 1, no reference (2,001)". */
void problem_text(const struct problem *p, const struct image *img, struct buf *out);

/* The title before it: "Cluster is leaked: clusters 4000 - 6000 ...". */
void problem_line(const struct problem *p, const struct image *img, struct buf *out);

#endif
