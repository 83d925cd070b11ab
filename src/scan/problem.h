/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Problems: what is wrong with an image. One table of kinds (problem_rows.h), one list of
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

/* The part of an image it belongs to, as a report is divided. */
enum section {
    SECTION_HEADER, SECTION_REFTABLE, SECTION_REFBLOCKS, SECTION_L1, SECTION_L2,
    SECTION_SNAPSHOTS, SECTION_BITMAPS, SECTION_REFCOUNTS, SECTION_FILE, N_REPORT_SECTIONS
};

enum problem_kind {
#define ROW(e, ...) PROBLEM_##e,
#include "scan/problem_rows.h"
#undef ROW
    N_PROBLEMS
};

struct problem_info {
    const char *id;             /* stable */
    enum severity severity;
    enum qemu_class qemu;
    enum section section;
    bool loses_data;            /* the guest reads wrong data or none. Wrong refcounts and
                                   flags endanger what is written next, not what is there */
    const char *text;           /* template of problem_text */
    const char *fix;            /* what a repair does, "clear the entry"; or "nothing" */
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

/* Whose guest disk it concerns. */
static inline uint32_t problem_layer(const struct problem *p)
{
    return p->place.kind == PLACE_CLUSTER ? p->owner.layer : p->place.layer;
}

/* Gets every record as it is found, one by one, where a list merges and caps them: for those
 * who need them all. Called on the thread that runs the scan, in an order that does not
 * depend on the number of threads. Owners of clusters are not known yet. `p` and its note
 * are only lent. */
struct problem_sink {
    void (*record)(void *ctx, const struct problem *p);
    void *ctx;
};

struct problems {
    const struct problem_sink *sink;    /* borrowed; NULL: none */
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

/* Can a record of this kind still be kept? */
static inline bool problems_room(const struct problems *list, enum problem_kind kind)
{
    if (list->max && list->n >= list->max && list->kept[kind] >= PROBLEMS_KEPT_ALWAYS)
        return false;
    return list->kept[kind] < list->kept_max;
}

/* Is a record of this kind of use? If not, problems_count will do. */
static inline bool problems_wanted(const struct problems *list, enum problem_kind kind)
{
    return list->sink || problems_room(list, kind);
}

/* Does the last record of this kind, of clusters, end before cluster cl? Then it may grow. */
static inline bool problems_go_on(const struct problems *list, enum problem_kind kind,
                                  uint64_t cl)
{
    size_t last = list->last[kind];

    return last != SIZE_MAX && list->list[last].place.i + list->list[last].count == cl;
}

/* How many there are of all kinds but notes. */
uint64_t problems_serious(const struct problems *list);

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
