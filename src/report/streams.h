/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The output streams of the classic report: one letter each, switched on by presets and
 * by -l, off by -e, in the order given. Fatal errors, nonfatal errors and debugging
 * messages go to standard error, everything else to standard output. */
#ifndef QCHECK_REPORT_STREAMS_H
#define QCHECK_REPORT_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* X(enumerator, letter, to stderr, what it is) */
#define STREAMS(X) \
    X(FATAL, 'f', true, "fatal errors") \
    X(NONFATAL, 'w', true, "nonfatal errors: warnings, problems of the storage") \
    X(SUMMARY, 's', false, "summaries of the analysis") \
    X(SECTION, 'h', false, "section headers") \
    X(INFO, 'i', false, "information of all kinds") \
    X(PROBLEM, 'p', false, "detailed reports of problems") \
    X(CONFIRM, 'c', false, "confirmations: what was tested and found in order") \
    X(DEBUG, 'd', true, "debugging messages") \
    X(HEADER, 'H', false, "header data") \
    X(L1, 'L', false, "L1 tables") \
    X(L2, 'l', false, "L2 tables") \
    X(REFTABLE, 'R', false, "refcount table") \
    X(REFCOUNT_2, '2', false, "refcounts of 2 and more") \
    X(REFCOUNT_1, '1', false, "refcounts of 1") \
    X(REFCOUNT_0, '0', false, "refcounts of 0") \
    X(METADATA, 'M', false, "ranges of metadata") \
    X(DATA, 'D', false, "ranges of guest data") \
    X(VACANT, 'V', false, "vacant ranges") \
    X(LEAKED, 'F', false, "leaked (forgotten) ranges") \
    X(ALLOCATED, 'A', false, "allocated ranges: metadata and guest data") \
    X(UNALLOCATED, 'U', false, "unallocated ranges: vacant and leaked") \
    X(EVERYTHING, 'E', false, "all ranges with their classes")

enum stream {
#define X(e, letter, err, help) STREAM_##e,
    STREAMS(X)
#undef X
    N_STREAMS
};

#define STREAM_BIT(e) (UINT32_C(1) << STREAM_##e)

struct stream_info {
    char letter;
    bool to_stderr;
    const char *help;
};

struct preset {
    char letter;            /* the option's */
    const char *name;       /* "basic" */
    const char *letters;    /* the streams it switches on; all others are off */
    const char *help;
};

const struct stream_info *stream_info(enum stream s);
const struct preset *preset_by_letter(char letter);     /* NULL: no such preset */
const struct preset *preset_at(unsigned i);             /* NULL past the last */

/* Streams of a string of letters. False, naming it, for an unknown letter. */
bool streams_parse(const char *letters, uint32_t *out, struct error *err);

#endif
