/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables of an image, printed entry by entry: text for people, or one JSON object per
 * line with an explicit end record. Everything streams; a table is in memory one batch at
 * a time. */
#ifndef QCHECK_REPORT_DUMP_H
#define QCHECK_REPORT_DUMP_H

#include "report/hits.h"
#include "report/jw.h"
#include "report/out.h"
#include "report/stored.h"
#include "scan/scan.h"

#define DUMP_BATCH 4096         /* table entries read at a time */

struct dump {
    const struct scan_result *scan;     /* borrowed */
    const struct image *img;            /* scan->img */
    struct problem_index *index;        /* owned */
    struct stored stored;
    struct out *out;                    /* borrowed */
    struct jw jw;
    bool json;
    bool used;                          /* leave out what is empty */
    bool no_usage;                      /* snapshots: not what each holds and shares: that
                                           takes a walk of all its tables */
    uint64_t snapshot_rows_max;         /* entries of L1 tables of snapshots that are listed;
                                           0: all */
    unsigned hide_refcounts;            /* bits: 1 for 0, 2 for 1, 4 for 2 and more */
    uint64_t from, to;                  /* guest bytes or file bytes, by what is dumped */
    bool one_layer, all_layers;         /* neither: the active layer */
    uint32_t layer;                     /* with one_layer: LAYER_ACTIVE or number + 1 */
    uint64_t records;                   /* written */
    struct error lost;                  /* the first I/O error, or ERR_NONE */
};

/* out and scan are borrowed until dump_end. */
bool dump_begin(struct dump *d, const struct scan_result *scan, struct out *out,
                bool json, struct error *err);
void dump_end(struct dump *d);

/* Each prints one kind of table, without the entries of L1 and bitmap tables that would
 * lie after the end of the file: those are zeros and may be many. What cannot be read is
 * said at its place and in d->lost, and the rest goes on. False when memory ran out: the
 * output ends there, without an end record. */
bool dump_header(struct dump *d, struct error *err);
bool dump_l1(struct dump *d, struct error *err);
bool dump_l2(struct dump *d, struct error *err);
bool dump_reftable(struct dump *d, struct error *err);
bool dump_refcounts(struct dump *d, struct error *err);
bool dump_snapshots(struct dump *d, struct error *err);
bool dump_bitmaps(struct dump *d, struct error *err);
bool dump_ranges(struct dump *d, struct error *err);

/* The last line of JSON output: how many records there were. */
void dump_end_record(struct dump *d);

/* --- for the files of this module --- */

/* Opens a JSON line of this type; closed by dump_line_end. */
void dump_line(struct dump *d, const char *type);
void dump_line_end(struct dump *d);

/* Entries that follow could not be read and are zeros: a line that says so. */
void dump_lost(struct dump *d, const struct error *why);

/* Entries [first, end) of a table of 64-bit words at host byte `off`. Those that are not zero
 * or have a problem go to `row`; the others, unless d->used, run by run to `empty`. Reads what
 * the file holds of the table, and no hole. */
struct dump_words {
    uint64_t off, first, end;
    void *ctx;
    void (*row)(struct dump *d, void *ctx, uint64_t i, uint64_t e, struct problem_hits *found);
    void (*empty)(struct dump *d, void *ctx, uint64_t first, uint64_t n);
};
void dump_words(struct dump *d, const struct dump_words *w);

/* Is this layer asked for? table: LAYER_ACTIVE or snapshot number + 1. */
bool dump_wants_layer(const struct dump *d, uint32_t layer);
uint32_t dump_layers(const struct dump *d);         /* number of layers there are */
/* Heading of a layer. */
void dump_layer_heading(struct dump *d, uint32_t layer);

/* "refcount 1/1" and the members stored, counted. */
void dump_refcount_text(struct dump *d, uint64_t host_off);
void dump_refcount_json(struct dump *d, uint64_t host_off);

#endif
