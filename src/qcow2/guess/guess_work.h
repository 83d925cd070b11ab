/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the guessing: the fields that can be guessed, and the state of one guess.
 * Nobody but qcow2/guess*.c includes this. */
#ifndef QCHECK_QCOW2_GUESS_WORK_H
#define QCHECK_QCOW2_GUESS_WORK_H

#include "qcow2/guess/guess.h"
#include "qcow2/guess/guess_seek.h"

/* X(enumerator, name in the field table), by rising offset */
#define GUESS_FIELDS(X) \
    X(G_MAGIC, magic) \
    X(G_VERSION, version) \
    X(G_CLUSTER_BITS, cluster_bits) \
    X(G_SIZE, size) \
    X(G_L1_SIZE, l1_size) \
    X(G_L1_OFFSET, l1_table_offset) \
    X(G_REFTABLE_OFFSET, refcount_table_offset) \
    X(G_REFTABLE_CLUSTERS, refcount_table_clusters) \
    X(G_NB_SNAPSHOTS, nb_snapshots) \
    X(G_SNAPSHOTS_OFFSET, snapshots_offset) \
    X(G_INCOMPAT, incompatible_features) \
    X(G_REFCOUNT_ORDER, refcount_order) \
    X(G_HEADER_LENGTH, header_length)

enum guess_field {
#define X(e, name) e,
    GUESS_FIELDS(X)
#undef X
    N_GUESS_FIELDS
};

#define EXT_FIXES_MAX 2                 /* lengths of extensions put right */

struct guessing {
    struct seek s;                      /* s.hdr: the values that go on */
    struct header file;                 /* as decoded from the file */
    bool forced[N_GUESS_FIELDS];
    bool unknown;                       /* nobody knows as what the file begins */
    bool overwritten;                   /* the file begins as something else does */
    bool lost;                          /* nothing of the header is left */
    bool refused;                       /* QEMU opens no image with these values */
    struct guess guess[N_GUESS_FIELDS]; /* field NULL: none */
    struct guess ext[EXT_FIXES_MAX];    /* by rising offset, the first n_ext */
    size_t n_ext;
};

uint64_t *guess_member(struct header *hdr, enum guess_field f);

/* Records a value and takes it, unless a person has forced one or it is the file's. The
 * text says what speaks for it. */
void guess_take(struct guessing *g, enum guess_field f, uint64_t value, const char *fmt,
                ...) __attribute__((format(printf, 4, 5)));
/* Records it without taking it. */
void guess_propose(struct guessing *g, enum guess_field f, uint64_t value,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Takes it where QEMU refuses the image, else proposes it. */
void guess_put(struct guessing *g, enum guess_field f, uint64_t value, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));

/* Records another length of the extension whose length field is at `off`; `type` is the name
 * of its type. */
void guess_ext_length(struct guessing *g, uint64_t off, uint64_t found, uint64_t value,
                      bool take, const char *type);

/* All records in order. */
void guess_collect(const struct guessing *g, struct guesses *out);

/* Say that it is no qcow2 image (*why: how that is known) or that the size of its clusters cannot
 * be told, and what to try. False. */
bool guess_not_qcow2(const struct guessing *g, struct buf *why, struct error *err);
bool guess_no_cluster_size(const struct guessing *g, struct error *err);

/* Does the header in the file look like one of a qcow2 image, but for the magic? */
bool guess_is_plausible(const struct guessing *g);

#define GUESS_WORDS 96
/* "12 entries point to refcount blocks that count themselves" */
const char *reftable_words(const struct reftable_found *f, char out[GUESS_WORDS]);

/* The tables, once cluster_bits is known (guess_tables.c). Snapshots before L1: their L1 tables
 * are not the active one. */
void guess_reftable(struct guessing *g);
/* Goes without refcounts where not even the first cluster has one. */
void guess_doubt_refcounts(struct guessing *g);
void guess_l1(struct guessing *g);
/* The snapshot table: its place and its length (guess_snapshots.c). */
void guess_snapshots(struct guessing *g);
/* header_length, and the lengths of header extensions (guess_ext.c). */
void guess_extensions(struct guessing *g);

#endif
