/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What happened to an image: a few causes, each with what proves it, instead of a million
 * problems. One table of causes (cause_table.c) feeds check, JSON, the inspector and
 * `explain`; a file per family (cause_*.c) finds them.
 *
 * A cause claims the records of problems that it explains. What nothing claims stays as it
 * is. Reading is bounded by CAUSE_BYTES_MAX unless `deep` is asked for. */
#ifndef QCHECK_INSIGHT_CAUSE_H
#define QCHECK_INSIGHT_CAUSE_H

#include <stdatomic.h>

#include "disk/chain.h"
#include "insight/span.h"
#include "scan/scan.h"

#define CAUSE_BYTES_MAX     (UINT64_C(96) << 20)    /* read without `deep` */
#define EVIDENCE_MAX        24                      /* places kept of each cause */

enum cause_weight {
    CAUSE_LOSES,        /* guest data is lost or wrong */
    CAUSE_DANGER,       /* the data is there, but QEMU refuses it or writing destroys it */
    CAUSE_LEAD,         /* nothing is proved; worth a look */
    CAUSE_HARMLESS,     /* explains what was found; costs nothing */
    N_CAUSE_WEIGHTS
};

/* X(enumerator, id, weight): what is most fundamental stands first; that is the order in
 * which causes are told. */
#define CAUSES(X) \
    X(IN_USE, "in-use", DANGER) \
    X(UNREADABLE, "storage-failing", LOSES) \
    X(HEADER_OVERWRITTEN, "header-overwritten", DANGER) \
    X(HEADER_VALUES, "header-damaged", DANGER) \
    X(L1_POINTER, "l1-pointer", LOSES) \
    X(LIVE_RESIZE, "live-resize", LOSES) \
    X(L1_OVERWRITTEN, "l1-overwritten", LOSES) \
    X(MAPPING_VANISHED, "mapping-vanished", LOSES) \
    X(SHIFTED, "shifted", LOSES) \
    X(L2_REFCOUNTS, "l2-refcounts", LOSES) \
    X(L2_OVERWRITTEN, "l2-overwritten", LOSES) \
    X(L2_WIPED, "l2-wiped", LOSES) \
    X(L2_PAGES, "l2-zeroed-pages", LOSES) \
    X(COPIED_RUNNING, "copied-while-running", LOSES) \
    X(CUT_SHORT, "cut-short", LOSES) \
    X(BROKEN_ENTRIES, "broken-entries", LOSES) \
    X(COMPRESSION_TYPE, "compression-type", LOSES) \
    X(LUKS_HEADER, "luks-header", LOSES) \
    X(BASE_MISSING, "base-missing", LOSES) \
    X(DATA_FILE, "data-file", LOSES) \
    X(TABLE_REUSED, "table-reused", LOSES) \
    X(TWO_WRITERS, "two-writers", LOSES) \
    X(TWICE_USED, "cluster-used-twice", LOSES) \
    X(BROKEN_STREAMS, "broken-streams", LOSES) \
    X(ARMED_TABLE, "armed-table", DANGER) \
    X(REFCOUNTS_LOST, "refcounts-lost", DANGER) \
    X(NO_SPACE, "no-space", DANGER) \
    X(UNFLUSHED, "unflushed-tables", LEAD) \
    X(REFCOUNTS_BEHIND, "refcounts-behind", HARMLESS) \
    X(REFCOUNTS_WRONG, "refcounts-wrong", DANGER) \
    X(COPIED_FLAGS, "copied-flags", DANGER) \
    X(SNAPSHOT_TABLE, "snapshot-table", DANGER) \
    X(BITMAPS, "bitmaps", LEAD) \
    X(FEATURE, "unknown-feature", DANGER) \
    X(CORRUPT_BIT, "marked-corrupt", DANGER) \
    X(SNAPSHOTS_AND_BITMAP, "snapshots-and-bitmap", LEAD) \
    X(BASE_NOT_SEEN, "base-not-seen", LEAD) \
    X(BASE_FORMAT, "base-format", LEAD) \
    X(GUEST_IS_FILE, "guest-is-a-file", LEAD) \
    X(HOST_HOLES, "host-holes", LEAD) \
    X(LEFT_OVERS, "left-overs", HARMLESS) \
    X(OLD_TAIL, "old-bytes-behind", HARMLESS) \
    X(BLOATED, "bloated", HARMLESS) \
    X(ZEROS_STORED, "zeros-stored", HARMLESS)

enum cause_kind {
#define X(e, id, weight) CAUSE_OF_##e,
    CAUSES(X)
#undef X
    N_CAUSES
};

