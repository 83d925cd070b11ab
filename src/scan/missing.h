/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables that hold references and could not be read whole. While one is missing, a cluster
 * without a reference may be in use: it must not be called leaked without saying so. */
#ifndef QCHECK_SCAN_MISSING_H
#define QCHECK_SCAN_MISSING_H

#include "scan/scan.h"

/* X(enumerator, id in JSON, words) */
#define MISSING_TABLES(X) \
    X(ACTIVE_L1, "active-l1", "the active L1 table") \
    X(SNAPSHOT_L1, "snapshot-l1", "an L1 table of a snapshot") \
    X(L2, "l2", "L2 tables") \
    X(SNAPSHOTS, "snapshots", "the snapshot table") \
    X(BITMAPS, "bitmaps", "the bitmap directory") \
    X(EXTENSIONS, "extensions", "the list of header extensions")

enum missing_table {
#define X(e, id, words) MISSING_##e,
    MISSING_TABLES(X)
#undef X
    N_MISSING
};

/* A bit for each table of which something is missing. */
unsigned missing_tables(const struct scan_result *r);
const char *missing_id(enum missing_table t);

/* "the snapshot table and L2 tables" */
void missing_text(unsigned tables, struct buf *out);

/* Gives the records of leaks a note that says what is missing. */
void missing_note_leaks(struct scan_result *r);

/* What to do about this kind of problem, by itself; what is to be done with the image is
 * for the verdict to say. `tables`: of which something is missing. */
void problem_advice(enum problem_kind kind, unsigned tables, struct buf *out);

#endif
