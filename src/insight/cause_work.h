/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the search for causes: what the families share. */
#ifndef QCHECK_INSIGHT_CAUSE_WORK_H
#define QCHECK_INSIGHT_CAUSE_WORK_H

#include "insight/cause.h"
#include "insight/content.h"
#include "scan/guest.h"

#define LEAK_SAMPLES 64

/* An L2 table in which entries are wrong. */
struct bad_table {
    const struct l2_table *at;
    uint64_t problems;          /* recorded in it */
    size_t used, fit, past;     /* entries: in use, possible, possible but past the end */
    size_t bad;                 /* ... impossible */
    struct content content;     /* of the part that is wrong */
    bool foreign;               /* overwritten, as a whole or a part of it */
    bool astray;                /* what leads to it leads astray: it is no table at all */
    size_t first, end;          /* entries that are; end 0: all of the table */
};

struct sample {
    uint64_t cluster;
    struct content content;
};

/* Clusters of one class, looked at here and there. */
struct samples {
    uint64_t clusters;          /* of the class, in the whole file */
    struct sample list[LEAK_SAMPLES];
    size_t n, l2, l1, other_tables, data, empty;    /* looked at, and what they hold */
};

struct work {
    const struct insight_options *opt;
    const struct image *img;
    const struct geometry *geo;
    const struct scan_result *scan;
    const struct problems *ps;
    struct insight *out;
    uint8_t *scratch;           /* room for a cluster */
    uint64_t bytes_left;        /* to read */
    bool failed;                /* memory ran out */
    struct bad_table *bad;      /* sorted by offset of the table */
    size_t n_bad;
    struct unowned_tables *orphans, *freed; /* owned, see work_orphan_tables; NULL: not yet */
    uint64_t n_astray;          /* leaked L2 tables to which an L1 entry that leads astray led */
    struct samples leaked, vacant;
    uint64_t beside;            /* empty entries that a few orphans would fit into */
    bool deleted;               /* all orphans are those of a snapshot that was deleted */
    struct buf name;            /* of the image, quoted for a shell */
    struct buf copy;            /* of the copy to work on, quoted */
};

/* --- making a cause --- */

/* Adds a cause; NULL when memory ran out (then everything below does nothing). Valid until
 * the next is added. */
struct cause *cause_add(struct work *w, enum cause_kind kind, enum confidence c);
struct cause *cause_found(const struct work *w, enum cause_kind kind);  /* NULL: not */