struct cause_info {
    const char *id;             /* stable */
    enum cause_weight weight;
    const char *sample;         /* data/samples has one that shows it; NULL: no file can */
    const char *title;          /* "An L2 table was overwritten with refcounts" */
    const char *happened;       /* how this comes about */
    const char *told;           /* how it is recognised */
    const char *alike;          /* what looks like it but is harmless; NULL: nothing */
    const char *next;           /* what to do */
};

const struct cause_info *cause_info(enum cause_kind kind);
bool cause_by_id(const char *id, enum cause_kind *out);
const char *cause_weight_name(enum cause_weight w); /* "data-loss", "danger", ... */

/* Does such a cause lose what the tables said, so that what it lost looks unmapped, and its data
 * leaked? Others lose data that is mapped, or in another file. */
bool cause_loses_mapping(enum cause_kind kind);

enum confidence { CONFIDENCE_CERTAIN, CONFIDENCE_LIKELY, CONFIDENCE_POSSIBLE };

const char *confidence_name(enum confidence c);     /* "certain", "likely", "possible" */

struct evidence {
    struct place place;
    char text[160];             /* what is seen there; may be empty */
};

#define CAUSE_FIXES_MAX 8

/* What should stand in a table entry, as is proved. */
struct cause_fix { struct place place; uint64_t value; };

struct cause {
    enum cause_kind kind;
    enum cause_weight weight;   /* what it weighs here: nothing is called harmless while
                                   something is missing */
    enum confidence confidence;
    char *text;                 /* owned; one or two sentences with the numbers */
    struct evidence evidence[EVIDENCE_MAX];
    size_t n_evidence;          /* kept */
    uint64_t evidence_total;    /* found */
    uint64_t explains[N_PROBLEMS];
    uint64_t n_explained;       /* sum of them, notes apart */
    bool about;                 /* not all records were kept: the sum is not exact */
    struct guest_spans lost, risk;  /* guest ranges of the active layer: gone, or in danger */
    struct guest_spans untouched;   /* the rest of the disk */
    struct cause_fix fix[CAUSE_FIXES_MAX];
    size_t n_fixes;             /* L1 entries that a plan puts back */
    char **step;                /* owned: what to do about it, in order */
    size_t n_steps;
};

/* Does it lose ranges of the active layer, certainly or likely? */
bool cause_loses(const struct cause *c);

/* Does it advise to keep the clusters without an owner, as they may be the only copy of data? */
bool cause_keeps_leaks(const struct cause *c);

/* "An L2 table was wiped (likely): 32 KiB of the active disk". */
void cause_loss_text(const struct cause *c, struct buf *out);

enum verdict_answer { ANSWER_NO, ANSWER_PERHAPS, ANSWER_YES };

const char *answer_name(enum verdict_answer a);             /* "no", "perhaps", "yes" */

/* One answer for the whole image (verdict.c). */
struct verdict {
    enum verdict_answer data_lost;
    enum verdict_answer may_open;       /* read it, start a guest that writes elsewhere */
    enum verdict_answer may_write;
    bool incomplete;            /* a table is missing, cut, unreadable, or empty beside
                                   clusters that fit it; or the chain is: nothing is called
                                   harmless then */
    char *text;                 /* owned; the state of things in a sentence or two */
    char **step;                /* owned; numbered from 1 for people */
    size_t n_steps;
    struct guest_spans lost, risk, untouched;
};

struct insight {
    const struct scan_result *scan;     /* borrowed */
    struct cause *list;         /* owned; in the order of the table */
    size_t n;
    uint64_t problems;          /* found, notes apart */
    uint64_t explained;         /* of them, by the causes */
    uint16_t *claim;            /* owned; for each record of a problem its cause, from 1;
                                   0: none */
    bool short_of_reads;        /* there was more to look at (deep does) */
    struct verdict verdict;
};

struct insight_options {
    const char *name;           /* of the image, for commands to copy; NULL: of its source */
    const struct chain *chain;  /* NULL: nobody looked at the files it names */
    bool deep;                  /* read everything */
    _Atomic bool *cancel;       /* may be NULL */
};

/* Finds the causes and makes the verdict. A scan that was stopped has a verdict as well.
 * False only when memory runs out. */
bool insight_find(const struct scan_result *scan, const struct insight_options *opt,
                  struct insight **out, struct error *err);
void insight_free(struct insight *x);       /* accepts NULL */

/* The cause that a record of a problem was claimed by; NULL: none. */
const struct cause *insight_cause_of(const struct insight *x, size_t problem);

/* How many problems of a kind nothing explains. */
uint64_t insight_unexplained(const struct insight *x, enum problem_kind kind);

/* As scan_strict_status(), and 2 where data is lost although no record says so, as where a table
 * was wiped. */
int insight_strict_status(const struct insight *x);

/* "3 causes explain 1,226,340 of 1,226,355 problems." Empty when there are none. */
void insight_summary(const struct insight *x, struct buf *out);

#endif
