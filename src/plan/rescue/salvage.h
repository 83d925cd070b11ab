/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the goal "rescue": clusters that nobody owns, and what is done with them. */
#ifndef QCHECK_PLAN_RESCUE_SALVAGE_H
#define QCHECK_PLAN_RESCUE_SALVAGE_H

#include "plan/planner.h"
#include "plan/rescue/below.h"
#include "plan/rescue/rescue_guest.h"

enum orphan_kind {
    ORPHAN_DATA,
    ORPHAN_L2,              /* reads like an L2 table with entries in use */
    ORPHAN_TABLE,           /* reads like a refcount block or table, or an L1 table */
    ORPHAN_STREAM,          /* compressed data */
    ORPHAN_GONE,            /* has got a place */
};

/* A cluster that no table refers to, and that holds something other than zeros; or a stream
 * of compressed data in such clusters. */
struct orphan {
    uint64_t off, len;      /* bytes of the file */
    uint8_t kind;           /* enum orphan_kind */
    bool counted;           /* its refcount is not 0, or not known */
};

struct orphans {
    struct orphan *list;    /* owned, by rising offset */
    size_t n, cap;
    size_t n_kind[ORPHAN_GONE + 1];
    bool refcounts_known;   /* all refcounts of the file can be read */
};

/* All of a trial. `deep`: those with refcount 0 as well where refcounts are known. Stops early
 * when told to. */
bool orphans_collect(const struct trial *t, bool deep, struct orphans *out,
                     struct error *err);
void orphans_free(struct orphans *o);
bool orphans_add(struct orphans *o, const struct orphan *one, struct error *err);

/* Puts in the place of clusters the streams of compressed data that lie in them. */
bool orphans_find_streams(const struct trial *t, struct orphans *o, struct error *err);

/* Do more of them decode as that type of compression than as the header's? */
bool orphans_look_packed(const struct trial *t, const struct orphans *o, uint64_t type, bool *yes,
                         struct error *err);

/* The one that starts at that byte; NULL: none. */
const struct orphan *orphan_at(const struct orphans *o, uint64_t off);

#define L1_LOOKED_MAX 4096              /* entries of what may be an L1 table */

/* What its entries lead to. */
struct l1_fit {
    size_t used, end;       /* entries in use; up to the last of them */
    size_t active;          /* that the active L1 table has in the same place */
    size_t owed;            /* to tables with a larger refcount than there are references */
};
/* Do its entries lead to L2 tables? Then it is the L1 table of a snapshot that is lost, or of
 * an active layer of former times. bytes: room for a cluster, which is read. */
bool orphan_reads_like_l1(const struct trial *t, const struct orphans *o,
                          const struct orphan *it, uint8_t *bytes, struct l1_fit *out);

/* How much of a cluster that is said to be an L2 table is one. */
struct table_fit {
    size_t used;            /* entries that are not zero */
    size_t fit;             /* of these, those that may be */
};
/* bytes: a cluster, of the table at l2_off; NULL reads it. False: it cannot be read. */
bool table_fit_at(const struct image *img, uint64_t l2_off, uint8_t *bytes,
                struct table_fit *out);
/* Is it mostly an L2 table? */
static inline bool table_fits(const struct table_fit *l)
{
    return l->used && l->fit * 10 >= l->used * 9;
}

/* The goal at work. */
struct salvage {
    struct plan *plan;                      /* borrowed, all of these */
    struct trial *t;
    const struct planner_options *opt;
    struct below *below;                    /* owned; NULL: not known, or nothing */
    bool tables_lost;                       /* L2 tables are, and no entry says which */
    bool header_lost;                       /* its values were found, not read */
    bool size_unknown;                      /* the header does not say how large the disk is */
    bool size_guessed;                      /* ... but a file system was taken to fill it */
    bool l1_made;                           /* no L1 table was found: an empty one was made */
    bool stopped;                           /* it was told to stop before all was looked at */
};

/* Was it told to stop? */
static inline bool salvage_stopped(const struct trial *t)
{
    return t->opt.progress && t->opt.progress->cancel;
}

/* What was found before it was told to stop is written all the same, and that takes scans. */
void salvage_pause(struct salvage *s);

/* The parts, in the order in which they are taken; each adds its steps. */
bool salvage_header(struct salvage *s, struct error *err);      /* salvage_header.c */
bool salvage_compression(struct salvage *s, struct error *err); /* salvage_header.c */
bool salvage_backing(struct salvage *s, struct error *err);     /* salvage_header.c */
bool salvage_snapshots(struct salvage *s, struct error *err);   /* salvage_snapshots.c */
bool salvage_lost_l1(struct salvage *s, struct error *err);     /* salvage_header.c */
bool salvage_l1(struct salvage *s, struct error *err);          /* salvage_l1.c */
bool salvage_size(struct salvage *s, struct error *err);        /* salvage_header.c */
bool salvage_l2(struct salvage *s, struct error *err);          /* salvage_l2.c */

/* Finds room for an L1 table of n entries, all zeros, and has the header say where it is. */
bool salvage_new_l1(struct salvage *s, uint64_t n, struct patches *out, struct error *err);

/* Begins a step of the goal. */
struct plan_step *salvage_step(struct salvage *s, struct error *err);
/* Gives it its texts (taken), and takes its patches in the trial. */
bool salvage_take(struct salvage *s, struct plan_step *step, struct buf *title,
                  struct buf *why, struct error *err);
/* A sentence for what stays as it is; taken. */
bool salvage_left(struct salvage *s, struct buf *sentence, struct error *err);

/* The bytes of orphans, as a rescue_store reads them. */
struct orphan_reader {
    const struct image *img;
    const struct orphan *list;
    struct unpacker *unpacker;              /* owned */
    uint8_t *in;                            /* owned: room for a stream */
};
bool orphan_reader_init(struct orphan_reader *r, const struct image *img,
                        const struct orphan *list, struct error *err);
void orphan_reader_free(struct orphan_reader *r);
bool orphan_read(void *ctx, size_t i, uint8_t *dst, struct error *err);

/* An L1 table as far as it is usable, and bytes of the disk. */
struct l1_known { const bool *usable; uint64_t n, size; };
/* Finds out to which L1 index that is not usable each of n tables belongs (-1: not known), by what
 * the clusters that they map say of their own place. fitted[]: only by how well they fit there. */
bool l1_vote(struct salvage *s, const uint64_t *table_off, size_t n, const struct l1_known *l1,
             int64_t *index, bool *fitted, struct error *err);

/* Where the guest's clusters of an intact image are. */
struct guest_reader;
bool guest_reader_open(const struct trial *t, struct below *below, struct guest_reader **out,
                       struct error *err);
void guest_reader_close(struct guest_reader *r);
/* Where the last cluster that is mapped ends; 0: none is. */
uint64_t guest_reader_end(struct guest_reader *r);
/* A `known` of struct rescue_store; ctx is a guest_reader. */
bool guest_reader_read(void *ctx, uint64_t guest_off, void *dst, size_t len);

#endif
