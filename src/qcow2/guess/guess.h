/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A header destroyed in part. Where a value of the header is one with which QEMU opens no
 * image, another one is looked for, in this order: the header's other fields, the layout
 * that qemu-img create makes, and a search for tables that agree with themselves. It is
 * taken only when the tables at that place prove it. What was taken, and what a person
 * forced, is told here, field by field.
 *
 * An image that QEMU opens is never read by other values than its own, however odd they
 * are: a better one is proposed at most.
 *
 * Work is bounded by GUESS_CLUSTERS_MAX and GUESS_READS_MAX; a sound header costs three
 * small reads. */
#ifndef QCHECK_QCOW2_GUESS_H
#define QCHECK_QCOW2_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/source.h"
#include "qcow2/header.h"

/* Values that a person forces where the header is damaged. */
struct image_options {
    bool force_cluster_bits, force_l1_offset, force_l1_size, force_reftable, force_magic;
    uint32_t cluster_bits;
    uint64_t l1_offset, l1_size, reftable_offset;
    uint64_t reftable_clusters;         /* 0: as in the header, or as long as it seems */
};

enum guess_how {
    GUESS_TAKEN,                    /* guessed, and used in place of the file's value */
    GUESS_FORCED,                   /* a person's value is used */
    GUESS_PROPOSED,                 /* the file's value is used, as QEMU does */
};

#define GUESS_WHY_MAX 160

struct guess {
    const char *table, *field;          /* "header", or "header-ext" and "length" */
    uint64_t off;                       /* of that field, bytes */
    enum guess_how how;
    bool damaged;                       /* the file's value cannot be right */
    uint64_t found;                     /* value in the file */
    uint64_t value;                     /* the other one */
    char why[GUESS_WHY_MAX];            /* what speaks for it */
};

#define GUESSES_MAX 16

struct guesses {
    struct guess list[GUESSES_MAX];     /* by rising offset */
    size_t n;
};

/* Judges *hdr, decoded from the file, and puts in the values of `opt` (may be NULL) and
 * the guesses. False, with a message that proposes what to try, when the file is no qcow2
 * image, or so little of the header is left that nothing can be found. */
bool guess_header(struct source *src, const struct image_options *opt, struct header *hdr,
                  struct guesses *out, struct error *err);

/* The guess about the field at this byte of the header; NULL: none. */
const struct guess *guess_at(const struct guesses *g, uint64_t off);
/* How many values were guessed and taken. */
size_t guesses_taken(const struct guesses *g);

/* Puts the guessed lengths of extensions that were taken into the first bytes of the file;
 * with `undo` those of the file again. */
void guess_patch(const struct guesses *g, uint8_t *bytes, size_t len, bool undo);

struct part;
/* Value of a part of the header, as field_describe, and the other one where there is. */
void guess_describe(const struct guesses *g, const struct part *p, struct buf *out);

/* "l1_table_offset is 0x123, which cannot be right; guessed 0x30000 (default layout)" */
void guess_text(const struct guess *g, struct buf *out);
/* The option with which a person takes this value ("--l1-offset=0x30000"); nothing where
 * there is none. True: something was appended. */
bool guess_option(const struct guess *g, struct buf *out);

const char *guess_how_name(enum guess_how how);     /* "guessed", "forced", "proposed" */

#endif