void cause_text(struct work *w, struct cause *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cause_step(struct work *w, struct cause *c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The step that plans `goal` (of qcheck plan), looks at the outcome and gets the disk out. */
void cause_step_plan(struct work *w, struct cause *c, const char *goal);
/* The step that plans `goal` into `file`.plan and carries it out on the copy. */
void cause_step_change(struct work *w, struct cause *c, const char *what, const char *goal,
                       const char *file);
void cause_evidence(struct cause *c, const struct place *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What claiming says about the guest ranges of the records. */
enum claim_as { CLAIM_LOST, CLAIM_RISK, CLAIM_ONLY };

typedef bool claim_match(const struct work *w, const struct problem *p, const void *ctx);

/* Gives the cause all records of these kinds (a list that N_PROBLEMS ends) that nobody has
 * claimed and `match` (NULL: all) accepts. Returns the number of problems. */
uint64_t cause_claim(struct work *w, struct cause *c, const enum problem_kind *kinds,
                     claim_match *match, const void *ctx, enum claim_as as);
#define CLAIM(w, c, match, ctx, as, ...) \
    cause_claim(w, c, (const enum problem_kind[]){ __VA_ARGS__, N_PROBLEMS }, match, ctx, as)

#define PAGE 4096               /* bytes that storage loses at a time */

/* Steps that several causes have: the verdict names each once. */
#define STEP_HANDS_OFF  "Do not start the guest, nor open the file for writing"
#define STEP_OLDER_COPY "Look for a backup or an older copy of the file; it is better than " \
                        "anything that can be put together from this one"
#define STEP_KEEP_LEAKS "Keep the clusters that have no owner: they hold the data that is not " \
                        "mapped. Whatever writes to the file or repairs leaks frees them"

/* --- looking --- */

/* Takes n bytes of what may be read; false when they are not left. */
bool work_reads(struct work *w, uint64_t n);
/* The same for a search among clusters that nobody owns, which may be any number: it leaves half
 * of what may be read to the tables that are in use. */
bool work_searches(struct work *w, uint64_t n);

#define ORPHAN_TABLES_KEPT 512

/* L2 tables, or L1 tables, that nobody refers to. `copies` of them map, in part, what the active
 * disk maps as well: they are older states of tables it has, a snapshot's. */
struct orphan_tables {
    uint64_t n, copies;
    uint64_t first;             /* cluster; of one that is no copy if possible */
    uint64_t orphans;           /* clusters that lack an owner and that they map */
    uint64_t kept[ORPHAN_TABLES_KEPT];  /* host bytes of those that are no copies, rising */
    size_t n_kept;
    bool cut;                   /* there may be more */
};

struct unowned_tables {
    struct orphan_tables l1, l2;
};

/* What there is of them in leaked or in vacant clusters; searched for once. */
const struct unowned_tables *work_orphan_tables(struct work *w, enum cluster_class cls);

/* Makes the list of L2 tables in which entries are wrong, and looks into them (cause_l2.c). */
void work_list_bad(struct work *w);
/* The table of this list that the entry at `place` is in; NULL: none. */
struct bad_table *work_bad_of(const struct work *w, const struct place *place);

/* Which places of the disk have no L2 table, and may have had these (cause_places.c). Returns how
 * many of the tables fit such a place; adds places to `lost` where they prove to be theirs, to
 * `risk` where some of them are. *empty: how many places have no table. */
uint64_t work_places(struct work *w, const struct orphan_tables *t, struct guest_spans *lost,
                     struct guest_spans *risk, uint64_t *empty);

/* Do clusters that nobody owns hold so much data that a table may have referred to it which
 * looks sound now: one that is zero from some entry on, say, or a copy of a snapshot's? */
bool work_many_orphans(const struct work *w);

/* So many bytes without an owner may be what a crash left of writes that were under way: QEMU
 * counts clusters before it maps them. */
#define UNDER_WAY_MAX   (UINT64_C(1) << 20)

uint64_t work_count(const struct work *w, enum problem_kind k);     /* of the scan */

/* Clusters that lack an owner: without any, or where there are snapshots to share them, with fewer
 * than they were counted for; not where COPIED says that the count is wrong. None where a snapshot
 * was being deleted. */
uint64_t work_orphans(const struct work *w);
uint64_t work_unclaimed_orphans(const struct work *w);      /* of which no cause was found yet */

struct place work_l2_place(const struct work *w, const struct l2_table *t, uint64_t j);
struct place work_l1_place(const struct work *w, const struct l2_table *t);
struct place work_cluster_place(const struct work *w, uint64_t cluster);
struct place work_header_place(uint64_t off);

/* The table of the scan's list that host byte `off` lies in; NULL: none. */
const struct l2_table *work_table_at(const struct work *w, uint64_t off);

/* The cell of a cluster; of one past the end of the file an empty one. */
void work_cell(const struct work *w, uint64_t cluster, struct map_cell *out);

/* Calls one() for each extent of the active disk in its order, for EXTENTS_MAX at most. False:
 * not all were had. */
#define EXTENTS_MAX 100000
bool work_extents(struct work *w, void (*one)(struct work *w, const struct guest_extent *x,
                                              void *ctx), void *ctx);

/* Looks at up to LEAK_SAMPLES clusters of a class, spread over the file. */
void work_sample(struct work *w, enum cluster_class cls, struct samples *out);

/* What is told of an image in a pack (told.c): causes that are not seen in it, answers that are
 * worse. */
void causes_told(struct work *w);
void verdict_told(const struct work *w, struct verdict *v);

/* --- the families, in the order in which they claim; work_list_bad() comes before all --- */
void causes_storage(struct work *w);        /* cause_file.c: in use, unreadable */
void causes_chain(struct work *w);          /* cause_chain.c: base and data file */
/* cause_data_file.c, for the above; name: of the data file, for people */
void causes_data_file(struct work *w, const char *name);
/* cause_shifted.c: bytes that are missing, or too many; then none of the following is asked. */
void causes_shifted(struct work *w);
void causes_data(struct work *w);           /* cause_data.c: streams, LUKS, guest's start */
void causes_streams(struct work *w);        /* cause_streams.c: streams that do not decode */
void causes_deleted(struct work *w);        /* cause_deleted.c: a snapshot, half deleted */
void causes_astray(struct work *w);         /* cause_astray.c: entries of L1 that lead elsewhere */
void causes_l1(struct work *w);             /* cause_l1.c */
void causes_header(struct work *w);         /* cause_header.c */
void causes_l2(struct work *w);             /* cause_l2.c */
void causes_lost_snapshot(struct work *w);  /* cause_l1.c */
void causes_cut_short(struct work *w);      /* cause_file.c */
void causes_sharing(struct work *w);        /* cause_sharing.c: two users of a cluster */
void causes_entries(struct work *w);        /* cause_entries.c: single entries */
void causes_holes(struct work *w);          /* cause_holes.c: orphans that fit empty entries */
void causes_refcounts(struct work *w);      /* cause_refcounts.c */
void causes_lists(struct work *w);          /* cause_lists.c: snapshots, bitmaps */
void causes_space(struct work *w);          /* cause_space.c: holes, left-overs, tails */

/* Makes out->verdict of what was found. */
bool verdict_make(struct work *w);

#endif
